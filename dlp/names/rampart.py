"""Rampart: a token classifier of 6 layers for names and addresses, on one thread of ONNX Runtime.

Of its 17 labels those of names and addresses are used; rules are better at all others, which only say here that a word
is no name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from dlp.findings import Finding
from dlp.names import files
from dlp.names.finder import Late
from dlp.names.spans import Part, Word, findings
from dlp.names.windows import Window, windows

_BEGIN, _END = "[CLS]", "[SEP]"
# The two labels (begin, inside) of each type, by number.
_LABELS = MappingProxyType(
    {
        Part.NAME: (1, 2, 3, 4),
        Part.BUILDING: (23, 24),
        Part.STREET: (25, 26),
        Part.SECONDARY: (27, 28),
        Part.CITY: (29, 30),
        Part.STATE: (31, 32),
        Part.POSTCODE: (33, 34),
    }
)
_COUNT = 35
_PARTS = (*_LABELS, Part.OTHER)
_NAME = _PARTS.index(Part.NAME)


class Rampart:
    def __init__(self, where: Path) -> None:
        """`where` is the folder that `convert` filled."""
        self._tokenizer = Tokenizer.from_file(str(where / files.TOKENIZER))
        self._begin, self._end = _number(self._tokenizer, _BEGIN), _number(self._tokenizer, _END)
        self._session = onnxruntime.InferenceSession(
            str(where / files.MODEL), _options(), providers=["CPUExecutionProvider"]
        )
        self._parts = _sums()

    def find(self, text: str, late: Callable[[], bool]) -> list[Finding]:
        """Late once `late()` says so; asked before each window."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids, dtype=np.int64)
        if not len(ids):
            return []
        said = [self._said(ids, window, late) for window in windows(len(ids))]
        return findings(text, _words(text, encoding, np.concatenate(said)))

    def _said(self, ids: Any, window: Window, late: Callable[[], bool]) -> Any:
        """For each token that counts in the window, the share of each part."""
        if late():
            raise Late
        inner = ids[window.start : window.end]
        row: Any = np.concatenate(([self._begin], inner, [self._end]))[None]
        feed = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
        }
        (logits,) = self._session.run(["logits"], feed)
        counting = logits[0, 1 + window.first - window.start : 1 + window.last - window.start]
        shares = np.exp(counting - counting.max(axis=1, keepdims=True))
        return (shares / shares.sum(axis=1, keepdims=True)) @ self._parts


def _words(text: str, encoding: Any, shares: Any) -> Iterator[Word]:
    """Pieces of a word speak together."""
    numbers, places = encoding.word_ids, encoding.offsets  # each made anew when it is asked for
    start = 0
    for place in range(1, len(numbers) + 1):
        if place < len(numbers) and numbers[place] == numbers[start]:
            continue
        together = shares[start:place].mean(axis=0)
        best = int(together.argmax())
        first, last = places[start][0], places[place - 1][1]
        while last < len(text) and unicodedata.combining(text[last]):  # accents, which the tokenizer drops
            last += 1
        yield Word(first, last, _PARTS[best], float(together[best]), float(together[_NAME]))
        start = place


def _sums() -> Any:
    """Turns shares of labels into shares of parts."""
    sums = np.zeros((_COUNT, len(_PARTS)), dtype=np.float32)
    sums[:, -1] = 1
    for column, labels in enumerate(_LABELS.values()):
        sums[list(labels), column] = 1
        sums[list(labels), -1] = 0
    return sums


def _number(tokenizer: Tokenizer, sign: str) -> int:
    found = tokenizer.token_to_id(sign)
    assert found is not None
    return found


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # one plan for each length of text would be kept
    options.log_severity_level = 3
    return options
