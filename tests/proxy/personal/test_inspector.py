"""What a worker remembers of texts, how late is too late, and that a call without rules meets nothing of it."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dlp.policy import Direction, Inspecting, inspecting
from dlp.walk import Place, Text
from orbit.lib.errors import Code, OrbitError
from proxy.context import Principal
from proxy.forms import Form
from proxy.personal import findings as findings_module
from proxy.personal.findings import Findings, Looked
from proxy.personal.requests import Given, Inspector
from tenants.schema import policy_document

MAIL = "anna.smith@example.org"
PRINCIPAL = cast(
    "Principal", SimpleNamespace(organization=SimpleNamespace(id="o"), key=SimpleNamespace(id="k"))
)
MOST = 1_000_000  # bytes of an answer
LONG = "x " * 2_000  # too long for the event loop


def policy(**more: Any) -> Inspecting:
    found = inspecting(
        [policy_document({"dlp": {"rules": [{"types": ["*"], "action": "tokenize"}], **more}})]
    )
    assert found is not None
    return found


@pytest.fixture(scope="module")
def findings() -> Findings:
    """With our rules compiled, and nothing remembered of texts."""
    return Findings()


def inspected(inspector: Inspector, said: Inspecting, *texts: str, headers: Any = None) -> Given:
    body = {"messages": [{"role": "user", "content": one} for one in texts]}
    return inspected_body(
        inspector, said, "chat/completions", body, size=sum(map(len, texts)), headers=headers
    )


def inspected_body(
    inspector: Inspector,
    said: Inspecting,
    endpoint: str,
    body: dict[str, Any],
    size: int = 0,
    headers: Any = None,
    form: Form | None = None,
) -> Given:
    return asyncio.run(
        inspector.request(
            principal=PRINCIPAL, policy=said, endpoint=endpoint, body=body, size=size, headers=headers or {}, form=form
        )
    )  # fmt: skip


def test_next_turn_looks_only_at_what_is_new(findings: Findings) -> None:
    inspector, said = Inspector(MOST, findings), policy()
    inspected(inspector, said, f"I am {MAIL}", "what is new?")
    before = findings.looked_for
    given = inspected(inspector, said, f"I am {MAIL}", "what is new?", "and now?")
    assert findings.looked_for - before == 1
    assert MAIL not in str(given.body)


def test_what_was_found_by_one_policy_is_nothing_to_another(findings: Findings) -> None:
    inspector = Inspector(MOST, findings)
    inspected(inspector, policy(), f"of {MAIL}")
    before = findings.looked_for
    inspected(inspector, policy(hold_back=5), f"of {MAIL}")
    assert findings.looked_for == before + 1


def test_memory_is_bounded_and_holds_no_text(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "REMEMBERED", 5)
    for number in range(9):
        findings.of(policy(), "o", f"{number} {MAIL}", "", Direction.REQUEST)
    assert len(findings.known) <= 6
    assert MAIL not in f"{findings.known!r} {findings!r}"


def test_placeholders_are_those_of_the_conversation(findings: Findings) -> None:
    inspector, said = Inspector(MOST, findings), policy()
    first = inspected(inspector, said, f"I am {MAIL}").body["messages"][0]
    assert inspected(inspector, said, f"I am {MAIL}", "and?").body["messages"][0] == first
    other = inspected(inspector, said, f"Here is {MAIL}").body["messages"][0]["content"]
    assert other.split()[-1] != first["content"].split()[-1]
    named = {b"x-orbit-session": b"s1"}
    one, two = (inspected(inspector, said, f"{start} {MAIL}", headers=named).body for start in ("A", "B"))
    assert one["messages"][0]["content"][2:] == two["messages"][0]["content"][2:]


class Slow(Findings):
    def of(self, *_: Any) -> Looked:
        time.sleep(0.3)
        return Looked(())


def test_what_comes_too_late_is_refused_and_nothing_is_sent() -> None:
    with pytest.raises(OrbitError) as refused:
        inspected(Inspector(MOST, Slow()), policy(deadline_ms=50), LONG, LONG)
    assert refused.value.code is Code.NOT_INSPECTED
    assert refused.value.retry_after_s


def test_what_comes_too_late_passes_marked_where_the_policy_says_so() -> None:
    given = inspected(Inspector(MOST, Slow()), policy(deadline_ms=50, when_uninspected="pass"), LONG, LONG)
    assert given.raw is None
    assert given.inspection.told() == {"uninspected": [{"direction": "request", "reason": "deadline"}]}


def test_repr_of_an_inspection_tells_no_value(findings: Findings) -> None:
    given = inspected(Inspector(MOST, findings), policy(), f"I am {MAIL}")
    assert MAIL not in f"{given.inspection!r}"
    text = Text(Place.USER, MAIL)
    looked = given.inspection.look(text, Direction.REQUEST)
    assert given.inspection.replaced(text, looked.decided, Direction.REQUEST) != MAIL
