"""How a call in the ledger ended, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from audit.models import Event
from orbit.lib import money
from orbit.lib.clock import rfc3339
from orbit.lib.errors import Code

SOURCES = {
    "provider": "by the provider's own count",
    "partial": "by the provider's last word in the stream and what was written since",
    "estimated": "by the gateway's own count, because the provider did not say",
    "lease_expired": "as reserved, because nobody reported the end",
}
CUT = {
    Code.LIMIT_REACHED.value: "A limit had no more room while it ran, so it was ended in the middle.",
    Code.SUSPENDED.value: "It was ended in the middle: its key, project or organization was suspended or revoked.",
    Code.INVALID_API_KEY.value: "It was ended in the middle: its key was revoked or has expired.",
    Code.SHUTTING_DOWN.value: "It was ended in the middle: the gateway was restarted and had waited as long as it may.",
    Code.UPSTREAM_ERROR.value: "The provider broke off its answer, or what it said could not be read.",
    Code.UPSTREAM_TIMEOUT.value: "The provider fell silent for too long.",
    Code.UPSTREAM_CREDENTIALS.value: "The provider refused the account's credential: an admin must renew it.",
    Code.CREDENTIALS_UNAVAILABLE.value: "The account's credential could not be read when it was to be sent.",
    Code.INTERNAL_ERROR.value: "A fault of the gateway's own ended it.",
    "content_blocked": "A rule on personal data and secrets withheld it.",
}


def of_call(call: Event, later: Sequence[Event]) -> str:
    return " ".join([_began(call), *_ended(call), *_tried(call), _charged(call), *_corrected(call, later)])


def _began(call: Event) -> str:
    asked = call.detail.get("requested_model")
    served = f"{call.model!r}, a fallback of {asked!r}" if asked else f"{call.model!r}"
    return f"It was admitted at {rfc3339(call.admitted_at)} for the model {served}."


def _ended(call: Event) -> Iterator[str]:
    if call.status == "lease_expired":
        yield "Its worker went away and nobody reported the end, so it ended when its reservation lapsed."
        return
    if call.status == "client_gone":
        yield "Its client hung up before the answer was complete."
    if call.code:
        yield _cut(call.code)
    if call.status == "settled" and not call.code:
        yield f"The account {call.account!r} answered{_model(call)} with status {call.http_status or 200}."
    if call.status == "provider_failed" and not call.code:
        yield "The provider did not serve it."


def _cut(code: str) -> str:
    ours = {one.value for one in Code}
    return CUT.get(code) or (
        f"It ended with the code {code}." if code in ours else f"The provider refused it: {code}."
    )


def _model(call: Event) -> str:
    return (
        f" with {call.upstream_model!r}" if call.upstream_model and call.upstream_model != call.model else ""
    )


def _tried(call: Event) -> Iterator[str]:
    """Where it went, if more than one place or in vain."""
    attempts: list[dict[str, Any]] = call.detail.get("attempts") or []
    failed = [one for one in attempts if one.get("error") or (one.get("http_status") or 200) >= 300]
    if failed:
        yield "In vain it was tried at " + ", then at ".join(map(_attempt, failed)) + "."


def _attempt(one: dict[str, Any]) -> str:
    status = f"status {one['http_status']}" if one.get("http_status") else "no answer"
    why = f", {one['error']}" if one.get("error") else ""
    return f"{one.get('account', 'an account')!r} ({status}{why})"


def _charged(call: Event) -> str:
    whom = f"the key {call.project}/{call.key}"
    if not (call.input_tokens or call.output_tokens or call.cost_nano):
        return f"Nothing was charged to {whom}."
    tokens = f"{call.input_tokens or 0} input and {call.output_tokens or 0} output tokens"
    source = SOURCES.get(call.usage_source or "", "")
    cost = (
        f"{money.amount(call.cost_nano)} {call.currency or ''}".strip()
        if call.cost_nano is not None
        else "no money, as the model has no price"
    )
    return f"Charged to {whom}: {tokens}{f' ({source})' if source else ''}, {cost}."


def _corrected(call: Event, later: Sequence[Event]) -> Iterator[str]:
    if later:
        now = (call.cost_nano or 0) + sum(one.cost_nano or 0 for one in later)
        entries = "A later entry corrects" if len(later) == 1 else f"{len(later)} later entries correct"
        yield f"{entries} it; its cost is now {money.amount(now)} {call.currency or ''}.".replace(" .", ".")
