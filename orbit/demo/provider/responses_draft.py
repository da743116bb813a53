"""One response in the making: its output items, and the object that shows how far it is."""

import time
import zlib
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from .behaviour import Behaviour
from .chat_answer import Choice
from .oracle import Record
from .prose import Prose
from .responses_request import ResponsesRequest
from .usage import usage_of

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

_SUMMARY_TOKENS = 24
_NO_IMAGES = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
_SERVER_ERROR = {
    "code": "server_error",
    "message": "The server had an error processing your request. Sorry about that!",
}


@dataclass(frozen=True, slots=True)
class OutputItem:
    """`finished` is how it ends; `pieces` are the tokens of its text or arguments as they are streamed."""

    finished: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    name_tokens: int = 0


@dataclass(slots=True)
class Draft:
    id: str
    request: ResponsesRequest
    record: Record
    behaviour: Behaviour
    items: list[OutputItem]
    reasoning_tokens: int
    cut_short: bool
    created_at: int = field(default_factory=lambda: int(time.time()))
    completed_at: int | None = None
    status: Status = "in_progress"
    output: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.status not in ("queued", "in_progress")

    @property
    def tokens(self) -> int:
        seen = (
            item.name_tokens + len(item.pieces) for item in self.items if item.finished["type"] != "reasoning"
        )
        return self.reasoning_tokens + sum(seen)

    def end(self) -> None:
        self.status = "incomplete" if self.cut_short else "completed"
        self.completed_at = None if self.cut_short else int(time.time())
        halved = self.behaviour.usage == "decreasing"
        self.usage = self.usage_now(halved=halved)
        if self.usage or self.behaviour.usage == "null":
            self.record.reported_usage.append(self.usage)

    def fail(self) -> None:
        """A failed response reports no usage; what was made is charged all the same."""
        self.status, self.usage = "failed", None

    def cancel(self) -> None:
        self.status, self.usage = "cancelled", None

    def usage_now(self, *, halved: bool = False) -> dict[str, Any] | None:
        record = self.record
        usage = usage_of(
            self.behaviour.usage,
            prompt=record.prompt_tokens,
            cached=record.cached_tokens,
            completion=record.completion_tokens // 2 if halved else record.completion_tokens,
            reasoning=record.reasoning_tokens,
        )
        if usage is None:
            return None
        return {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {
                "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
                "cache_write_tokens": 0,
            },
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {
                "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"],
            },
            "total_tokens": usage["total_tokens"],
        }

    def body(self) -> dict[str, Any]:
        request, asked = self.request, self.request.fields
        incomplete = {"reason": "max_output_tokens"} if self.status == "incomplete" else None
        body = {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": self.status,
            "background": request.flag("background"),
            "completed_at": self.completed_at,
            "error": _SERVER_ERROR if self.status == "failed" else None,
            "incomplete_details": incomplete,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "max_tool_calls": asked.get("max_tool_calls"),
            "model": request.model.served_as,
            "output": self.output,
            "parallel_tool_calls": request.flag("parallel_tool_calls", default=True),
            "previous_response_id": asked.get("previous_response_id"),
            "prompt_cache_key": asked.get("prompt_cache_key"),
            "reasoning": {
                "effort": request.setting("reasoning", "effort"),
                "summary": request.setting("reasoning", "summary"),
            },
            "safety_identifier": asked.get("safety_identifier"),
            "service_tier": request.served_tier if self.is_over else asked.get("service_tier") or "auto",
            "store": request.flag("store", default=True),
            "temperature": 1.0 if asked.get("temperature") is None else asked["temperature"],
            "text": {
                "format": request.setting("text", "format") or {"type": "text"},
                "verbosity": request.setting("text", "verbosity") or "medium",
            },
            "tool_choice": asked.get("tool_choice") or "auto",
            "tools": asked.get("tools") or [],
            "top_logprobs": asked.get("top_logprobs") or 0,
            "top_p": 1.0 if asked.get("top_p") is None else asked["top_p"],
            "truncation": asked.get("truncation") or "disabled",
            "usage": self.usage,
            "user": asked.get("user"),
            "metadata": asked.get("metadata") or {},
        }
        if self.behaviour.usage == "missing":
            del body["usage"]
        if request.offers_search:
            searches = {"num_requests": self.record.units.get("web_searches", 0)}
            body["tool_usage"] = {"image_gen": _NO_IMAGES, "web_search": searches}
        return body


def new_draft(
    request: ResponsesRequest, record: Record, behaviour: Behaviour, choice: Choice, prose: Prose
) -> Draft:
    number = record.id.removeprefix("req_demo_")
    return Draft(
        id=f"resp_demo{number}",
        request=request,
        record=record,
        behaviour=behaviour,
        items=_items(request, behaviour, choice, prose, number),
        reasoning_tokens=choice.reasoning,
        cut_short=choice.finish_reason == "length",
    )


def _items(
    request: ResponsesRequest, behaviour: Behaviour, choice: Choice, prose: Prose, number: str
) -> list[OutputItem]:
    items: list[OutputItem] = []
    if choice.reasoning:
        items.append(_reasoning(request, choice, prose, f"rs_demo{number}"))
    searches = behaviour.web_searches if request.offers_search else 0
    items += [_search(f"ws_demo{number}{index:02d}", choice) for index in range(searches)]
    status = "incomplete" if choice.finish_reason == "length" else "completed"
    for index, call in enumerate(choice.tool_calls):
        last = index == len(choice.tool_calls) - 1
        finished: dict[str, Any] = {
            "id": f"fc_demo{number}{index:02d}",
            "type": "function_call",
            "status": status if last else "completed",
            "arguments": "".join(call.pieces),
            "call_id": call.id,
            "name": call.name,
        }
        items.append(OutputItem(finished, call.pieces, call.name_tokens))
    if choice.pieces:
        items.append(_message(f"msg_demo{number}", status, choice))
    return items


def _message(item_id: str, status: str, choice: Choice) -> OutputItem:
    text = "".join(choice.pieces)
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    finished: dict[str, Any] = {
        "id": item_id,
        "type": "message",
        "status": status,
        "content": [part],
        "role": "assistant",
    }
    return OutputItem(finished, choice.pieces)


def _reasoning(request: ResponsesRequest, choice: Choice, prose: Prose, item_id: str) -> OutputItem:
    finished: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": []}
    pieces: list[str] = []
    if request.setting("reasoning", "summary"):
        seed = zlib.crc32(orjson.dumps(request.items))
        pieces = prose.exactly(min(choice.reasoning, _SUMMARY_TOKENS), seed)
        finished["summary"] = [{"type": "summary_text", "text": "".join(pieces)}]
    if "reasoning.encrypted_content" in (request.fields.get("include") or []):
        finished["encrypted_content"] = f"demo-encrypted-{item_id}"
    return OutputItem(finished, pieces)


def _search(item_id: str, choice: Choice) -> OutputItem:
    query = "".join(choice.pieces[:6]).strip() or "demo"
    action: dict[str, Any] = {"type": "search", "query": query, "queries": [query]}
    finished: dict[str, Any] = {
        "id": item_id,
        "type": "web_search_call",
        "status": "completed",
        "action": action,
    }
    return OutputItem(finished)
