"""Rules about personal data in the editor: as sentences, and as rows of a form that loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from console.policies import draft, form
from console.policies.words import in_words
from tenants.schema import policy_document

RULE: dict[str, Any] = {"types": ["EMAIL_ADDRESS", "SECRET"], "action": "mask"}


def said(**dlp: Any) -> str:
    parts = in_words(policy_document({"dlp": dlp}), "EUR")
    return "\n".join(sentence for part in parts for sentence in part.sentences)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RULE, "EMAIL_ADDRESS, SECRET in requests and answers: replaced by its type."),
        ({**RULE, "direction": "request", "action": "tokenize"}, "in requests: replaced by a placeholder, which is turned back"),
        ({**RULE, "action": "block"}, "SECRET: a request with it is refused, an answer with it ends there."),
        ({**RULE, "types": ["*"], "threshold": 0.8}, "Everything that is known in requests and answers, where the score is at least 0.8"),
        ({**RULE, "shadow": True}, "only reported; the rule would mask."),
    ],
)  # fmt: skip
def test_a_rule_reads_as_a_sentence(rule: dict[str, Any], words: str) -> None:
    assert words in said(rules=[rule])


def test_a_policy_without_says_nothing_of_it() -> None:
    assert not [part for part in in_words(policy_document({}), "EUR") if "Personal" in part.title]


def given_of(content: dict[str, Any]) -> dict[str, str]:
    """The form as a browser sends it back."""
    shown = form.form_of(content)
    assert shown is not None
    made = {form.SHOWN: "yes", **shown.fields}
    for row in shown.rules:
        made |= {f"rule-{row.number}-{name}": value for name, value in row.fields.items()}
    return made


def test_form_that_was_not_touched_changes_nothing() -> None:
    some: list[dict[str, Any]] = [
        {},
        {"dlp": []},
        {"dlp": {"rules": [RULE], "allow": [{"value": "a@b.example"}]}},
        {"dlp": {"rules": [RULE], "names": {"by": "model", "deadline_ms": 900}}},
    ]
    for content in some:
        expected = {name: value for name, value in content.items() if value}
        assert form.merged(content, content, given_of(content)) == expected


def test_what_the_form_changes_is_put_into_the_text() -> None:
    content = {"dlp": {"rules": [RULE], "patterns": [{"name": "EMP", "pattern": "EMP-1+"}]}}
    given = given_of(content) | {
        "rule-0-types": "EMP",
        "rule-0-threshold": "0.7",
        "rule-0-shadow": "yes",
        "when_uninspected": "pass",
    }
    made = form.merged(content, content, given)
    assert made["dlp"] == {
        "rules": [{"types": ["EMP"], "action": "mask", "threshold": 0.7, "shadow": True}],
        "patterns": [{"name": "EMP", "pattern": "EMP-1+"}],
        "when_uninspected": "pass",
    }


def test_model_for_names_is_switched_on_and_off_in_the_form() -> None:
    content = {"dlp": {"rules": [RULE]}}
    on = form.merged(content, content, given_of(content) | {"names_by": "model", "names_deadline_ms": "900"})
    assert on["dlp"] == {"rules": [RULE], "names": {"by": "model", "deadline_ms": 900}}
    policy_document(on)
    off = form.merged(on, on, given_of(on) | {"names_by": "rules", "names_deadline_ms": ""})
    assert off == content
    assert form.form_of({"dlp": {"names": "model"}}) is None


@pytest.mark.parametrize(("workers", "told"), [(0, True), (1, False)])
def test_model_for_names_reads_as_a_sentence(settings: Any, workers: int, told: bool) -> None:
    settings.ORBIT_NAMES_WORKERS = workers
    words = said(rules=[RULE], names={"by": "model", "deadline_ms": 900, "when_uninspected": "pass"})
    assert (
        "by the model too. A call that it does not look at within 0.9 seconds passes, and is marked" in words
    )
    assert ("This installation has no workers for that" in words) is told
    assert "by the model" not in said(rules=[RULE], names={"by": "rules"})


def test_rules_are_added_and_taken_out() -> None:
    added = form.merged({}, {}, {form.SHOWN: "yes", "do": "add-rule"})
    assert len(added["dlp"]["rules"]) == 1
    assert draft.judged(draft.read(draft.written({"limits": []})), None).ok
    policy_document(added)
    taken = form.merged(added, added, {form.SHOWN: "yes", "do": "drop-rule-0"})
    assert taken["dlp"]["rules"] == []


def test_text_with_rules_of_another_shape_is_left_to_the_text() -> None:
    assert form.form_of({"dlp": {"rules": "all"}}) is None
