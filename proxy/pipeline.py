"""One admitted call, read from top to bottom: send, relay, settle.

Each runs in a task of the supervisor, so that a client who leaves cannot take the settlement with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from orbit.lib.egress import Egress, read_all
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, NotAllowed, TimedOut, TooLarge
from proxy import headers as response_headers
from proxy import surface
from proxy.admission import Admission
from proxy.channel import Channel, ClientGone
from proxy.context import Headers, Reply, Usage
from proxy.providers import ADAPTERS
from proxy.providers.base import Adapter, Prepared, Progress
from proxy.settlement import Attempt, Outcome, Settler
from proxy.sse import Decoder, TooLong
from quotas import estimate, tokens

logger = logging.getLogger(__name__)

GOODBYE_S = 1.0  # a provider that has not closed its stream by then is left
NOTHING = Usage(0, 0)
UNKNOWN_ANSWER = OrbitError(Code.UPSTREAM_ERROR, "The provider's answer could not be read.")
NOT_WORKED = frozenset(range(300, 600))  # an error status: the provider charges nothing for it


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream that has begun: what the client gets comes through the channel."""

    headers: Headers
    channel: Channel
    pump: asyncio.Task[Any]


@dataclass(frozen=True, slots=True)
class End:
    """How a stream ended, and what of it the client has not had yet."""

    progress: Progress
    status: str
    code: Code | None
    first_ms: int | None
    last: bytes


@dataclass
class Pipeline:
    egress: Egress
    settler: Settler
    max_answer_bytes: int

    async def run(self, admission: Admission, raw: bytes) -> Reply | Streamed:
        """Sends the call and returns what the client gets of it."""
        self.settler.opened(admission)
        supervisor = self.settler.supervisor
        if not admission.call.stream:
            return await asyncio.shield(supervisor.spawn(self._plain(admission, raw), "call"))
        begun: asyncio.Future[Reply | Headers] = asyncio.get_running_loop().create_future()
        channel = Channel(self.egress.timeouts.idle_s)
        pump = supervisor.spawn(self._stream(admission, raw, begun, channel), "stream")
        head = await asyncio.shield(begun)
        return head if isinstance(head, Reply) else Streamed(head, channel, pump)

    # plain calls

    async def _plain(self, admission: Admission, raw: bytes) -> Reply:
        attempt = Attempt(admission.call.target.account.name, admission.call.target.model)
        try:
            return await self._plain_answer(admission, attempt, raw)
        except Exception:
            # a fault of ours; should the call be settled already, a second settlement changes nothing
            self._cut(admission, attempt, Code.INTERNAL_ERROR)
            raise

    async def _plain_answer(self, admission: Admission, attempt: Attempt, raw: bytes) -> Reply:
        adapter, prepared = self._prepared(admission, raw)
        try:
            async with self._open(admission, prepared) as answer:
                _note(attempt, answer)
                content = await read_all(answer, self.max_answer_bytes)
                content_type = answer.header("content-type") or "application/json"
        except EgressError as error:
            return self._unanswered(admission, attempt, error)
        except asyncio.CancelledError:
            self._cut(admission, attempt, Code.SHUTTING_DOWN)
            raise
        if answer.status in NOT_WORKED:
            return self._provider_refused(admission, attempt, answer, content, content_type)
        parsed = _parsed(content)
        if parsed is None or isinstance(parsed.get("error"), dict):
            return self._unreadable(admission, attempt, answer.status)
        usage, source = adapter.usage(parsed), "provider"
        if usage is None:
            usage, source = await self._estimated(admission, adapter.output_text(parsed)), "estimated"
        outcome = Outcome(
            status="settled",
            usage=_possible(usage, admission),
            usage_source=source,
            http_status=answer.status,
            finish_reason=adapter.finish_reason(parsed),
        )
        cost = self.settler.settle(admission, attempt, outcome)
        head = response_headers.answered(admission, content_type, attempt)
        head.append((b"x-orbit-usage-source", source.encode()))
        if cost is not None:
            head.append((b"x-orbit-cost-nano", str(cost).encode()))
        return Reply(answer.status, head, content)

    # streams

    async def _stream(
        self, admission: Admission, raw: bytes, begun: asyncio.Future[Reply | Headers], channel: Channel
    ) -> None:
        attempt = Attempt(admission.call.target.account.name, admission.call.target.model)
        try:
            adapter, prepared = self._prepared(admission, raw)
            async with self._open(admission, prepared) as answer:
                _note(attempt, answer)
                content_type = answer.header("content-type") or ""
                if answer.status in NOT_WORKED or not content_type.startswith("text/event-stream"):
                    content = await read_all(answer, self.max_answer_bytes)
                    if answer.status in NOT_WORKED:
                        begun.set_result(
                            self._provider_refused(admission, attempt, answer, content, content_type)
                        )
                    else:
                        begun.set_result(self._unreadable(admission, attempt, answer.status))
                    return
                begun.set_result(response_headers.answered(admission, content_type, attempt))
                end = await self._relay(admission, adapter, attempt, answer, channel)
                if end.status == "settled":
                    await self._end_stream(admission, attempt, end, channel)
                    channel.end()
                    await _read_out(answer)
                    return
            # a provider that goes on for nobody is stopped before we count what it wrote
            await self._end_stream(admission, attempt, end, channel)
        except EgressError as error:
            if not begun.done():
                begun.set_result(self._unanswered(admission, attempt, error))
        except asyncio.CancelledError:
            if not begun.done():
                begun.set_exception(OrbitError(Code.SHUTTING_DOWN, "The gateway is restarting. Try again."))
                self._cut(admission, attempt, Code.SHUTTING_DOWN)
            raise
        except Exception as error:
            self._cut(admission, attempt, Code.INTERNAL_ERROR)
            if begun.done():
                raise
            begun.set_exception(error)
        finally:
            channel.end()

    async def _relay(
        self, admission: Admission, adapter: Adapter, attempt: Attempt, answer: Answer, channel: Channel
    ) -> End:
        """Passes events on as they come, and returns how the stream ended, with its last events."""
        call, decoder, progress = admission.call, Decoder(), Progress()
        wants_usage = bool((call.body.get("stream_options") or {}).get("include_usage"))
        first_ms: int | None = None
        ending: tuple[str, Code | None] = ("settled", None)
        last = b""
        try:
            while not progress.done:
                piece = await answer.read()
                if first_ms is None and piece:
                    first_ms = round((time.monotonic() - call.started) * 1000)
                events = decoder.feed(piece) if piece else decoder.finish()
                out = b"".join([adapter.on_event(raw, data, progress, wants_usage) for raw, data in events])
                if progress.done or not piece:
                    last = out
                    break
                if out:
                    await channel.put(out)
        except ClientGone:
            ending = ("client_gone", None)
        except (EgressError, TooLong) as error:
            attempt.error = type(error).__name__
            ending = (
                "provider_failed",
                Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR,
            )
        except asyncio.CancelledError:
            # either the client left while we waited for the provider, or this worker is stopping
            ending = ("client_gone", None) if channel.abandoned else ("provider_failed", Code.SHUTTING_DOWN)
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        if progress.failed and ending[1] is None:
            ending = ("provider_failed", Code.UPSTREAM_ERROR)
        return End(progress, *ending, first_ms, last)

    async def _end_stream(self, admission: Admission, attempt: Attempt, end: End, channel: Channel) -> None:
        """Settles before the client gets the last event."""
        progress = end.progress
        usage, source = progress.usage, "provider"
        if usage is None:
            texts, source = "".join(progress.texts), "estimated"
            try:
                usage = await self._estimated(admission, texts, progress.text_dropped)
            except asyncio.CancelledError:  # no time left to count: what it can be at most
                usage = Usage(admission.call.input_bound, len(texts.encode()) + progress.text_dropped)
        elif not progress.done and progress.finish_reason is None:
            source = "partial"
        outcome = Outcome(
            status=end.status,
            usage=_possible(usage, admission),
            usage_source=source,
            http_status=attempt.http_status,
            code=end.code.value if end.code else None,
            finish_reason=progress.finish_reason,
            first_token_ms=end.first_ms,
        )
        self.settler.settle(admission, attempt, outcome)
        channel.give(end.last)
        if end.code is not None:
            channel.give(surface.error_event(_ended_early(end.code), str(admission.call.request_id)))

    # what both share

    def _prepared(self, admission: Admission, raw: bytes) -> tuple[Adapter, Prepared]:
        call = admission.call
        account = call.target.account
        adapter = ADAPTERS[account.kind]
        prepared = adapter.prepare(
            account, call.endpoint, call.body, raw, call.target.model, call.output_cap, call.stream
        )
        return adapter, prepared

    def _open(self, admission: Admission, prepared: Prepared) -> Any:
        return self.egress.open(
            admission.call.target.account.id, "POST", prepared.url, prepared.headers, prepared.body
        )

    async def _estimated(self, admission: Admission, output: str, dropped: int = 0) -> Usage:
        """Counted by ourselves, when the provider does not say: the input, and the output that was seen."""
        call = admission.call
        model, padding = call.target.model, call.target.padding
        given = await estimate.exact(call.body, model, padding)
        made = await tokens.count_off_loop(output, model, padding) + dropped // 3
        return Usage(min(given, call.input_bound), made)

    def _unanswered(self, admission: Admission, attempt: Attempt, error: EgressError) -> Reply:
        """No answer. Settled at zero only when the provider cannot have begun."""
        attempt.error = type(error).__name__
        code = Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR
        reserved = Usage(admission.reserved.input_tokens, admission.reserved.output_tokens)
        usage, source = (reserved, "estimated") if error.worked else (NOTHING, "provider")
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
        return self._failed(admission, OrbitError(code, words), attempt)

    def _provider_refused(
        self, admission: Admission, attempt: Attempt, answer: Answer, content: bytes, content_type: str
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
            return self._failed(admission, error, attempt)
        head = response_headers.answered(admission, "application/json", attempt)
        retry_after = answer.header("retry-after")
        if retry_after and retry_after.isdigit():
            head.append((b"retry-after", retry_after.encode()))
        return Reply(status, head, content)

    def _unreadable(self, admission: Admission, attempt: Attempt, status: int) -> Reply:
        attempt.error = "unreadable answer"
        reserved = Usage(admission.reserved.input_tokens, admission.reserved.output_tokens)
        outcome = Outcome("provider_failed", reserved, "estimated", status, Code.UPSTREAM_ERROR.value)
        self.settler.settle(admission, attempt, outcome)
        return self._failed(admission, UNKNOWN_ANSWER, attempt)

    def _cut(self, admission: Admission, attempt: Attempt, code: Code) -> None:
        """Stopped by us before an answer: what was reserved may have been used."""
        reserved = Usage(admission.reserved.input_tokens, admission.reserved.output_tokens)
        self.settler.settle(
            admission, attempt, Outcome("provider_failed", reserved, "estimated", code=code.value)
        )

    def _failed(self, admission: Admission, error: OrbitError, attempt: Attempt) -> Reply:
        reply = surface.error_reply(error, str(admission.call.request_id))
        return Reply(reply.status, reply.headers + response_headers.route(admission, attempt), reply.body)


def _possible(usage: Usage, admission: Admission) -> Usage:
    """The provider was told how much it may write: what it says beyond is cut, and the event says so."""
    most = admission.reserved.output_tokens
    if usage.output_tokens <= most:
        return usage
    return replace(usage, output_tokens=most, anomaly="more output than was allowed")


async def _read_out(answer: Answer) -> None:
    """Takes what may follow a stream's last event, so that its connection can serve the next call."""
    try:
        async with asyncio.timeout(GOODBYE_S):
            while await answer.read():
                pass
    except (EgressError, TimeoutError):
        pass  # the call is settled; only the connection is not kept


def _note(attempt: Attempt, answer: Answer) -> None:
    attempt.http_status = answer.status
    upstream_id = answer.header("x-request-id")
    attempt.upstream_request_id = upstream_id[:200] if upstream_id else None


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


def _ended_early(code: Code) -> OrbitError:
    words = {
        Code.SHUTTING_DOWN: "The gateway is restarting; this stream ended early. What came so far was charged.",
        Code.UPSTREAM_TIMEOUT: "The provider fell silent; this stream ended early. What came so far was charged.",
    }
    return OrbitError(
        code,
        words.get(code, "The provider broke off; this stream ended early. What came so far was charged."),
    )
