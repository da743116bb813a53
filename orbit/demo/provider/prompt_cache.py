"""Reads from a prompt cache, as the vendor counts them: long prompts, seen prefix, steps of 128 tokens."""

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from . import tokens

_SHORTEST = 1_024
_STEP = 128
_KEPT_PREFIXES = 10_000


class PromptCache:
    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def read(self, model: str, messages: Sequence[dict[str, Any]], prompt_tokens: int) -> int:
        """Tokens of the longest run of leading messages that an earlier call also began with."""
        if prompt_tokens < _SHORTEST:
            return 0
        digest, total, known = 0, 0, 0
        for message in messages:
            digest = zlib.crc32(orjson.dumps(message), digest)
            total += tokens.count_message(message)
            key = (model, digest, total)
            if key in self._seen:
                known = total
            self._seen[key] = None
        while len(self._seen) > _KEPT_PREFIXES:
            self._seen.popitem(last=False)
        known = min(known, prompt_tokens)
        return known // _STEP * _STEP if known >= _SHORTEST else 0
