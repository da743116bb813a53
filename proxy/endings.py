"""How calls end: what is charged, and what the client is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from orbit.lib import numbers
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, NotAllowed, TimedOut, TooLarge
from proxy import headers as response_headers
from proxy.admission import Admission
from proxy.attempts import CredentialLost
from proxy.call import Call
from proxy.channel import Channel
from proxy.context import Headers, Reply, Usage
from proxy.formats.base import Format, Progress, Unreadable, encoded, parsed_object
from proxy.formats.media import Media
from proxy.learning import Outputs
from proxy.metering import Meter
from proxy.providers import PROVIDERS
from proxy.relay import End
from proxy.settlement import Outcome, Settler
from proxy.targets import no_credential
from proxy.upstream import error_of
from quotas import classes, estimate, tokens
from quotas.needs import WHOLE, Made
from quotas.rates import NOTHING as NOTHING_APART
from quotas.unseen import fetches_input, unseen_input
from tenants.secrets import Secret

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

    async def plain(
        self,
        admission: Admission,
        spoken: Format,
        content: bytes,
        content_type: str,
        withheld: OrbitError | None = None,
    ) -> Reply:
        """A plain answer of the provider, passed on as it is, or as the client's format has it.

        One that is `withheld` is charged, and the client gets the error.
        """
        call = admission.call
        parsed = spoken.read(content, content_type) if isinstance(spoken, Media) else parsed_object(content)
        if parsed is None or (isinstance(parsed.get("error"), dict) and parsed.get("object") != "response"):
            return self.unreadable(admission)
        outcome = await self._whole_outcome(admission, spoken, parsed)
        if withheld is not None:
            self._settle(admission, replace(outcome, code=withheld.code.value))
            return self.failed(admission, withheld)
        if call.translated is None:
            return self._answer(admission, outcome, content, content_type)
        return self._in_clients_words(admission, outcome, numbers.exactly(content, parsed))

    async def followed(self, admission: Admission, spoken: Format, answer: Mapping[str, Any]) -> None:
        """What became of a call after its client was answered."""
        self._settle(admission, await self._whole_outcome(admission, spoken, answer))

    async def _whole_outcome(
        self, admission: Admission, spoken: Format, parsed: Mapping[str, Any]
    ) -> Outcome:
        call = admission.call
        usage, source = spoken.usage(parsed), "provider"
        if usage is None:
            usage, source = charged(call, await _seen(call, spoken, parsed)), "estimated"
        elif isinstance(spoken, Media):
            usage = completed(usage, call, spoken.made(parsed))
        return Outcome(
            status="settled",
            usage=possible(usage, call),
            usage_source=source,
            http_status=admission.attempt.http_status,
            finish_reason=spoken.finish_reason(parsed),
        )

    async def assembled(self, admission: Admission, spoken: Format, end: End, meter: Meter | None) -> Reply:
        """The plain answer out of a stream. One that a limit cut ends as if `max_tokens` had cut it."""
        outcome = await self._outcome(admission, end, meter)
        error, assembly = end.error, end.progress.assembly
        if admission.withdrawn is not None:
            self._settle(admission, outcome)
            return self.failed(admission, admission.withdrawn)
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
        try:
            content = encoded(answer if translated is None else translated.answer(answer))
        except Unreadable as error:
            logger.warning("answer of %s not written: %s", admission.call.request_id, error)
            self._settle(admission, replace(outcome, code=UNKNOWN_ANSWER.code.value))
            return self.failed(admission, UNKNOWN_ANSWER)
        return self._answer(admission, outcome, content, "application/json")

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
        self.told(admission, end, channel)

    def told(self, admission: Admission, end: End, channel: Channel) -> None:
        """The last that a client gets of a stream, unless it was told that its key was taken away."""
        if channel.ended:
            return
        channel.give(end.last)
        if end.error is not None:
            surface, call = admission.call.request.surface, admission.call
            passed = end.progress.passed
            channel.give(surface.error_event(end.error, call.request.name, call.endpoint, passed))

    async def flow(self, admission: Admission, end: End, channel: Channel) -> None:
        """The same where nothing can be said in the stream: one that is not whole ends without an end."""
        self._settle(admission, await self._outcome(admission, end, None))
        if end.error is None:
            channel.give(end.last)
        else:
            channel.broken = True

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
        if admission.withdrawn is not None and outcome.code is None:
            outcome = replace(outcome, code=admission.withdrawn.code.value)
        if outcome.status == "settled" and outcome.code is None:
            self.outputs.note(admission.call, outcome.usage.output_tokens)
        return self.settler.settle(admission, outcome)

    def unanswered(self, admission: Admission, error: EgressError) -> Reply:
        """No answer. Settled at zero only when the provider cannot have begun."""
        admission.attempt.error = type(error).__name__
        if isinstance(error, CredentialLost):
            lost = no_credential()
            self.settler.settle(
                admission, Outcome("provider_failed", NOTHING, "provider", code=lost.code.value)
            )
            return self.failed(admission, lost)
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
        status, content = answer.status, without_secret(content, admission.attempt.secret)
        told = error_of(content)
        error = ours(status, told)
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
                call.request.name,
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
        """Stopped by us before an answer: what was reserved may have been used, unless nobody is at work."""
        idle = not admission.attempts or admission.attempt.ended is not None
        usage, source = (NOTHING, "provider") if idle else (_reserved(admission), "estimated")
        self.settler.settle(admission, Outcome("provider_failed", usage, source, code=code.value))

    def failed(self, admission: Admission, error: OrbitError) -> Reply:
        reply = admission.call.request.surface.error_reply(error, admission.call.request.name)
        return Reply(reply.status, reply.headers + response_headers.route(admission), reply.body)


def ours(status: int, told: Mapping[str, Any]) -> OrbitError | None:
    """The error that stands for a provider's; None for one that the client may see as it came."""
    if status in (401, 403):
        return OrbitError(
            Code.UPSTREAM_CREDENTIALS,
            "The provider refused the account's credential. Ask your admins to renew it.",
        )
    if status >= 500 or status < 400 or not told:
        return OrbitError(Code.UPSTREAM_ERROR, f"The provider answered with status {status}.")
    return None


async def _used(call: Call, progress: Progress) -> tuple[Usage, str]:
    """What a stream used, and where the figure comes from."""
    usage, output = progress.usage, progress.output
    if not classes.in_texts(call.endpoint):
        return await _used_of_media(call, progress)
    if usage is not None and progress.complete and not progress.early:
        return usage, "provider"
    try:
        made = await output.tokens()
        if usage is None:
            return charged(call, await _counted(call, made)), "estimated"
    except asyncio.CancelledError:  # no time left to count: what it can be at most
        made = output.bound
        if usage is None:
            return charged(call, Made(call.input_bound, made)), "estimated"
    return replace(usage, output_tokens=made), "partial"


async def _used_of_media(call: Call, progress: Progress) -> tuple[Usage, str]:
    made, usage = progress.made or Made(), progress.usage
    if usage is not None and progress.done:
        return completed(usage, call, made), "provider"
    if progress.output.size and call.output_most:
        made = replace(made, output_tokens=await progress.output.tokens())
    return charged(call, made), "estimated"


async def _seen(call: Call, spoken: Format, answer: Mapping[str, Any]) -> Made:
    """What a plain answer without usage shows of the work done."""
    text, target = spoken.output_text(answer), call.target
    written = await tokens.count_off_loop(text, target.model, target.padding) if text else 0
    if not isinstance(spoken, Media):
        return await _counted(call, written)
    made = spoken.made(answer)
    return replace(made, output_tokens=written) if text and call.output_most else made


async def _counted(call: Call, made: int) -> Made:
    """Counted by ourselves: the input, and the output that was seen.

    Of earlier turns that the provider adds by itself there may be as much as was reserved.
    """
    if unseen_input(call.body):
        return Made(call.input_bound, made)
    given = await estimate.exact(call.body, call.target.model, call.target.padding)
    return Made(min(given, call.input_bound), made)


def charged(call: Call, made: Made) -> Usage:
    """What is charged for an answer without usage. Tools of the provider that it may have used are not in it."""
    need = classes.settled(call.endpoint, call.asked, call.need, made)
    return Usage(need.input_tokens, need.output_tokens, units=_of_whole(need.units))


def _of_whole(units: Mapping[str, int]) -> Mapping[str, int]:
    """The units that calls are charged by in place of tokens."""
    return {name: count for name, count in units.items() if name in WHOLE} if units else NOTHING_APART


def completed(usage: Usage, call: Call, made: Made) -> Usage:
    """With the units that the call is charged by, where the provider's usage does not tell them."""
    rates = call.target.rates
    if rates is None or not call.need.units:
        return usage
    missing = {name for name in WHOLE & call.need.units.keys() if name in rates.units} - usage.units.keys()
    if not missing:
        return usage
    known = classes.settled(call.endpoint, call.asked, call.need, made).units
    return replace(usage, units={**usage.units, **{name: known[name] for name in missing}})


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
    bounds = call.need.units
    if any(name in WHOLE and count > bounds.get(name, count) for name, count in usage.units.items()):
        units = {
            name: min(count, bounds[name]) if name in WHOLE and name in bounds else count
            for name, count in usage.units.items()
        }
        usage = replace(usage, units=units, anomaly="more units than the request can need")
    return usage


def without_secret(content: bytes, secret: Secret | None) -> bytes:
    """A provider may repeat what it was sent; the account's credential is not for the client."""
    return content if secret is None else content.replace(secret.reveal().encode(), b"***")


def _reserved(admission: Admission) -> Usage:
    amounts, units = admission.reserved, _of_whole(admission.call.need.units)
    return Usage(amounts.input_tokens, amounts.output_tokens, units=units)


def _provider_code(told: Mapping[str, Any]) -> str | None:
    code = told.get("code") or told.get("type")
    return code[:40] if isinstance(code, str) else None
