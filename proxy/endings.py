"""How calls end: what is charged, and what the client is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, NotAllowed, TimedOut, TooLarge
from proxy import headers as response_headers
from proxy.admission import Admission
from proxy.call import Call
from proxy.channel import Channel
from proxy.context import Headers, Reply, Usage
from proxy.formats.base import Format, Progress, Unreadable
from proxy.learning import Outputs
from proxy.metering import Meter
from proxy.providers import PROVIDERS
from proxy.relay import End
from proxy.settlement import Outcome, Settler
from proxy.upstream import error_of
from quotas import estimate, tokens
from quotas.rates import NOTHING as NOTHING_APART
from quotas.unseen import fetches_input

logger = logging.getLogger(__name__)

NOTHING = Usage(0, 0)
UNKNOWN_ANSWER = OrbitError(Code.UPSTREAM_ERROR, "The provider's answer could not be read.")
HIDDEN = 1.5  # times what a stream was held to need for what it showed: a provider that charges for more hides some
FEW = 16  # tokens that no habit is read from
MESSAGE = 2_000  # characters of a provider's words in another format
SAFE_WORDS = ("true", "false")


@dataclass
class Endings:
    settler: Settler
    outputs: Outputs

    async def plain(self, admission: Admission, spoken: Format, content: bytes, content_type: str) -> Reply:
        """A plain answer of the provider, passed on as it is, or as the client's format has it."""
        parsed, call = _parsed(content), admission.call
        if parsed is None or isinstance(parsed.get("error"), dict):
            return self.unreadable(admission)
        usage, source = spoken.usage(parsed), "provider"
        if usage is None:
            text, target = spoken.output_text(parsed), call.target
            made = await tokens.count_off_loop(text, target.model, target.padding)
            usage, source = await _estimated(call, made), "estimated"
        outcome = Outcome(
            status="settled",
            usage=possible(usage, call),
            usage_source=source,
            http_status=admission.attempt.http_status,
            finish_reason=spoken.finish_reason(parsed),
        )
        if call.translated is None:
            return self._answer(admission, outcome, content, content_type)
        return self._in_clients_words(admission, outcome, parsed)

    async def assembled(self, admission: Admission, spoken: Format, end: End, meter: Meter | None) -> Reply:
        """The plain answer out of a stream. One that a limit cut ends as if `max_tokens` had cut it."""
        outcome = await self._outcome(admission, end, meter)
        error, assembly = end.error, end.progress.assembly
        if error is None and (assembly is None or assembly.empty):
            error = UNKNOWN_ANSWER
            outcome = replace(outcome, status="provider_failed", code=error.code.value)
        if assembly is None or assembly.empty or outcome.status != "settled":
            self._settle(admission, outcome)
            return self.failed(admission, error or UNKNOWN_ANSWER)
        raw, usage = outcome.usage.raw, outcome.usage
        if error is not None:
            raw = spoken.raw_usage(usage.input_tokens, usage.output_tokens)
        reply = self._in_clients_words(admission, outcome, assembly.answer(raw))
        if error is not None:
            reply.headers.append((b"x-orbit-cut", error.code.value.encode()))
            if limit := error.data.get("limit"):
                reply.headers.append((b"x-orbit-limit", str(limit).encode()))
        return reply

    def _in_clients_words(self, admission: Admission, outcome: Outcome, answer: Mapping[str, Any]) -> Reply:
        """An answer in the provider's format; charged whatever becomes of it."""
        translated = admission.call.translated
        if translated is not None:
            try:
                answer = translated.answer(answer)
            except Unreadable as error:
                logger.warning("answer of %s not translated: %s", admission.call.request_id, error)
                self._settle(admission, replace(outcome, code=UNKNOWN_ANSWER.code.value))
                return self.failed(admission, UNKNOWN_ANSWER)
        return self._answer(admission, outcome, orjson.dumps(answer), "application/json")

    def _answer(self, admission: Admission, outcome: Outcome, content: bytes, content_type: str) -> Reply:
        cost = self._settle(admission, outcome)
        head = response_headers.answered(admission, content_type)
        head.append((b"x-orbit-usage-source", outcome.usage_source.encode()))
        if cost is not None:
            head.append((b"x-orbit-cost-nano", str(cost).encode()))
        return Reply(admission.attempt.http_status or 200, head, content)

    async def stream(self, admission: Admission, end: End, channel: Channel, meter: Meter | None) -> None:
        """Settles before the client gets the last event."""
        self._settle(admission, await self._outcome(admission, end, meter))
        channel.give(end.last)
        if end.error is not None:
            surface, call = admission.call.request.surface, admission.call
            channel.give(surface.error_event(end.error, str(call.request_id), call.endpoint))

    async def _outcome(self, admission: Admission, end: End, meter: Meter | None) -> Outcome:
        call, progress = admission.call, end.progress
        usage, source = await _used(call, progress)
        usage = possible(usage, call)
        held = admission.reserved.output_tokens
        if usage.output_tokens > held:
            if end.cut:  # the rest came after the reservation was used up, and nobody got it
                usage = replace(usage, output_tokens=held)
            else:
                usage = replace(usage, anomaly=usage.anomaly or "more output than was reserved")
            if meter is not None and usage.output_tokens > HIDDEN * (held + FEW):
                self.outputs.distrust(call)
        return Outcome(
            status=end.status,
            usage=usage,
            usage_source=source,
            http_status=admission.attempt.http_status,
            code=end.error.code.value if end.error else None,
            finish_reason="length" if end.cut else progress.finish_reason,
            first_token_ms=end.first_ms,
        )

    def _settle(self, admission: Admission, outcome: Outcome) -> int | None:
        if outcome.status == "settled" and outcome.code is None:
            self.outputs.note(admission.call, outcome.usage.output_tokens)
        return self.settler.settle(admission, outcome)

    def unanswered(self, admission: Admission, error: EgressError) -> Reply:
        """No answer. Settled at zero only when the provider cannot have begun."""
        admission.attempt.error = type(error).__name__
        code = Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR
        usage, source = (_reserved(admission), "estimated") if error.worked else (NOTHING, "provider")
        status = admission.attempt.http_status
        self.settler.settle(admission, Outcome("provider_failed", usage, source, status, code.value))
        if isinstance(error, NotAllowed):
            words = "The provider account's address may not be reached from here. Ask your admins."
        elif isinstance(error, TimedOut):
            words = "The provider did not answer in time."
        elif isinstance(error, TooLarge):
            words = "The provider's answer is larger than the gateway takes."
        else:
            words = (
                "The provider could not be reached."
                if not error.worked
                else "The provider broke off its answer."
            )
        return self.failed(admission, OrbitError(code, words))

    def provider_refused(self, admission: Admission, answer: Answer, content: bytes) -> Reply:
        """The provider's own error. Its credentials' troubles are ours, not the client's."""
        status, content = answer.status, _without_credential(admission, content)
        told = error_of(content)
        if status in (401, 403):
            error = OrbitError(
                Code.UPSTREAM_CREDENTIALS,
                "The provider refused the account's credential. Ask your admins to renew it.",
            )
        elif status >= 500 or status < 400 or not told:
            error = OrbitError(Code.UPSTREAM_ERROR, f"The provider answered with status {status}.")
        else:
            error = None
        code = error.code.value if error else _provider_code(told)
        self.settler.settle(admission, Outcome("provider_failed", NOTHING, "provider", status, code))
        if error is not None:
            return self.failed(admission, error)
        return Reply(
            status, self._refused_head(admission, answer), self._refused_body(admission, told, content)
        )

    def _refused_head(self, admission: Admission, answer: Answer) -> Headers:
        head = response_headers.answered(admission, "application/json")
        for name in ("retry-after", "x-should-retry"):
            value = answer.header(name)
            if (value and value in SAFE_WORDS) or (value or "").isdigit():
                head.append((name.encode(), (value or "").encode()))
        return head

    def _refused_body(self, admission: Admission, told: Mapping[str, Any], content: bytes) -> bytes:
        """As it came, for a client that understands it."""
        surface, call = admission.call.request.surface, admission.call
        if PROVIDERS[call.target.account.kind].dialect in surface.dialects:
            return content
        message = told.get("message")
        return orjson.dumps(
            surface.foreign_error(
                admission.attempt.http_status or 400,
                _provider_code(told) or "",
                message[:MESSAGE] if isinstance(message, str) else "The provider refused the call.",
                str(call.request_id),
            )
        )

    def unreadable(self, admission: Admission) -> Reply:
        admission.attempt.error = "unreadable answer"
        outcome = Outcome(
            "provider_failed",
            _reserved(admission),
            "estimated",
            admission.attempt.http_status,
            Code.UPSTREAM_ERROR.value,
        )
        self.settler.settle(admission, outcome)
        return self.failed(admission, UNKNOWN_ANSWER)

    def cut(self, admission: Admission, code: Code) -> None:
        """Stopped by us before an answer: what was reserved may have been used."""
        self.settler.settle(
            admission, Outcome("provider_failed", _reserved(admission), "estimated", code=code.value)
        )

    def failed(self, admission: Admission, error: OrbitError) -> Reply:
        reply = admission.call.request.surface.error_reply(error, str(admission.call.request_id))
        return Reply(reply.status, reply.headers + response_headers.route(admission), reply.body)


async def _used(call: Call, progress: Progress) -> tuple[Usage, str]:
    """What a stream used, and where the figure comes from."""
    usage, output = progress.usage, progress.output
    if usage is not None and progress.complete and not progress.early:
        return usage, "provider"
    try:
        made = await output.tokens()
        if usage is None:
            return await _estimated(call, made), "estimated"
    except asyncio.CancelledError:  # no time left to count: what it can be at most
        made = output.bound
        if usage is None:
            return Usage(call.input_bound, made), "estimated"
    return replace(usage, output_tokens=made), "partial"


async def _estimated(call: Call, made: int) -> Usage:
    """Counted by ourselves, when the provider does not say: the input, and the output that was seen."""
    given = await estimate.exact(call.body, call.target.model, call.target.padding)
    return Usage(min(given, call.input_bound), made)


def possible(usage: Usage, call: Call) -> Usage:
    """The provider was sent so much, and told how much it may write: what it says beyond is cut, and the event says so."""
    if usage.input_tokens > call.input_bound and not fetches_input(call.body):
        # of a figure that cannot be, the parts mean nothing
        usage = replace(
            usage,
            input_tokens=call.input_bound,
            cached=None,
            cache_write=None,
            parts=NOTHING_APART,
            anomaly="more input than was sent",
        )
    most = call.output_most
    if usage.output_tokens > most:
        reasoning = None if usage.reasoning is None else min(usage.reasoning, most)
        usage = replace(
            usage, output_tokens=most, reasoning=reasoning, anomaly="more output than was allowed"
        )
    return usage


def _without_credential(admission: Admission, content: bytes) -> bytes:
    """A provider may repeat what it was sent; the account's credential is not for the client."""
    secret = admission.call.target.account.secret
    return content if secret is None else content.replace(secret.reveal().encode(), b"***")


def _reserved(admission: Admission) -> Usage:
    return Usage(admission.reserved.input_tokens, admission.reserved.output_tokens)


def _parsed(content: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _provider_code(told: Mapping[str, Any]) -> str | None:
    code = told.get("code") or told.get("type")
    return code[:40] if isinstance(code, str) else None
