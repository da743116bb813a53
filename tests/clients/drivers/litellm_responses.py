"""LiteLLM's SDK: Responses."""

from __future__ import annotations

from typing import Any

import litellm

from tests.clients.drivers.responses import Told, told, tool_trip, trip_by_id, with_picture
from tests.clients.drivers.schemas import Trip

litellm.suppress_debug_info = True


def connection(asked: Told) -> Told:
    return {"api_base": f"{asked['address']}/v1", "api_key": asked["key"], "timeout": asked["timeout_s"]}


def ask(asked: Told, **fields: Any) -> Any:
    return litellm.responses(
        **{
            "model": f"openai/{asked['model']}",
            "max_output_tokens": asked["max_tokens"],
            "max_retries": asked["max_retries"],
            "input": asked["text"],
            **connection(asked),
            **fields,
        }
    )


def plain(asked: Told) -> Told:
    return told(ask(asked))


def streamed(asked: Told, **fields: Any) -> tuple[Any, int]:
    if not asked["stores"]:  # of a model that it does not know, it would cut up a plain answer
        known = {"litellm_provider": "openai", "mode": "chat", "supports_native_streaming": True}
        litellm.register_model({f"openai/{asked['model']}": known})
    events = list(ask(asked, stream=True, **fields))
    pieces = sum(event.type == "response.output_text.delta" for event in events)
    [whole] = [event.response for event in events if event.type == "response.completed"]
    return whole, pieces


def stream(asked: Told) -> Told:
    whole, pieces = streamed(asked)
    return {**told(whole), "pieces": pieces}


def tools(asked: Told) -> Told:
    return tool_trip(asked, ask)


def streamed_tools(asked: Told) -> Told:
    return tool_trip(asked, lambda asked, **fields: streamed(asked, **fields)[0])


def structured(asked: Told) -> Told:
    response = ask(asked, text_format=Trip)
    return {**told(response), "object": Trip.model_validate_json(response.output_text).model_dump()}


def image(asked: Told) -> Told:
    return told(ask(asked, input=with_picture(asked)))


def by_id(asked: Told) -> Told:
    return trip_by_id(asked, ask)


def stored(asked: Told) -> Told:
    made, where = ask(asked), connection(asked)
    found = litellm.get_responses(made.id, custom_llm_provider="openai", **where)
    items = litellm.list_input_items(made.id, custom_llm_provider="openai", **where)
    litellm.delete_responses(made.id, custom_llm_provider="openai", **where)
    return {
        **told(made),
        "id": made.id,
        "found": told(found)["text"],
        "items": [item["type"] for item in items["data"]],
    }


def retrieved(asked: Told) -> Told:
    return told(litellm.get_responses(asked["id"], custom_llm_provider="openai", **connection(asked)))
