"""Two translations in a row as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.base import StreamBack, Translate, Translated


@dataclass(slots=True)
class Composed:
    """`outer` speaks with the client, `inner` with the provider."""

    outer: Translated
    inner: Translated

    @property
    def body(self) -> dict[str, Any]:
        return self.inner.body

    @body.setter
    def body(self, body: dict[str, Any]) -> None:
        self.inner.body = body

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return self.outer.answer(self.inner.answer(answer))

    def stream(self) -> ComposedBack:
        return ComposedBack(self.outer.stream(), self.inner.stream())


@dataclass(slots=True)
class ComposedBack:
    outer: StreamBack
    inner: StreamBack

    def feed(self, chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._onwards(self.inner.feed(chunk))

    def end(self) -> list[dict[str, Any]]:
        return self._onwards(self.inner.end()) + self.outer.end()

    def _onwards(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [event for one in events for event in self.outer.feed(one)]


def composed(first: Translate, second: Translate) -> Translate:
    """The client's format to one in between by `first`, and on to the provider's by `second`."""

    def translate(body: Mapping[str, Any], terms: Terms) -> Composed:
        outer = first(body, terms)
        # whether the client asked for usage is nothing to the second: what reads its stream always needs it
        inner = second(outer.body, replace(terms, wants_usage=True))
        return Composed(outer, inner)

    return translate
