"""How calls end: what is charged, and what the client is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, NotAllowed, TimedOut, TooLarge
from proxy import headers as response_headers
from proxy import surface
from proxy.admission import Admission
from proxy.channel import Channel
from proxy.context import Call, Reply, Usage
from proxy.formats.base import Format, Progress
from proxy.learning import Outputs
from proxy.metering import Meter
from proxy.relay import End
from proxy.settlement import Attempt, Outcome, Settler
from quotas import estimate, tokens
from quotas.allowances import allowance
from quotas.rates import NOTHING as NOTHING_APART

NOTHING = Usage(0, 0)
UNKNOWN_ANSWER = OrbitError(Code.UPSTREAM_ERROR, "The provider's answer could not be read.")
HIDDEN = 1.5  # times what a stream was held to need for what it showed: a provider that charges for more hides some
FEW = 16  # tokens that no habit is read from


@dataclass
class Endings:
    settler: Settler
    outputs: Outputs

    async def plain(
        self,
        admission: Admission,
        attempt: Attempt,
        format_: Format,
        content: bytes,
        content_type: str,
    ) -> Reply:
        """A plain answer of the provider, passed on as it is."""
        parsed = _parsed(content)
        if parsed is None or isinstance(parsed.get("error"), dict):
            return self.unreadable(admission, attempt)
        usage, source = format_.usage(parsed), "provider"
        if usage is None:
            text, target = format_.output_text(parsed), admission.call.target
            made = await tokens.count_off_loop(text, target.model, target.padding)
            usage, source = await _estimated(admission.call, made), "estimated"
        outcome = Outcome(
            status="settled",
            usage=possible(usage, admission.call),
            usage_source=source,
            http_status=attempt.http_status,
            finish_reason=format_.finish_reason(parsed),
        )
        return self._answer(admission, attempt, outcome, content, content_type)

    async def assembled(
        self, admission: Admission, attempt: Attempt, progress: Progress, end: End, meter: Meter | None
    ) -> Reply:
        """The plain answer out of a stream. One that a limit cut ends as if `max_tokens` had cut it."""
        outcome = await self._outcome(admission, attempt, end, meter)
        error, assembly = end.error, progress.assembly
        if error is None and (assembly is None or assembly.empty):
            error = UNKNOWN_ANSWER
            outcome = replace(outcome, status="provider_failed", code=error.code.value)
        if assembly is None or assembly.empty or outcome.status != "settled":
            self._settle(admission, attempt, outcome)
            return self.failed(admission, error or UNKNOWN_ANSWER, attempt)
        raw, usage = outcome.usage.raw, outcome.usage
        if error is not None:
            given, made = usage.input_tokens, usage.output_tokens
            raw = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        content = orjson.dumps(assembly.answer(raw))
        reply = self._answer(admission, attempt, outcome, content, "application/json")
        if error is not None:
            reply.headers.append((b"x-orbit-cut", error.code.value.encode()))
            if limit := error.data.get("limit"):
                reply.headers.append((b"x-orbit-limit", str(limit).encode()))
        return reply

    def _answer(
        self, admission: Admission, attempt: Attempt, outcome: Outcome, content: bytes, content_type: str
    ) -> Reply:
        cost = self._settle(admission, attempt, outcome)
        head = response_headers.answered(admission, content_type, attempt)
        head.append((b"x-orbit-usage-source", outcome.usage_source.encode()))
        if cost is not None:
            head.append((b"x-orbit-cost-nano", str(cost).encode()))
        return Reply(attempt.http_status or 200, head, content)

    async def stream(
        self, admission: Admission, attempt: Attempt, end: End, channel: Channel, meter: Meter | None
    ) -> None:
        """Settles before the client gets the last event."""
        self._settle(admission, attempt, await self._outcome(admission, attempt, end, meter))
        channel.give(end.last)
        if end.error is not None:
            channel.give(surface.error_event(end.error, str(admission.call.request_id)))

    async def _outcome(
        self, admission: Admission, attempt: Attempt, end: End, meter: Meter | None
    ) -> Outcome:
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
            http_status=attempt.http_status,
            code=end.error.code.value if end.error else None,
            finish_reason="length" if end.cut else progress.finish_reason,
            first_token_ms=end.first_ms,
        )

    def _settle(self, admission: Admission, attempt: Attempt, outcome: Outcome) -> int | None:
        if outcome.status == "settled" and outcome.code is None:
            self.outputs.note(admission.call, outcome.usage.output_tokens)
        return self.settler.settle(admission, attempt, outcome)

    def unanswered(self, admission: Admission, attempt: Attempt, error: EgressError) -> Reply:
        """No answer. Settled at zero only when the provider cannot have begun."""
        attempt.error = type(error).__name__
        code = Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR
        usage, source = (_reserved(admission), "estimated") if error.worked else (NOTHING, "provider")
        self.settler.settle(
            admission, attempt, Outcome("provider_failed", usage, source, attempt.http_status, code.value)
        )
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
        return self.failed(admission, OrbitError(code, words), attempt)

    def provider_refused(
        self, admission: Admission, attempt: Attempt, answer: Answer, content: bytes
    ) -> Reply:
        """The provider's own error. Its credentials' troubles are ours, not the client's."""
        status = answer.status
        if status in (401, 403):
            error = OrbitError(
                Code.UPSTREAM_CREDENTIALS,
                "The provider refused the account's credential. Ask your admins to renew it.",
            )
        elif status >= 500 or status < 400 or not isinstance((_parsed(content) or {}).get("error"), dict):
            error = OrbitError(Code.UPSTREAM_ERROR, f"The provider answered with status {status}.")
        else:
            error = None
        code = error.code.value if error else _provider_code(content)
        self.settler.settle(admission, attempt, Outcome("provider_failed", NOTHING, "provider", status, code))
        if error is not None:
            return self.failed(admission, error, attempt)
        head = response_headers.answered(admission, "application/json", attempt)
        retry_after = answer.header("retry-after")
        if retry_after and retry_after.isdigit():
            head.append((b"retry-after", retry_after.encode()))
        return Reply(status, head, content)

    def unreadable(self, admission: Admission, attempt: Attempt) -> Reply:
        attempt.error = "unreadable answer"
        outcome = Outcome(
            "provider_failed",
            _reserved(admission),
            "estimated",
            attempt.http_status,
            Code.UPSTREAM_ERROR.value,
        )
        self.settler.settle(admission, attempt, outcome)
        return self.failed(admission, UNKNOWN_ANSWER, attempt)

    def cut(self, admission: Admission, attempt: Attempt, code: Code) -> None:
        """Stopped by us before an answer: what was reserved may have been used."""
        self.settler.settle(
            admission, attempt, Outcome("provider_failed", _reserved(admission), "estimated", code=code.value)
        )

    def failed(self, admission: Admission, error: OrbitError, attempt: Attempt) -> Reply:
        reply = surface.error_reply(error, str(admission.call.request_id))
        return Reply(reply.status, reply.headers + response_headers.route(admission, attempt), reply.body)


async def _used(call: Call, progress: Progress) -> tuple[Usage, str]:
    """What a stream used, and where the figure comes from."""
    usage, output = progress.usage, progress.output
    if usage is not None and progress.complete:
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
    searches = allowance(call.body, call.target.model)  # what those find is input that nobody sent
    if usage.input_tokens > call.input_bound and not searches:
        # of a figure that cannot be, the parts mean nothing
        usage = replace(
            usage,
            input_tokens=call.input_bound,
            cached=None,
            cache_write=None,
            parts=NOTHING_APART,
            anomaly="more input than was sent",
        )
    most = call.output_cap * call.choices
    if usage.output_tokens > most:
        reasoning = None if usage.reasoning is None else min(usage.reasoning, most)
        usage = replace(
            usage, output_tokens=most, reasoning=reasoning, anomaly="more output than was allowed"
        )
    return usage


def _reserved(admission: Admission) -> Usage:
    return Usage(admission.reserved.input_tokens, admission.reserved.output_tokens)


def _parsed(content: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _provider_code(content: bytes) -> str | None:
    error = (_parsed(content) or {}).get("error")
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return code[:40] if isinstance(code, str) else None
