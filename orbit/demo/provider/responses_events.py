"""The events of one response, in the vendor's order, made as they are needed."""

import random
from collections.abc import Iterator
from typing import Any

import orjson

from .responses_draft import Draft, OutputItem
from .steps import Event, Step

_PADDING = "aQ3xZ7kLm9TbQ2wE8rT5"


class ResponseEvents:
    def __init__(self, draft: Draft, *, first: int = 0) -> None:
        self._draft = draft
        self._number = first
        self._in_hand = 0
        self._together = draft.behaviour.tokens_per_chunk
        self._chance = random.Random(draft.id)  # noqa: S311

    def opening(self) -> list[Event]:
        draft = self._draft
        events = [self._whole("response.created")]
        if draft.status == "queued":
            return [*events, self._whole("response.queued")]
        return [*events, self._whole("response.in_progress")]

    def started(self) -> list[Event]:
        """Of a background response whose turn has come."""
        self._draft.status = "in_progress"
        return [self._whole("response.in_progress")]

    def steps(self) -> Iterator[Step]:
        for step in self._steps():
            self._in_hand = len(step.events)
            yield step
            self._in_hand = 0

    def _steps(self) -> Iterator[Step]:
        if self._draft.reasoning_tokens:
            yield Step(unseen=self._draft.reasoning_tokens, is_reasoning=True)
        for index, item in enumerate(self._draft.items):
            match item.finished["type"]:
                case "reasoning":
                    yield from self._reasoning(index, item)
                case "web_search_call":
                    yield from self._search(index, item)
                case "function_call":
                    yield from self._call(index, item)
                case _:
                    yield from self._message(index, item)

    def ending(self) -> list[Event]:
        """The last event: completed, incomplete or failed, with the usage."""
        self._drop_unsent()
        name = f"response.{self._draft.status}"
        kind = self._draft.behaviour.usage
        return [self._whole(name)] * (2 if kind == "twice" else 1)

    def error(self) -> Event:
        self._drop_unsent()
        error = {
            "code": self._draft.behaviour.code or "server_error",
            "message": "The server had an error while processing your request. Sorry about that!",
            "param": None,
        }
        return self._event("error", error)

    def extra(self) -> Event:
        """An event after the last one, which counts for nothing."""
        place = {"item_id": "msg_late", "output_index": 0, "content_index": 0}
        return self._event("response.output_text.delta", place | {"delta": " and another thing"})

    def _drop_unsent(self) -> None:
        """A failure comes instead of the step in hand, and takes its number."""
        self._number -= self._in_hand
        self._in_hand = 0

    # -- one output item

    def _message(self, index: int, item: OutputItem) -> Iterator[Step]:
        part = item.finished["content"][0]
        place = {"item_id": item.finished["id"], "output_index": index, "content_index": 0}
        empty = {"part": part | {"text": ""}}
        yield Step([self._added(index, item), self._event("response.content_part.added", place | empty)])
        for text, count in self._parts(item.pieces):
            delta = place | {"delta": text, "logprobs": []}
            yield Step([self._delta("response.output_text.delta", delta)], tokens=count, is_content=True)
        done = place | {"text": part["text"], "logprobs": []}
        yield Step(
            [
                self._event("response.output_text.done", done),
                self._event("response.content_part.done", place | {"part": part}),
                self._done(index, item),
            ]
        )

    def _call(self, index: int, item: OutputItem) -> Iterator[Step]:
        place = {"item_id": item.finished["id"], "output_index": index}
        yield Step([self._added(index, item)], tokens=item.name_tokens, is_content=True)
        for text, count in self._parts(item.pieces):
            event = self._delta("response.function_call_arguments.delta", place | {"delta": text})
            yield Step([event], tokens=count, is_content=True)
        named = {"arguments": item.finished["arguments"], "name": item.finished["name"]}
        name = "response.function_call_arguments.done"
        yield Step([self._event(name, place | named), self._done(index, item)])

    def _reasoning(self, index: int, item: OutputItem) -> Iterator[Step]:
        yield Step([self._added(index, item)])
        place = {"item_id": item.finished["id"], "output_index": index, "summary_index": 0}
        for part in item.finished["summary"]:
            empty = place | {"part": part | {"text": ""}}
            yield Step([self._event("response.reasoning_summary_part.added", empty)])
            for text, _ in self._parts(item.pieces):
                yield Step([self._delta("response.reasoning_summary_text.delta", place | {"delta": text})])
            done = place | {"text": part["text"]}
            yield Step(
                [
                    self._event("response.reasoning_summary_text.done", done),
                    self._event("response.reasoning_summary_part.done", place | {"part": part}),
                ]
            )
        yield Step([self._done(index, item)])

    def _search(self, index: int, item: OutputItem) -> Iterator[Step]:
        place = {"item_id": item.finished["id"], "output_index": index}
        begun = [self._added(index, item)]
        begun += [
            self._event(f"response.web_search_call.{state}", place) for state in ("in_progress", "searching")
        ]
        yield Step(begun)
        units = self._draft.record.units
        units["web_searches"] = units.get("web_searches", 0) + 1
        completed = self._event("response.web_search_call.completed", place)
        yield Step([completed, self._done(index, item)])

    def _added(self, index: int, item: OutputItem) -> Event:
        blank: dict[str, Any] = {"status": "in_progress"}
        match item.finished["type"]:
            case "message":
                blank["content"] = []
            case "function_call":
                blank["arguments"] = ""
            case "reasoning":
                blank = {"summary": []}
        return self._event(
            "response.output_item.added", {"output_index": index, "item": item.finished | blank}
        )

    def _done(self, index: int, item: OutputItem) -> Event:
        self._draft.output.append(item.finished)
        return self._event("response.output_item.done", {"output_index": index, "item": item.finished})

    def _parts(self, pieces: list[str]) -> Iterator[tuple[str, int]]:
        for start in range(0, len(pieces), self._together):
            part = pieces[start : start + self._together]
            yield "".join(part), len(part)

    # -- one event

    def _whole(self, name: str) -> Event:
        body = self._draft.body()
        if self._draft.behaviour.usage in ("running", "decreasing") and not self._draft.is_over:
            body["usage"] = self._draft.usage_now()
        return self._event(name, {"response": body})

    def _delta(self, name: str, fields: dict[str, Any]) -> Event:
        if self._draft.behaviour.obfuscation:
            fields["obfuscation"] = _PADDING[: self._chance.randint(1, len(_PADDING))]
        return self._event(name, fields)

    def _event(self, name: str, fields: dict[str, Any]) -> Event:
        payload = {"type": name, "sequence_number": self._number} | fields
        self._number += 1
        return name.encode(), orjson.dumps(payload)
