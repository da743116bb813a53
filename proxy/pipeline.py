"""One admitted call, read from top to bottom: send, relay, settle.

Each runs in a task of the supervisor, so that a client who leaves cannot take the settlement with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from orbit.lib.egress import read_all
from orbit.lib.errors import Code
from orbit.lib.exchange import Answer, EgressError
from proxy import headers as response_headers
from proxy.admission import Admission, stopping
from proxy.background import Background
from proxy.call import Call
from proxy.channel import Channel
from proxy.context import Headers, Reply
from proxy.endings import Endings
from proxy.flow import Flow
from proxy.formats.base import Format, Listener, Progress
from proxy.formats.media import Media, kind_of
from proxy.learning import Outputs
from proxy.metering import Meter
from proxy.objects import keeps
from proxy.output import Output
from proxy.relay import End, Relay
from proxy.settlement import Settler
from proxy.stored import Stored, outlives
from proxy.translation.backward import Backward
from proxy.upstream import NOT_WORKED, Tries, Upstream

KEEP_ALIVE_S = 15.0
GOODBYE_S = 1.0  # a provider that has not closed its stream by then is left


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream that has begun: what the client gets comes through the channel."""

    headers: Headers
    channel: Channel
    pump: asyncio.Task[Any]


class Pipeline:
    def __init__(self, upstream: Upstream, settler: Settler, outputs: Outputs, max_answer_bytes: int) -> None:
        self.upstream = upstream
        self.settler = settler
        self.endings = Endings(settler, outputs)
        self.max_answer_bytes = max_answer_bytes
        background = Background(upstream.egress, self.endings, max_answer_bytes)
        self.stored = Stored(upstream.admissions.snapshots, self.endings, background)

    async def run(self, admission: Admission) -> Reply | Streamed:
        """Sends the call and returns what the client gets of it."""
        self.settler.opened(admission)
        supervisor = self.settler.supervisor
        if (
            supervisor.over
        ):  # its reservation took longer than there was time, and nobody would stop it any more
            self.endings.cut(admission, Code.SHUTTING_DOWN)
            raise stopping()
        begun: asyncio.Future[Reply | Headers] = asyncio.get_running_loop().create_future()
        admission.on_withdrawal(lambda error: _begin(begun, self.endings.failed(admission, error)))
        if not admission.call.stream:
            supervisor.spawn(self._plain(admission, begun), "call")
            reply = await asyncio.shield(begun)
            assert isinstance(reply, Reply)
            return reply
        channel = Channel(self.upstream.egress.timeouts.idle_s)
        pump = supervisor.spawn(self._stream(admission, begun, channel), "stream")
        head = await asyncio.shield(begun)
        return head if isinstance(head, Reply) else Streamed(head, channel, pump)

    # plain calls

    async def _plain(self, admission: Admission, begun: asyncio.Future[Reply | Headers]) -> None:
        """Always awaited to its end: a client whose key was taken away has its error by then."""
        answer = self._assembled_answer if is_metered(admission) else self._plain_answer
        try:
            _begin(begun, await answer(admission))
        except EgressError as error:
            _begin(begun, self.endings.unanswered(admission, error))
        except asyncio.CancelledError:
            if not admission.over:
                self.endings.cut(admission, Code.SHUTTING_DOWN)
            _fail(begun, stopping())
            raise
        except Exception as error:
            # a fault of ours; should the call be settled already, a second settlement changes nothing
            self.endings.cut(admission, Code.INTERNAL_ERROR)
            if not _fail(begun, error):
                raise

    async def _plain_answer(self, admission: Admission) -> Reply:
        async with self.upstream.tries(admission, stream=False) as taken:
            if taken.error is not None:
                return self.endings.provider_refused(admission, taken.answer, taken.error)
            content = await read_all(taken.answer, self.max_answer_bytes)
        return await self._whole(admission, taken, content)

    async def _assembled_answer(self, admission: Admission) -> Reply:
        """Run as a stream, so that its output can be metered as it is made."""
        async with self.upstream.tries(admission, stream=True) as taken:
            if taken.error is not None:
                return self.endings.provider_refused(admission, taken.answer, taken.error)
            if not _is_stream(taken.answer):
                content = await read_all(taken.answer, self.max_answer_bytes)
                return await self._whole(admission, taken, content)
            progress = _progress(admission.call)
            progress.assembly = taken.format.assembly()
            relay = self._relay(admission, taken.format, taken.answer, progress)
            relay.meter = meter = self._meter(admission, progress)
            relay.most_bytes = self.max_answer_bytes
            end = await relay.run()
            if end.whole:
                reply = await self.endings.assembled(admission, taken.format, end, meter)
                await _read_out(taken.answer)
                return reply
        # a provider that goes on for nobody is stopped before we count what it wrote
        return await self.endings.assembled(admission, taken.format, end, meter)

    async def _whole(self, admission: Admission, taken: Tries, content: bytes) -> Reply:
        """An answer that is no stream."""
        content_type = taken.answer.header("content-type") or "application/json"
        if keeps(admission.call):
            return await self.stored.plain(admission, taken.format, content, content_type)
        return await self.endings.plain(admission, taken.format, content, content_type)

    # streams

    async def _stream(
        self, admission: Admission, begun: asyncio.Future[Reply | Headers], channel: Channel
    ) -> None:
        try:
            await self._streamed(admission, begun, channel)
        except EgressError as error:
            if not admission.over:
                _begin(begun, self.endings.unanswered(admission, error))
        except asyncio.CancelledError:
            if not admission.over:
                self.endings.cut(admission, Code.SHUTTING_DOWN)
            _fail(begun, stopping())
            raise
        except Exception as error:
            self.endings.cut(admission, Code.INTERNAL_ERROR)
            if not _fail(begun, error):
                raise
        finally:
            channel.end()

    async def _streamed(
        self, admission: Admission, begun: asyncio.Future[Reply | Headers], channel: Channel
    ) -> None:
        async with self.upstream.tries(admission, stream=True) as taken:
            if taken.error is not None:
                _begin(begun, self.endings.provider_refused(admission, taken.answer, taken.error))
                return
            kind = kind_of(taken.answer.header("content-type") or "")
            if isinstance(taken.format, Media) and kind in taken.format.flowing:
                end = await self._flowed(admission, taken, taken.format, begun, channel)
                await self.endings.flow(admission, end, channel)
                return
            if not _is_stream(taken.answer):
                content = await read_all(taken.answer, self.max_answer_bytes)
                whole = isinstance(taken.format, Media)  # some models take no notice of `stream`
                _begin(
                    begun,
                    await self._whole(admission, taken, content)
                    if whole
                    else self.endings.unreadable(admission),
                )
                return
            head = response_headers.answered(admission, taken.answer.header("content-type") or "")
            progress = _progress(admission.call)
            relay = self._relay(admission, _heard(admission.call, taken.format), taken.answer, progress)
            relay.channel = channel
            channel.keep_alive(admission.call.request.surface.keep_alive, KEEP_ALIVE_S)
            relay.meter = meter = self._meter(admission, progress) if is_metered(admission) else None
            relay.outlives = outlives(admission.call)
            begin = partial(_begin, begun, head)
            if keeps(admission.call):
                relay.keep = self.stored.keeper(admission, progress, begin)
            else:
                begin()
            end = await relay.run()
            if end.error is not None:
                _begin(begun, self.endings.failed(admission, end.error))
            begin()
            if end.whole:
                await self.endings.stream(admission, end, channel, meter)
                channel.end()
                await _read_out(taken.answer)
                return
        if self.stored.left_behind(admission, end, channel):
            return
        # a provider that goes on for nobody is stopped before we count what it wrote
        await self.endings.stream(admission, end, channel, meter)

    async def _flowed(
        self,
        admission: Admission,
        taken: Tries,
        heard: Media,
        begun: asyncio.Future[Reply | Headers],
        channel: Channel,
    ) -> End:
        """Bare bytes, as they come."""
        content_type = taken.answer.header("content-type") or ""
        _begin(begun, response_headers.answered(admission, content_type))
        call = admission.call
        flow = Flow(
            call, heard, admission.attempt, taken.answer, _progress(call), lambda usage: None, channel=channel
        )
        _heed(admission, flow)
        return await flow.run()

    # what both share

    def _relay(self, admission: Admission, heard: Listener, answer: Answer, progress: Progress) -> Relay:
        relay = Relay(
            admission.call,
            heard,
            admission.attempt,
            answer,
            progress,
            cost=lambda usage: self.settler.cost(admission, usage),
        )
        _heed(admission, relay)
        if admission.call.request.inspection is not None:
            admission.call.request.inspection.ahead = relay
        return relay

    def _meter(self, admission: Admission, progress: Progress) -> Meter:
        return Meter(
            self.settler.engine,
            self.settler.supervisor,
            self.settler.journal,
            admission,
            progress.output,
        )


def _begin(begun: asyncio.Future[Reply | Headers], what: Reply | Headers) -> None:
    """The client gets its answer's head, unless it has one."""
    if not begun.done():
        begun.set_result(what)


def _heed(admission: Admission, relay: Relay) -> None:
    """A withdrawal stops the relay, which this task runs next; one that has come before is known as it begins."""
    admission.on_withdrawal(relay.withdraw)
    relay.task = asyncio.current_task()


def _fail(begun: asyncio.Future[Reply | Headers], error: Exception) -> bool:
    """The client gets the error, unless it has something already: then False."""
    if begun.done():
        return False
    begun.set_exception(error)
    return True


def is_metered(admission: Admission) -> bool:
    """Whether less is held than the provider may write."""
    return admission.reserved.output_tokens < admission.call.output_most


def _heard(call: Call, spoken: Format) -> Listener:
    """The format of a stream's events, as they reach the client."""
    return spoken if call.translated is None else Backward(spoken, call.translated.stream(), call.endpoint)


def _progress(call: Call) -> Progress:
    return Progress(Output(call.target.model, call.target.padding), choices=call.choices)


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
