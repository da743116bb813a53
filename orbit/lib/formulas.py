"""Text for files that are opened in spreadsheets, which take for a formula what begins like one."""

from __future__ import annotations

from typing import Any

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(value: Any) -> Any:
    """Text of other people never starts a formula; numbers are left as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_BEGINNINGS) else value
