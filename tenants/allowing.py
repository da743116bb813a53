"""The key of an organization by which allow-lists know values without showing them."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from django.conf import settings


def allow_key(organization_id: UUID | str) -> bytes:
    """Made of the pepper of issued keys: whoever changes that has every application take new keys anyway."""
    message = f"dlp.allow\0{organization_id}".encode()
    return hmac.digest(settings.ORBIT_KEY_PEPPER.encode(), message, hashlib.sha256)
