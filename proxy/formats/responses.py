"""OpenAI's Responses (https://platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from proxy.context import Usage
from proxy.formats.base import Assembly, Progress, Terms, Unreadable, note_unread, parsed_object
from proxy.formats.openai_usage import count, usage_of

ENDINGS = ("response.completed", "response.incomplete", "response.failed")
WORKING = ("queued", "in_progress")  # a response that is not over yet
WRITTEN = frozenset(
    [
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
        "response.shell_call_command.delta",
        "response.audio.transcript.delta",
    ]
)
# What the provider's own tools were used for, by the kind of item that shows it.
TOOLS = {
    "web_search_call": "web_searches",
    "file_search_call": "file_searches",
    "code_interpreter_call": "code_executions",
}
ID_LENGTH = 200
MOST_IDS = 10_000  # of one response


class Responses:
    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if body.get("model") != terms.model:
            changes["model"] = terms.model
        if body.get("max_output_tokens") != terms.output_cap:
            changes["max_output_tokens"] = terms.output_cap
        return changes

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        found, tier = answer.get("usage"), answer.get("service_tier")
        if not isinstance(found, dict):
            return None
        usage = usage_of(found, tier if isinstance(tier, str) else None, of_text=True)
        units = _units(answer)
        return replace(usage, units={**usage.units, **units}) if usage is not None and units else usage

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None:
        """Why it is incomplete, else how it ended."""
        details, status = answer.get("incomplete_details"), answer.get("status")
        reason = details.get("reason") if isinstance(details, dict) else None
        found = reason or status
        return found[:40] if isinstance(found, str) else None

    def output_text(self, answer: Mapping[str, Any]) -> str:
        return "".join(text for item in _output(answer) for text in _texts(item))

    def assembly(self) -> Assembly | None:
        return None

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        return {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        }

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        progress.chunk = None
        chunk = parsed_object(data)
        if chunk is None:
            note_unread(data, progress)
            return event
        progress.chunk = chunk
        kind = chunk.get("type")
        if kind is not None and not isinstance(kind, str):
            return event
        if kind == "error" or (kind is None and "error" in chunk):
            progress.failed = True
            return b""  # ours follows
        progress.passes(chunk)
        if kind in WRITTEN:
            if isinstance(delta := chunk.get("delta"), str):
                progress.output.add(delta)
            return event
        self._take_objects(chunk, progress)
        if kind in ENDINGS:
            self._end(chunk, progress)
        return event

    def _take_objects(self, chunk: Mapping[str, Any], progress: Progress) -> None:
        """The ids that an event gives out, and the call of a tool that begins with it."""
        if isinstance(response := chunk.get("response"), dict):
            name_objects(progress, ids_in(response))
        if isinstance(item := chunk.get("item"), dict):
            name_objects(progress, _id_of(item, "item"))
            if chunk.get("type") == "response.output_item.added" and isinstance(item.get("name"), str):
                progress.output.add(item["name"])
                progress.output.call(chunk.get("output_index"))

    def _end(self, chunk: Mapping[str, Any], progress: Progress) -> None:
        progress.done = True
        response = chunk.get("response")
        if isinstance(response, dict):
            progress.usage = self.usage(response) or progress.usage
            progress.finish_reason = self.finish_reason(response)

    def on_end(self, progress: Progress) -> bytes:
        """Without its last event a stream is broken: that alone says what was used."""
        progress.failed = progress.failed or not progress.done
        return b""


def is_working(answer: Mapping[str, Any]) -> bool:
    """Whether a response will be more than it is now."""
    return answer.get("status") in WORKING


def ids_in(response: Mapping[str, Any]) -> dict[str, str]:
    """What may be referred to by later calls: the kinds of a response and its items, by id."""
    found = _id_of(response, "response")
    for item in _output(response):
        found |= _id_of(item, "item")
    return found


def items_in(page: Mapping[str, Any]) -> dict[str, str]:
    """The ids of a page of items."""
    found: dict[str, str] = {}
    items = page.get("data")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            found |= _id_of(item, "item")
    return found


def name_objects(progress: Progress, ids: Mapping[str, str]) -> None:
    """Takes note of ids that the client has not seen yet."""
    for one, kind in ids.items():
        if one not in progress.named:
            progress.named[one] = progress.unkept[one] = kind
    if len(progress.named) > MOST_IDS:
        raise Unreadable(f"more than {MOST_IDS} items")


def response_id_in(ids: Mapping[str, str]) -> str | None:
    return next((one for one, kind in ids.items() if kind == "response"), None)


def _id_of(found: Mapping[str, Any], kind: str) -> dict[str, str]:
    value = found.get("id")
    if not isinstance(value, str) or not value:
        return {}
    if len(value) > ID_LENGTH:
        raise Unreadable(f"an id of {len(value)} characters")
    return {value: kind}


def _output(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = response.get("output")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _units(response: Mapping[str, Any]) -> dict[str, int]:
    """Uses of tools that are charged apart. A provider's own count stands above ours of what it shows."""
    found: dict[str, int] = {}
    for item in _output(response):
        if (unit := TOOLS.get(str(item.get("type")))) is not None:
            found[unit] = found.get(unit, 0) + 1
    usage = response.get("tool_usage")
    searches = usage.get("web_search") if isinstance(usage, dict) else None
    told = count(searches.get("num_requests")) if isinstance(searches, dict) else None
    if told is not None:
        found["web_searches"] = told
    return {unit: used for unit, used in found.items() if used}


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    """What the model wrote in an item."""
    for name in ("name", "arguments", "input", "code"):
        if isinstance(value := item.get(name), str):
            yield value
    for name in ("content", "summary"):
        parts = item.get(name)
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield from (text for key in ("text", "refusal") if isinstance(text := part.get(key), str))
