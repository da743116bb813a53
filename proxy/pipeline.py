"""One admitted call, read from top to bottom: send, relay, settle.

Each runs in a task of the supervisor, so that a client who leaves cannot take the settlement with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from orbit.lib.egress import Egress, read_all
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError
from proxy import headers as response_headers
from proxy.admission import Admission
from proxy.channel import Channel
from proxy.context import Call, Headers, Reply
from proxy.endings import Endings
from proxy.formats.base import Format, Progress, Terms
from proxy.learning import Outputs
from proxy.metering import Meter
from proxy.output import Output
from proxy.providers import PROVIDERS
from proxy.providers.base import Prepared
from proxy.relay import Relay
from proxy.settlement import Attempt, Settler

GOODBYE_S = 1.0  # a provider that has not closed its stream by then is left
NOT_WORKED = frozenset(range(300, 600))  # an error status: the provider charges nothing for it


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream that has begun: what the client gets comes through the channel."""

    headers: Headers
    channel: Channel
    pump: asyncio.Task[Any]


class Pipeline:
    def __init__(self, egress: Egress, settler: Settler, outputs: Outputs, max_answer_bytes: int) -> None:
        self.egress = egress
        self.settler = settler
        self.endings = Endings(settler, outputs)
        self.max_answer_bytes = max_answer_bytes

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
        answer = self._assembled_answer if is_metered(admission) else self._plain_answer
        try:
            return await answer(admission, attempt, raw)
        except EgressError as error:
            return self.endings.unanswered(admission, attempt, error)
        except asyncio.CancelledError:
            self.endings.cut(admission, attempt, Code.SHUTTING_DOWN)
            raise
        except Exception:
            # a fault of ours; should the call be settled already, a second settlement changes nothing
            self.endings.cut(admission, attempt, Code.INTERNAL_ERROR)
            raise

    async def _plain_answer(self, admission: Admission, attempt: Attempt, raw: bytes) -> Reply:
        format_, prepared = _prepared(admission.call, raw, stream=False)
        async with self._open(admission, prepared) as answer:
            _note(attempt, answer)
            content = await read_all(answer, self.max_answer_bytes)
        return await self._whole(admission, attempt, format_, answer, content)

    async def _assembled_answer(self, admission: Admission, attempt: Attempt, raw: bytes) -> Reply:
        """Run as a stream, so that its output can be metered as it is made."""
        format_, prepared = _prepared(admission.call, raw, stream=True)
        progress = _progress(admission.call)
        progress.assembly = format_.assembly()
        async with self._open(admission, prepared) as answer:
            _note(attempt, answer)
            if not _is_stream(answer):
                content = await read_all(answer, self.max_answer_bytes)
                return await self._whole(admission, attempt, format_, answer, content)
            meter = self._meter(admission, progress)
            relay = self._relay(admission, attempt, format_, answer, progress)
            relay.meter = meter = self._meter(admission, progress)
            relay.most_bytes = self.max_answer_bytes
            end = await relay.run()
            if end.whole:
                reply = await self.endings.assembled(admission, attempt, progress, end, meter)
                await _read_out(answer)
                return reply
        # a provider that goes on for nobody is stopped before we count what it wrote
        return await self.endings.assembled(admission, attempt, progress, end, meter)

    async def _whole(
        self, admission: Admission, attempt: Attempt, format_: Format, answer: Answer, content: bytes
    ) -> Reply:
        """An answer that is no stream."""
        if answer.status in NOT_WORKED:
            return self.endings.provider_refused(admission, attempt, answer, content)
        content_type = answer.header("content-type") or "application/json"
        return await self.endings.plain(admission, attempt, format_, content, content_type)

    # streams

    async def _stream(
        self, admission: Admission, raw: bytes, begun: asyncio.Future[Reply | Headers], channel: Channel
    ) -> None:
        attempt = Attempt(admission.call.target.account.name, admission.call.target.model)
        try:
            await self._streamed(admission, attempt, raw, begun, channel)
        except EgressError as error:
            if not begun.done():
                begun.set_result(self.endings.unanswered(admission, attempt, error))
        except asyncio.CancelledError:
            if not begun.done():
                begun.set_exception(OrbitError(Code.SHUTTING_DOWN, "The gateway is restarting. Try again."))
                self.endings.cut(admission, attempt, Code.SHUTTING_DOWN)
            raise
        except Exception as error:
            self.endings.cut(admission, attempt, Code.INTERNAL_ERROR)
            if begun.done():
                raise
            begun.set_exception(error)
        finally:
            channel.end()

    async def _streamed(
        self,
        admission: Admission,
        attempt: Attempt,
        raw: bytes,
        begun: asyncio.Future[Reply | Headers],
        channel: Channel,
    ) -> None:
        format_, prepared = _prepared(admission.call, raw, stream=True)
        async with self._open(admission, prepared) as answer:
            _note(attempt, answer)
            if not _is_stream(answer):
                content = await read_all(answer, self.max_answer_bytes)
                if answer.status in NOT_WORKED:
                    reply = self.endings.provider_refused(admission, attempt, answer, content)
                else:
                    reply = self.endings.unreadable(admission, attempt)
                begun.set_result(reply)
                return
            content_type = answer.header("content-type") or ""
            begun.set_result(response_headers.answered(admission, content_type, attempt))
            progress = _progress(admission.call)
            relay = self._relay(admission, attempt, format_, answer, progress)
            relay.channel = channel
            relay.meter = meter = self._meter(admission, progress) if is_metered(admission) else None
            end = await relay.run()
            if end.whole:
                await self.endings.stream(admission, attempt, end, channel, meter)
                channel.end()
                await _read_out(answer)
                return
        # a provider that goes on for nobody is stopped before we count what it wrote
        await self.endings.stream(admission, attempt, end, channel, meter)

    # what both share

    def _relay(
        self, admission: Admission, attempt: Attempt, format_: Format, answer: Answer, progress: Progress
    ) -> Relay:
        return Relay(
            admission.call,
            format_,
            attempt,
            answer,
            progress,
            cost=lambda usage: self.settler.cost(admission, usage),
        )

    def _meter(self, admission: Admission, progress: Progress) -> Meter:
        return Meter(
            self.settler.engine,
            self.settler.supervisor,
            self.settler.journal,
            admission,
            progress.output,
        )

    def _open(self, admission: Admission, prepared: Prepared) -> Any:
        return self.egress.open(
            admission.call.target.account.id, "POST", prepared.url, prepared.headers, prepared.body
        )


def is_metered(admission: Admission) -> bool:
    """Whether less is held than the provider may write."""
    call = admission.call
    return admission.reserved.output_tokens < call.output_cap * call.choices


def _prepared(call: Call, raw: bytes, *, stream: bool) -> tuple[Format, Prepared]:
    account = call.target.account
    provider = PROVIDERS[account.kind]
    terms = Terms(call.target.model, call.output_cap, stream)
    prepared = provider.prepare(account, call.endpoint, call.body, raw, terms, {})
    return provider.formats[call.endpoint], prepared


def _progress(call: Call) -> Progress:
    return Progress(Output(call.target.model, call.target.padding))


def _is_stream(answer: Answer) -> bool:
    content_type = answer.header("content-type") or ""
    return answer.status not in NOT_WORKED and content_type.startswith("text/event-stream")


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
