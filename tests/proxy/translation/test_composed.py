"""Two translations in a row behave as one; the translations here are small ones of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from orbit.lib.errors import OrbitError
from proxy.formats.base import Terms, Unreadable
from proxy.translation.base import Translate
from proxy.translation.composed import composed
from tenants.untranslatable import Dropping


@dataclass
class Back:
    """Says each event twice, and at its end how many it was given."""

    mark: str
    count: int = 0

    def feed(self, chunk: Mapping[str, Any]) -> list[dict[str, Any]]:
        self.count += 1
        if "broken" in chunk:
            raise Unreadable("broken")
        said = f"{chunk['said']}{self.mark}"
        return [{"said": said}, {"said": said.upper()}]

    def end(self) -> list[dict[str, Any]]:
        return [{"said": f"{self.mark}{self.count}"}]


@dataclass
class Marked:
    body: dict[str, Any]
    mark: str

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"path": [*answer["path"], self.mark]}

    def stream(self) -> Back:
        return Back(self.mark)


@dataclass
class Marking:
    """A translation that writes its mark on all that passes."""

    mark: str
    terms: list[Terms] = field(default_factory=list)

    def __call__(self, body: Mapping[str, Any], terms: Terms) -> Marked:
        self.terms.append(terms)
        if "hard" in body:
            terms.cannot("hard", f"{self.mark} has no word for it")
        return Marked({**body, "path": [*body.get("path", []), self.mark]}, self.mark)


def settled(**fields: Any) -> Terms:
    return Terms(model="m", output_cap=10, **fields)


def test_request_goes_through_the_first_and_then_the_second() -> None:
    assert composed(Marking("a"), Marking("b"))({}, settled()).body == {"path": ["a", "b"]}


def test_answer_comes_back_through_the_second_and_then_the_first() -> None:
    made = composed(Marking("a"), Marking("b"))({}, settled())
    assert made.answer({"path": []}) == {"path": ["b", "a"]}


def test_every_event_of_the_second_goes_through_the_first() -> None:
    back = composed(Marking("a"), Marking("b"))({}, settled()).stream()
    assert [one["said"] for one in back.feed({"said": "x"})] == ["xba", "XBA", "XBa", "XBA"]


def test_end_of_the_second_goes_through_the_first_before_that_ends() -> None:
    back = composed(Marking("a"), Marking("b"))({}, settled()).stream()
    back.feed({"said": "x"})
    assert [one["said"] for one in back.end()] == ["b1a", "B1A", "a3"]


def test_streams_of_one_call_share_nothing() -> None:
    made = composed(Marking("a"), Marking("b"))({}, settled())
    made.stream().feed({"said": "x"})
    assert made.stream().end()[-1] == {"said": "a1"}


def test_what_the_second_cannot_read_is_unreadable() -> None:
    back = composed(Marking("a"), Marking("b"))({}, settled()).stream()
    with pytest.raises(Unreadable):
        back.feed({"broken": True})


def test_three_in_a_row_are_as_two() -> None:
    made = composed(composed(Marking("a"), Marking("b")), Marking("c"))({}, settled())
    assert made.body == {"path": ["a", "b", "c"]}
    assert made.answer({"path": []}) == {"path": ["c", "b", "a"]}
    assert [one["said"] for one in made.stream().end()] == [
        "c0ba",
        "C0BA",
        "C0Ba",
        "C0BA",
        "b1a",
        "B1A",
        "a3",
    ]


def test_body_can_be_replaced_as_that_of_any_other() -> None:
    made = composed(Marking("a"), Marking("b"))({}, settled())
    made.body = {"other": 1}
    assert made.body == {"other": 1}


def test_second_always_gives_usage_and_the_first_is_told_what_the_client_wants() -> None:
    """What the client asked for is said in its own format; the one in between is never seen."""
    first, second = Marking("a"), Marking("b")
    composed(first, second)({}, settled(stream=True, wants_usage=False))
    assert [first.terms[0].wants_usage, second.terms[0].wants_usage] == [False, True]
    assert second.terms[0].stream


@pytest.mark.parametrize("place", [0, 1])
def test_either_may_refuse(place: int) -> None:
    def easy(body: Mapping[str, Any], terms: Terms) -> Marked:
        return Marked({name: one for name, one in body.items() if place == 1 or name != "hard"}, "easy")

    pair: list[Translate | Callable[..., Marked]] = [easy, easy]
    pair[place] = Marking("x")
    with pytest.raises(OrbitError) as caught:
        composed(pair[0], pair[1])({"hard": 1}, settled())
    assert caught.value.param == "hard"


def test_what_either_left_out_is_listed_with_the_call() -> None:
    terms = settled(drop=Dropping((None,)))
    composed(Marking("a"), lambda body, other: _drops(body, other))({"hard": 1}, terms)
    assert terms.dropped == ["hard", "late"]


def _drops(body: Mapping[str, Any], terms: Terms) -> Marked:
    terms.cannot("late", "it came late")
    return Marked(dict(body), "d")
