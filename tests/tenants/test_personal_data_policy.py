"""What a policy may say about personal data, and what it is told when it says something else."""

from __future__ import annotations

from typing import Any

import pytest

from dlp.kinds import Kind
from tenants.schema import policy_document
from tenants.schema.problems import Invalid

RULE: dict[str, Any] = {"types": ["EMAIL_ADDRESS"], "action": "mask"}
PATTERN = {"name": "EMPLOYEE", "pattern": r"EMP-\d{6}", "matches": ["EMP-123456"]}


def document(**said: Any) -> Any:
    return policy_document({"dlp": said})["dlp"]


@pytest.mark.parametrize("said", [None, [], {}])
def test_nothing_is_stored_as_nothing(said: object) -> None:
    assert policy_document({"dlp": said})["dlp"] == []


def test_a_rule_is_stored_with_all_its_defaults() -> None:
    stored = document(rules=[RULE])
    assert stored["rules"] == [{**RULE, "direction": "both", "threshold": 0.5, "shadow": False}]
    assert (stored["when_uninspected"], stored["hold_back"]) == ("refuse", 128)
    assert policy_document({"dlp": stored})["dlp"] == stored


def test_what_says_nothing_of_names_is_stored_as_it_was_before_there_were_any() -> None:
    assert "names" not in document(rules=[RULE])
    stored = document(rules=[RULE], names={"by": "model"})
    assert stored["names"] == {"by": "model", "deadline_ms": 2000, "when_uninspected": "refuse"}
    assert policy_document({"dlp": stored})["dlp"] == stored


def test_a_spared_value_is_stored_as_it_was_given_or_as_a_digest() -> None:
    digest = {"digest": "0123456789abcdef" * 2, "type": None}
    stored = document(rules=[RULE], allow=[{"value": "x", "type": "SECRET"}, digest])
    assert stored["allow"] == [{"value": "x", "type": "SECRET"}, digest]
    assert policy_document({"dlp": stored})["dlp"] == stored


@pytest.mark.parametrize("kind", list(Kind))
def test_every_type_can_be_named(kind: Kind) -> None:
    assert document(rules=[{**RULE, "types": [kind.value]}])


def test_types_of_ones_own_can_be_named() -> None:
    said = document(
        patterns=[PATTERN],
        dictionaries=[{"name": "PROJECT", "terms": ["Blue Whale"]}],
        rules=[{**RULE, "types": ["EMPLOYEE", "PROJECT"]}],
        allow=[{"value": "EMP-000000", "type": "EMPLOYEE"}],
    )
    assert said["patterns"] == [PATTERN]


@pytest.mark.parametrize(
    ("said", "path", "message"),
    [
        ({"rules": [{**RULE, "types": ["EMAIL_ADRESS"]}]}, "rules[0].types[0]", "did you mean 'EMAIL_ADDRESS'?"),
        ({"rules": [{**RULE, "types": []}]}, "rules[0].types", "must not be empty"),
        ({"rules": [{**RULE, "action": "masc"}]}, "rules[0].action", "did you mean 'mask'?"),
        ({"rules": [{**RULE, "direction": "in"}]}, "rules[0].direction", "one of: request, answer, both"),
        ({"rules": [{**RULE, "action": "tokenize", "direction": "answer"}]}, "rules[0].action", "use mask or hash"),
        ({"rules": [{**RULE, "threshold": 2}]}, "rules[0].threshold", "must be a number from 0.3 to 1"),
        ({"rules": [{**RULE, "treshold": 0.7}]}, "rules[0].treshold", "did you mean 'threshold'?"),
        ({"rules": [RULE] * 101}, "rules", "must have at most 100 entries"),
        ({"patterns": [{"name": "E", "pattern": "x+"}]}, "patterns[0].name", "such as EMPLOYEE_NUMBER"),
        ({"patterns": [{"name": "SECRET", "pattern": "x+"}]}, "patterns[0].name", "is a type that is there already"),
        ({"patterns": [{"name": "EMP", "pattern": "(?=x)"}]}, "patterns[0].pattern", "Look-around is not supported"),
        ({"patterns": [{**PATTERN, "matches": ["no"]}]}, "patterns[0].pattern", "does not find anything"),
        ({"dictionaries": [{"name": "WORDS", "terms": ["a"]}]}, "dictionaries[0].terms", "shorter than two characters"),
        ({"allow": [{"value": ""}]}, "allow[0].value", "must not be empty"),
        ({"allow": [{"digest": "x"}]}, "allow[0].digest", "32 hexadecimal digits"),
        ({"allow": [{"type": "SECRET"}]}, "allow[0]", "a value or a digest, and not both"),
        ({"allow": [{"value": "x", "digest": "0" * 32}]}, "allow[0]", "a value or a digest, and not both"),
        ({"allow": [{"value": "x", "type": "NOTHING"}]}, "allow[0].type", "is not known"),
        ({"when_uninspected": "ignore"}, "when_uninspected", "one of: refuse, pass"),
        ({"hold_back": -1}, "hold_back", "must be at least 0"),
        ({"names": {"by": "modell"}}, "names.by", "did you mean 'model'?"),
        ({"names": {"deadline_ms": 1}}, "names.deadline_ms", "must be at least 20"),
        ({"names": {"when_uninspected": "ignore"}}, "names.when_uninspected", "one of: refuse, pass"),
        ({"names": {"on": True}}, "names.on", ""),
        ({"max_bytes": 10}, "max_bytes", "must be at least 1000"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_remedy(said: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        document(**said)
    (problem,) = refused.value.problems
    assert problem.path == f"dlp.{path}"
    assert message in f"{problem.message} {problem.suggestion}"
