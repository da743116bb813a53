"""Of all rules that fit a finding the strictest holds, and no policy below weakens one above."""

from __future__ import annotations

from typing import Any

import pytest

from dlp.findings import Finding
from dlp.policy import Action, Direction, Inspecting, inspecting
from tenants.schema import policy_document

TEXT = "write to anna@example.org"
MAIL = Finding(9, 25, "EMAIL_ADDRESS", 0.9, "email")


def of(*said: dict[str, Any]) -> Inspecting | None:
    return inspecting(policy_document({"dlp": one}) for one in said)


def rule(action: str, *types: str, **more: Any) -> dict[str, Any]:
    return {"types": list(types or ("EMAIL_ADDRESS",)), "action": action, **more}


def done(*said: dict[str, Any], direction: Direction = Direction.REQUEST) -> list[tuple[str, bool]]:
    made = of(*said)
    assert made is not None
    return [(one.action.value, one.shadow) for one in made.decided([MAIL], TEXT, direction)]


def test_policies_without_a_rule_cost_nothing() -> None:
    assert inspecting([policy_document({}), policy_document({"dlp": {"max_bytes": 5000}})]) is None


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([{"rules": [rule("log"), rule("mask", "*")]}], [("mask", False)]),
        ([{"rules": [rule("mask")]}, {"rules": [rule("log")]}], [("mask", False)]),
        ([{"rules": [rule("mask")]}, {"rules": [rule("block")]}], [("block", False)]),
        ([{"rules": [rule("mask", threshold=0.95)]}], []),
        ([{"rules": [rule("mask", "IP_ADDRESS")]}], []),
        ([{"rules": [rule("mask", direction="answer")]}], []),
        ([{"rules": [rule("mask"), rule("block", shadow=True)]}], [("mask", False), ("block", True)]),
        ([{"rules": [rule("mask")], "allow": [{"value": "Anna@Example.org"}]}], []),
        ([{"rules": [rule("mask")], "allow": [{"value": "anna@example.org", "type": "SECRET"}]}], [("mask", False)]),
        ([{"rules": [rule("mask")]}, {"rules": [rule("log")], "allow": [{"value": "anna@example.org"}]}], [("mask", False)]),
    ],
)  # fmt: skip
def test_strictest_of_the_chain_holds(chain: list[dict[str, Any]], expected: list[tuple[str, bool]]) -> None:
    assert done(*chain) == expected


def test_a_rule_about_answers_is_for_answers() -> None:
    said = {"rules": [rule("mask", direction="answer")]}
    assert done(said, direction=Direction.ANSWER) == [("mask", False)]
    made = of(said)
    assert made is not None
    assert (made.requests, made.answers) == (False, True)


def test_where_findings_overlap_the_stricter_action_stays() -> None:
    made = of({"rules": [rule("log", "*"), rule("block", "SECRET")]})
    assert made is not None
    secret = Finding(4, 12, "SECRET", 0.6, "secret")
    found = made.decided([Finding(0, 8, "PERSON", 0.99, "name"), secret], "x" * 20, Direction.REQUEST)
    rest = Finding(0, 4, "PERSON", 0.99, "name")
    assert [(one.finding, one.action) for one in found] == [(rest, Action.LOG), (secret, Action.BLOCK)]


def test_caps_of_several_policies_are_the_widest_and_one_refusal_is_enough() -> None:
    small = {"rules": [rule("mask")], "max_bytes": 2000, "when_uninspected": "pass", "hold_back": 10}
    made = of(small, {"rules": [rule("log")], "max_bytes": 9000, "hold_back": 40})
    assert made is not None
    assert (made.max_bytes, made.refuses, made.hold_back) == (9000, True, 40)
