"""Every kind of inspector against a real server that speaks its format: what it finds, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import openai
import pytest

from dlp.external.base import Found, Question
from dlp.external.client import Client, Spent, Unanswered, Where
from dlp.external.registry import KINDS
from orbit.lib.egress import CLIENTS, Egress
from orbit.lib.errors import InputError
from orbit.lib.exchange import Timeouts
from tests.inspectors import HATEFUL, KEY, NAME, WHSEC, Services

OPTIONS: dict[str, dict[str, Any]] = {"google": {"project": "my-project-123"}}
EVERY = pytest.mark.parametrize("kind", KINDS)


def where(kind: str, url: str) -> Where:
    return Where("1", "one", kind, url, KINDS[kind].options(OPTIONS.get(kind, {})))


def secret(kind: str, services: Services) -> str:
    given = {"google": services.google_key(), "webhook": WHSEC}.get(kind, KEY)
    return KINDS[kind].checked_secret(given)


def ask(
    services: Services, kind: str, *texts: str, mode: str = "well", listed: bool = True, deadline_s: float = 5.0,
    spent: Spent | None = None, url: str = "",
) -> list[list[Found]]:  # fmt: skip
    async def asked() -> list[list[Found]]:
        times = Timeouts(5, 5, 5, 5)
        allowed = [f"127.0.0.1:{services.port}"] if listed else []
        egress = Egress(allowed, times, CLIENTS["wire"])
        question = Question(texts, ["user"] * len(texts), "r1", "acme", "default@1", "request")
        try:
            return await Client(egress, most=4).find(
                where(kind, url or services.url(mode)),
                secret(kind, services),
                question,
                deadline_s,
                spent or Spent(),
            )
        finally:
            await egress.close()

    return asyncio.run(asked())


def why(services: Services, kind: str, **how: Any) -> str:
    with pytest.raises(Unanswered) as refused:
        ask(services, kind, f"I am {NAME}, and {HATEFUL}", **how)
    return refused.value.why


@EVERY
def test_what_it_finds_is_told_of_the_right_text_and_place(services: Services, kind: str) -> None:
    texts = (f"{NAME} 🙂 and {NAME}", "nothing here", f"so {HATEFUL} 🙂 {NAME}")
    spent = Spent()
    found = ask(services, kind, *texts, spent=spent)
    assert (spent.requests, spent.bytes) == (1, sum(len(text.encode()) for text in texts))
    assert found[1] == []
    if KINDS[kind].whole:
        assert [one.finding.kind for one in found[2]] == ["HATE"]
        assert (found[0], found[2][0].whole, found[2][0].finding.score) == ([], True, 0.91)
        return
    places = [
        [one.finding.value(text) for one in some if not one.whole]
        for some, text in zip(found, texts, strict=True)
    ]
    assert places == [[NAME, NAME], [], [NAME]]
    assert {one.finding.kind for one in found[0]} == {"PERSON"}
    assert {one.finding.rule for one in found[0]} == {"inspector.one"}


@EVERY
def test_it_is_given_up_at_its_deadline(services: Services, kind: str) -> None:
    assert why(services, kind, mode="slow", deadline_s=0.2) == "deadline"


@EVERY
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error", "failed"),
        ("denied", "refused"),
        ("redirect", "refused"),
        ("garbled", "bad_answer"),
        ("other", "bad_answer"),
        ("long", "bad_answer"),
        ("wrong", "bad_answer"),
    ],
)
def test_bad_answers_are_failures(services: Services, kind: str, mode: str, reason: str) -> None:
    spent = Spent()
    assert why(services, kind, mode=mode, spent=spent) == reason
    assert spent.requests == 1  # whoever was asked may charge for it


@EVERY
def test_redirects_are_not_followed(services: Services, kind: str) -> None:
    text = f"{NAME} goes elsewhere, {kind}"
    with pytest.raises(Unanswered):
        ask(services, kind, text, mode="redirect")
    assert [one.path.split("/")[1] for one in services.with_text(text)] == ["redirect"]


@EVERY
def test_private_addresses_that_nobody_listed_are_not_asked(services: Services, kind: str) -> None:
    text = f"{NAME} stays here, {kind}"
    with pytest.raises(Unanswered) as refused:
        ask(services, kind, text, listed=False)
    assert refused.value.why == "address"
    assert services.with_text(text) == []


@EVERY
def test_nobody_listening_is_a_failure(services: Services, kind: str) -> None:
    assert why(services, kind, url="http://127.0.0.1:1/x", listed=True) == "address"


@EVERY
def test_more_than_it_takes_is_not_sent(services: Services, kind: str) -> None:
    with pytest.raises(Unanswered) as refused:
        ask(services, kind, "x" * (KINDS[kind].most_bytes + 1))
    assert refused.value.why == "cap"


@EVERY
def test_many_texts_go_in_several_requests_and_come_back_in_order(services: Services, kind: str) -> None:
    word = HATEFUL if KINDS[kind].whole else NAME
    texts = [
        f"number {number} {word if number % 3 == 0 else ''}" for number in range(KINDS[kind].most_texts + 5)
    ]
    spent = Spent()
    found = ask(services, kind, *texts, spent=spent)
    assert spent.requests == 2
    assert [bool(one) for one in found] == [number % 3 == 0 for number in range(len(texts))]


@EVERY
def test_neither_secret_nor_text_is_logged_or_shown(
    services: Services, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    for mode in ("well", "error", "denied", "garbled", "wrong"):
        try:
            ask(services, kind, f"I am {NAME}", mode=mode)
        except Unanswered as error:
            shown.append(f"{error!r} {error} {error.__cause__!r}")
    everything = caplog.text + " ".join(shown)
    for hidden in (NAME, KEY, WHSEC, "BEGIN PRIVATE", "ya29"):
        assert hidden not in everything


def test_openai_gets_its_key_model_and_texts(services: Services) -> None:
    ask(services, "openai_moderation", "one for openai", "another")
    (asked,) = services.with_text("one for openai")
    assert asked.path == "/well/moderations"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json == {"model": "omni-moderation-latest", "input": ["one for openai", "another"]}


def test_google_gets_a_token_for_the_account_and_a_table(services: Services) -> None:
    ask(services, "google", "one for google")
    (asked,) = services.with_text("one for google")
    assert asked.path == "/well/v2/projects/my-project-123/locations/global/content:inspect"
    assert asked.headers["authorization"] == "Bearer ya29.token"
    assert asked.json["inspectConfig"]["includeQuote"] is False
    forms = [one for one in services.asked if one.path == "/token"]
    assert b"grant_type=urn%3Aietf" in forms[-1].body


def test_another_implementation_verifies_the_webhooks_signature(services: Services) -> None:
    ask(services, "webhook", "one for the hook")
    (asked,) = services.with_text("one for the hook")
    openai.OpenAI(api_key="x").webhooks.verify_signature(asked.body, asked.headers, secret=WHSEC)
    said = asked.json
    assert said["texts"] == [{"id": "0", "place": "user", "text": "one for the hook"}]
    told = {name: said[name] for name in ("version", "request_id", "organization", "policy", "direction")}
    assert told == {"version": 1, "request_id": "r1", "organization": "acme", "policy": "default@1", "direction": "request"}  # fmt: skip


def test_a_webhook_may_say_that_a_text_must_not_go_on(services: Services) -> None:
    (found,) = ask(services, "webhook", f"quite {HATEFUL}")
    assert [(one.finding.kind, one.whole, one.block) for one in found] == [("INSULT", True, True)]


def test_cost_is_by_the_thousand_requests_or_the_gigabyte() -> None:
    one = Where("1", "one", "presidio", "https://x.example.com", {}, price_nano=1_000_000_000)
    assert one.cost_nano(3, 10**9) == 3_000_000
    two = Where(
        "1", "one", "google", "https://x.example.com", {}, price_nano=3_000_000_000, per_gigabyte=True
    )
    assert two.cost_nano(3, 1_001) == 3_003
    assert two.cost_nano(0, 0) == 0


@pytest.mark.parametrize("key", ['{"type": "service_account"}', "not JSON", ""])
def test_what_is_no_service_accounts_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InputError) as refused:
        KINDS["google"].checked_secret(key)
    assert "service_account" not in f"{refused.value}"
