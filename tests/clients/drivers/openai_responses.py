"""OpenAI's client for Python: Responses."""

from __future__ import annotations

import time
from typing import Any

from tests.clients.drivers.openai_python import client
from tests.clients.drivers.responses import Told, told, tool_trip, trip_by_id, with_picture
from tests.clients.drivers.schemas import Trip

BREATH_S = 0.05  # between two looks at what is done in the background


def request(asked: Told, **fields: Any) -> Told:
    return {
        "model": asked["model"],
        "max_output_tokens": asked["max_tokens"],
        "input": asked["text"],
        **fields,
    }


def ask(asked: Told, **fields: Any) -> Any:
    return client(asked).responses.create(**request(asked, **fields))


def plain(asked: Told) -> Told:
    return told(ask(asked))


def streamed(asked: Told, **fields: Any) -> tuple[Any, int]:
    with client(asked).responses.stream(**request(asked, **fields)) as events:
        pieces = sum(event.type == "response.output_text.delta" for event in events)
        return events.get_final_response(), pieces


def stream(asked: Told) -> Told:
    whole, pieces = streamed(asked)
    return {**told(whole), "pieces": pieces}


def tools(asked: Told) -> Told:
    return tool_trip(asked, ask)


def streamed_tools(asked: Told) -> Told:
    return tool_trip(asked, lambda asked, **fields: streamed(asked, **fields)[0])


def structured(asked: Told) -> Told:
    response = client(asked).responses.parse(**request(asked, text_format=Trip))
    return {**told(response), "object": response.output_parsed and response.output_parsed.model_dump()}


def image(asked: Told) -> Told:
    return told(ask(asked, input=with_picture(asked)))


def by_id(asked: Told) -> Told:
    return trip_by_id(asked, ask)


def stored(asked: Told) -> Told:
    made, kept = ask(asked), client(asked).responses
    found = kept.retrieve(made.id)
    items = [item.type for item in kept.input_items.list(made.id)]
    kept.delete(made.id)
    return {**told(made), "id": made.id, "found": told(found)["text"], "items": items}


def retrieved(asked: Told) -> Told:
    return told(client(asked).responses.retrieve(asked["id"]))


def counted(asked: Told) -> Told:
    count = client(asked).responses.input_tokens.count(model=asked["model"], input=asked["text"])
    return {"input_tokens": count.input_tokens}


def background(asked: Told) -> Told:
    made = found = ask(asked, background=True)
    deadline = time.monotonic() + asked["timeout_s"]
    while found.status in ("queued", "in_progress") and time.monotonic() < deadline:
        time.sleep(BREATH_S)
        found = client(asked).responses.retrieve(made.id)
    return {**told(found), "began": made.status}


def cancelled(asked: Told) -> Told:
    made = ask(asked, background=True)
    return {"finish": client(asked).responses.cancel(made.id).status}
