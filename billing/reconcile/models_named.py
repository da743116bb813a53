"""Under which name a model of ours and one of a report are the same.

Reports name what a model was resolved to (`gpt-4o-mini-2024-07-18`), our ledger what was asked for (`gpt-4o-mini`).
"""

from __future__ import annotations

from functools import lru_cache

from quotas.families import plain_name

LATEST = "-latest"


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Without route, date and `-latest`. The provider that a broker names before a slash is left out too."""
    return plain_name(name).removesuffix(LATEST) if name else ""
