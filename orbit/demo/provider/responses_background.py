"""Responses that are worked on after the call has its answer, and the streams that follow them."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from .desk import Desk
from .exchange import Exchange, Pace
from .responses_events import ResponseEvents
from .responses_store import Stored
from .steps import Step, StepStream


def start_work(desk: Desk, exchange: Exchange, stored: Stored) -> None:
    """The books of the call stay open until the work is done: only then is its price known."""
    stored.draft.status = "queued"
    events = ResponseEvents(stored.draft)
    stored.add_events(events.opening())
    exchange.outlives_answer = True
    work = _work(desk, exchange, stored, events, exchange.pace, exchange.behaviour.error_after_chunks)
    stored.work = asyncio.get_running_loop().create_task(work)
    # Pace and failure are the work's; the streams that follow it hand on what there is.
    exchange.pace = Pace(0, 0, 0)
    exchange.behaviour = replace(exchange.behaviour, error_after_chunks=None)


async def _work(
    desk: Desk,
    exchange: Exchange,
    stored: Stored,
    events: ResponseEvents,
    pace: Pace,
    fails_after: int | None,
) -> None:
    draft, outcome = stored.draft, "stopped"
    try:
        await asyncio.sleep(pace.first_s)
        stored.add_events(events.started())
        if await _play(exchange, stored, events, pace, fails_after):
            draft.end()
            outcome = "finished"
        else:
            draft.fail()
            outcome = "cut"
        stored.add_events(events.ending())
    except asyncio.CancelledError:
        if draft.status == "cancelled":
            outcome = "cancelled"
        raise
    except Exception:
        outcome = "failed"
        raise
    finally:
        if not draft.is_over:
            draft.fail()
        stored.tell()
        desk.close_books(exchange.record, outcome)


async def _play(
    exchange: Exchange, stored: Stored, events: ResponseEvents, pace: Pace, fails_after: int | None
) -> bool:
    """False if it failed on the way, as asked."""
    record, pieces = exchange.record, 0

    def made(tokens: int) -> None:
        record.completion_tokens = record.reasoning_tokens = tokens

    for step in events.steps():
        if step.unseen:
            await exchange.work_unseen(step.unseen, step.unseen * pace.per_token_s, made)
        if step.is_content:
            if pieces == fails_after:
                return False
            pieces += 1
            record.completion_tokens += step.tokens
        stored.add_events(step.events)
        if step.is_content:
            await asyncio.sleep(pace.per_chunk_s)
    return fails_after is None


async def cancel_work(stored: Stored) -> None:
    if stored.work is None or stored.draft.is_over:
        return
    stored.draft.cancel()
    stored.work.cancel()
    with suppress(asyncio.CancelledError):
        await stored.work


async def follow(exchange: Exchange, stored: Stored, *, after: int) -> None:
    """The events with a higher sequence number than `after`, as they come."""
    sent = after + 1
    stream = StepStream(exchange, lambda: [ResponseEvents(stored.draft, first=sent).error()])
    await stream.begin()
    while True:
        news, over = stored.news, stored.draft.is_over
        fresh = stored.events[sent:]
        sent += len(fresh)
        ending = [fresh.pop()] if over and fresh and stored.draft.status != "cancelled" else []
        steps = [Step([event], is_content=event[0].endswith(b".delta")) for event in fresh]
        await stream.play(steps, is_all=over)
        if over:
            await stream.pause()
            await stream.end(ending, extra=[ResponseEvents(stored.draft, first=sent).extra()])
            return
        await news.wait()
