from __future__ import annotations

from tests.audit.conftest import feed
from tests.console.conftest import tenant

__all__ = ["feed", "tenant"]
