"""How calls ask the model: with real worker processes, whose model does as a text asks (tests/dlp/names/conftest.py)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dlp.names.wire import Reason
from dlp.policy import Inspecting, inspecting
from orbit.lib.errors import Code, OrbitError
from proxy.context import Principal
from proxy.personal import asking
from proxy.personal.asking import Asker
from proxy.personal.findings import Findings
from proxy.personal.requests import Given, Inspector
from tenants.schema import policy_document
from tests.dlp.names.conftest import Start, socket_path, started
from tests.proxy.personal.conftest import MAIL, rule

__all__ = ["socket_path", "started"]

MOST = 1_000_000
PLENTY_S = 30.0
FINDINGS = Findings()


def policy(*rules: dict[str, Any], names: dict[str, Any] | None = None, **more: Any) -> Inspecting:
    said = {
        "rules": list(rules or (rule("mask"),)),
        "names": {"by": "model", "deadline_ms": 30_000, **(names or {})},
    }
    found = inspecting([policy_document({"dlp": {**said, **more}})])
    assert found is not None
    return found


def principal(organization_id: str = "o") -> Principal:
    organization = SimpleNamespace(id=organization_id)
    return cast("Principal", SimpleNamespace(organization=organization, key=SimpleNamespace(id="k")))


async def inspected(asker: Asker, said: Inspecting, *texts: str, of: str = "o") -> Given:
    body = {"messages": [{"role": "user", "content": one} for one in texts]}
    return await Inspector(MOST, FINDINGS, asker).request(
        principal=principal(of), policy=said, endpoint="chat/completions", body=body, size=sum(map(len, texts)), headers={}
    )  # fmt: skip


def contents(given: Given) -> list[str]:
    return [one["content"] for one in given.body["messages"]]


async def test_names_in_a_request_are_masked_and_rules_win(started: Start, socket_path: Any) -> None:
    asker = Asker(socket_path)
    async with started():
        given = await inspected(asker, policy(), "so says Ada to all", f"of {MAIL}", "Ada@example.org it is")
    await asker.close()
    assert contents(given) == ["so says [PERSON] to all", "of [EMAIL_ADDRESS]", "[EMAIL_ADDRESS] it is"]
    assert "uninspected" not in given.inspection.told()


async def test_next_turn_asks_only_about_what_is_new(started: Start, socket_path: Any) -> None:
    asker = Asker(socket_path)
    async with started():
        await inspected(asker, policy(), "so says Ada", "and who else?")
        assert asker.asked == 2
        given = await inspected(asker, policy(rule("hash")), "so says Ada", "and who else?", "nobody, Ada")
    assert asker.asked == 3
    assert contents(given)[0].startswith("so says [PERSON#")
    assert (
        await inspected(asker, policy(), "so says Ada")
    ).inspection.uninspected == set()  # nobody listens any more
    await asker.close()


async def test_what_is_remembered_of_one_organization_is_nothing_to_another(
    started: Start, socket_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "REMEMBERED", 3)
    asker = Asker(socket_path)
    async with started():
        await inspected(asker, policy(), "so says Ada")
        await inspected(asker, policy(), "so says Ada", of="p")
        assert asker.asked == 2
        await inspected(asker, policy(), *(f"text of Ada {number}" for number in "abcdef"))
    await asker.close()
    assert len(asker.known) <= 4
    assert "Ada" not in f"{asker!r} {asker.known!r}"


async def test_long_requests_are_asked_of_in_small_questions(started: Start, socket_path: Any) -> None:
    asker = Asker(socket_path)
    text = "Nothing is said here of her. " * 2_000 + "so says Ada"
    async with started():
        given = await inspected(asker, policy(), text, "short of Ada")
    await asker.close()
    assert contents(given)[0].endswith("so says [PERSON]")
    assert contents(given)[1] == "short of [PERSON]"


@pytest.mark.parametrize(
    ("text", "names", "reason"),
    [("slow", {"deadline_ms": 100}, "deadline"), ("die", {}, "failed")],
)
async def test_what_was_not_looked_at_is_refused_or_passes_marked(
    started: Start, socket_path: Any, text: str, names: dict[str, Any], reason: str
) -> None:
    asker = Asker(socket_path)
    async with started():
        await inspected(asker, policy(), "so says Ada")
        given = await inspected(asker, policy(names={**names, "when_uninspected": "pass"}), "Ada", text, MAIL)
        with pytest.raises(OrbitError) as refused:
            await inspected(asker, policy(names=names), text)
    await asker.close()
    assert given.inspection.told()["uninspected"] == [
        {"direction": "request", "reason": reason, "what": "names"}
    ]
    assert contents(given)[2] == "[EMAIL_ADDRESS]"  # rules look all the same
    assert refused.value.code is Code.NOT_INSPECTED
    assert refused.value.data == {"what": "names", "reason": reason}
    assert refused.value.retry_after_s


async def test_full_queue_is_told_at_once(started: Start, socket_path: Any) -> None:
    asker = Asker(socket_path)
    async with started(limit=1):
        await inspected(asker, policy(), "so says Ada")
        slow = [asyncio.create_task(asker.find("o", ["slow"], 5)) for _ in range(2)]
        await asyncio.sleep(0.1)
        given = await inspected(asker, policy(names={"when_uninspected": "pass"}), "so says nobody")
        for task in slow:
            task.cancel()
    await asker.close()
    assert [one.reason for one in given.inspection.uninspected] == ["full"]


async def test_installation_without_workers_refuses_or_marks_and_asks_nobody() -> None:
    asker = Asker()
    given = await inspected(asker, policy(names={"when_uninspected": "pass"}), "so says Ada")
    assert [one.reason for one in given.inspection.uninspected] == ["away"]
    with pytest.raises(OrbitError, match="workers that find them do not answer"):
        await inspected(asker, policy(), "so says Ada")
    assert (await inspected(asker, policy(), "12 + 12")).inspection.uninspected == set()
    assert "_names" not in asker.__dict__


@pytest.mark.parametrize(
    "said",
    [
        policy(rule("mask", "EMAIL_ADDRESS")),
        policy(rule("mask", direction="answer")),
        policy(names={"by": "rules"}),
    ],
    ids=["no rule about names", "none about requests", "rules alone"],
)
async def test_nobody_is_asked_where_no_rule_wants_to_know(said: Inspecting) -> None:
    class Never(Asker):
        async def find(self, *_: Any) -> Any:
            raise AssertionError

    given = await inspected(Never(), said, "so says Ada")
    assert contents(given) == ["so says Ada"]


async def test_long_answers_do_not_wait_for_each_others_threads(
    started: Start, socket_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WAITING", 2)
    asker, loop = Asker(socket_path), asyncio.get_running_loop()
    long = ["Nothing is said here of her. " * 1_000 + f"so says Ada {number}" for number in range(2)]
    async with started():
        work = [loop.run_in_executor(asker.threads, asker.wait, loop, "o", [text], PLENTY_S) for text in long]
        said = await asyncio.gather(*work)
    await asker.close()
    assert [one.missed for one in said] == [None, None]
    assert all(one.found[text] for one, text in zip(said, long, strict=True))


async def test_thread_waits_for_the_answer_and_no_longer_than_its_deadline(
    started: Start, socket_path: Any
) -> None:
    asker, loop = Asker(socket_path), asyncio.get_running_loop()
    async with started():
        said = await asyncio.to_thread(asker.wait, loop, "o", ["so says Ada"], PLENTY_S)
        late = await asyncio.to_thread(asker.wait, loop, "o", ["slow"], 0.1)
    await asker.close()
    assert [one.kind for one in said.found["so says Ada"]] == ["PERSON"]
    assert (said.missed, late.missed) == (None, Reason.LATE)
