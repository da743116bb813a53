"""What a model's name tells of how it counts: its vendor, the nearest vocabulary we have, and the padding.

Never an error: a name that nobody knows is counted with the newest vocabulary and a generous padding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

O200K, CL100K = "o200k_base", "cl100k_base"

# The longest prefix of a plain name wins. Harmony's vocabulary has the same words as o200k.
ENCODINGS = {
    "gpt-4": CL100K,
    "gpt-4o": O200K,
    "gpt-4.": O200K,
    "gpt-3.5": CL100K,
    "gpt-35": CL100K,
    "text-embedding-": CL100K,
    "text-embedding-00": O200K,  # Google's
    "text-embedding-v": O200K,  # Qwen's
    "davinci-002": CL100K,
    "babbage-002": CL100K,
}

OPENAI, CLAUDE, GEMINI, MISTRAL = "openai", "claude", "gemini", "mistral"
DEEPSEEK, QWEN, LLAMA, COHERE, UNKNOWN = "deepseek", "qwen", "llama", "cohere", ""

VENDORS = {
    **dict.fromkeys(("gpt", "chatgpt", "o1", "o3", "o4", "codex", "computer-use"), OPENAI),
    **dict.fromkeys(("text-embedding-", "davinci-002", "babbage-002"), OPENAI),
    **dict.fromkeys(("gpt-neo", "gpt-j"), UNKNOWN),
    "claude": CLAUDE,
    **dict.fromkeys(("gemini", "gemma", "learnlm", "text-embedding-00"), GEMINI),
    **dict.fromkeys(("mistral", "mixtral", "ministral", "open-mistral", "open-mixtral"), MISTRAL),
    **dict.fromkeys(("codestral", "devstral", "magistral", "pixtral", "voxtral"), MISTRAL),
    "deepseek": DEEPSEEK,
    **dict.fromkeys(("qwen", "qwq", "qvq", "text-embedding-v"), QWEN),
    **dict.fromkeys(("llama", "meta-llama", "codellama"), LLAMA),
    **dict.fromkeys(("command", "c4ai", "embed-english", "embed-multilingual", "embed-v"), COHERE),
}


@dataclass(frozen=True, slots=True)
class Padding:
    """Tokens of a vendor for each of ours: in the Latin script, and in any other."""

    latin: float
    other: float


PADDINGS = {
    OPENAI: Padding(1.0, 1.0),
    GEMINI: Padding(1.2, 1.2),
    MISTRAL: Padding(1.1, 1.1),
    DEEPSEEK: Padding(1.15, 1.15),
    QWEN: Padding(1.15, 1.15),
    LLAMA: Padding(1.15, 1.15),
    COHERE: Padding(1.2, 1.2),
    UNKNOWN: Padding(1.3, 1.8),
}
CLAUDE_4_6, CLAUDE_4_7 = Padding(1.3, 1.3), Padding(1.7, 1.7)

_ROUTE = re.compile(r"^(?:[a-z]+(?:-[a-z]+)?\.)+(?=[a-z])")  # us.anthropic.…
_DATE = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})(?![0-9])")
_VERSION = re.compile(r"(?<![0-9])(\d{1,2})(?:[-.](\d{1,2}))?(?![0-9])")
_NEWEST = (99, 0)


@dataclass(frozen=True, slots=True)
class Family:
    name: str  # plain
    vendor: str
    version: tuple[int, int]
    encoding: str
    padding: Padding


@lru_cache(maxsize=4096)
def family_of(model: str) -> Family:
    name = plain_name(model)
    vendor = longest(VENDORS, name) or UNKNOWN
    version = _version(name)
    padding = PADDINGS.get(vendor) or (CLAUDE_4_7 if version >= (4, 7) else CLAUDE_4_6)
    return Family(name, vendor, version, longest(ENCODINGS, name) or O200K, padding)


def plain_name(model: str) -> str:
    """The name without route, region, fine-tuning and date, so that a prefix of it names a family."""
    name = model.strip().lower().rsplit("/", 1)[-1].removeprefix("ft:").partition(":")[0]
    return _DATE.sub("", _ROUTE.sub("", name))


def longest(table: Mapping[str, T], name: str) -> T | None:
    """The entry of the longest prefix."""
    prefixes = [prefix for prefix in table if name.startswith(prefix)]
    return table[max(prefixes, key=len)] if prefixes else None


def _version(name: str) -> tuple[int, int]:
    """The first number of a name with the part after it; the newest for a name without one."""
    found = _VERSION.search(name)
    return (int(found[1]), int(found[2] or 0)) if found else _NEWEST
