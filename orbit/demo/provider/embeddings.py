"""Embedding vectors: deterministic, unit length, cheap."""

import base64
import random
import zlib
from array import array
from dataclasses import dataclass
from typing import Any

from . import tokens
from .catalogue import Model
from .chat_request import read_model, refuse_unknown
from .refusals import bad_request

_FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_MOST_INPUTS = 2_048
_BASES = 16


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    model: Model
    inputs: list[str] | list[list[int]]
    dimensions: int
    as_base64: bool

    @property
    def first_text(self) -> str:
        first = self.inputs[0]
        return first if isinstance(first, str) else ""

    @property
    def prompt_tokens(self) -> int:
        return sum(_length(each) for each in self.inputs)


def read_embedding_request(fields: dict[str, Any]) -> EmbeddingRequest:
    refuse_unknown(fields, _FIELDS)
    model = read_model(fields, "embedding")
    encoding = fields.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise bad_request(
            "Invalid 'encoding_format': expected 'float' or 'base64'.",
            param="encoding_format",
        )
    dimensions = fields.get("dimensions", model.dimensions)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= model.dimensions:
        raise bad_request(f"Invalid 'dimensions': from 1 to {model.dimensions}.", param="dimensions")
    inputs = _inputs(fields.get("input"))
    if any(_length(each) > model.context_tokens for each in inputs):
        message = f"This model's maximum context length is {model.context_tokens} tokens."
        raise bad_request(message, code="context_length_exceeded")
    return EmbeddingRequest(model, inputs, dimensions, encoding == "base64")


def _inputs(value: Any) -> list[str] | list[list[int]]:
    if isinstance(value, str) and value:
        return [value]
    if isinstance(value, list) and len(value) > 0:
        if all(type(each) is int for each in value):
            return [value]
        if len(value) <= _MOST_INPUTS and (_all_texts(value) or _all_token_lists(value)):
            return value
    raise bad_request("'$.input' is invalid. Please check the API reference.", param="input")


def _all_texts(value: list[Any]) -> bool:
    return all(isinstance(each, str) and each for each in value)


def _all_token_lists(value: list[Any]) -> bool:
    return all(isinstance(each, list) and each and all(type(one) is int for one in each) for each in value)


def _length(one: str | list[int]) -> int:
    return tokens.count(one) if isinstance(one, str) else len(one)


class Vectors:
    """A rotated unit vector is a unit vector: a few random bases per width give thousands, almost free."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bases: dict[tuple[int, int], array[float]] = {}

    def of(self, request: EmbeddingRequest) -> list[str] | list[list[float]]:
        found = [self._vector(each, request.dimensions) for each in request.inputs]
        if request.as_base64:
            return [base64.b64encode(vector.tobytes()).decode() for vector in found]
        return [vector.tolist() for vector in found]

    def _vector(self, one: str | list[int], dimensions: int) -> "array[float]":
        digest = zlib.crc32((one if isinstance(one, str) else str(one)).encode())
        base = self._base(digest % _BASES, dimensions)
        start = digest // _BASES % dimensions
        return base[start : start + dimensions]

    def _base(self, number: int, dimensions: int) -> "array[float]":
        base = self._bases.get((number, dimensions))
        if base is None:
            chance = random.Random(f"{self._seed}/{number}/{dimensions}")  # noqa: S311
            values = [chance.gauss(0, 1) for _ in range(dimensions)]
            length = sum(value * value for value in values) ** 0.5
            base = array("f", [value / length for value in values] * 2)
            self._bases[number, dimensions] = base
        return base
