"""How bad an event is, in the words that logs have for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Severity = Literal["INFO", "NOTICE", "WARNING", "ERROR"]

_BY_STATUS: Mapping[str, Severity] = {
    "settled": "INFO",
    "client_gone": "NOTICE",
    "lease_expired": "WARNING",
    "provider_failed": "ERROR",
}
_BY_KIND: Mapping[str, Severity] = {"act": "NOTICE", "refusal": "WARNING"}


def severity(event: Mapping[str, Any]) -> Severity:
    """By the status where there is one; a redacted status is none."""
    return _BY_STATUS.get(event.get("status", ""), _BY_KIND.get(event["kind"], "INFO"))
