"""A Responses request as the vendor reads it: strictly."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from . import tokens
from .behaviour import Behaviour
from .catalogue import Model
from .chat_request import ChatRequest, read_model, text_of
from .refusals import Refusal, bad_request
from .responses_items import Item, as_messages

_COUNTED_FIELDS = frozenset(
    [
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "personality",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    ]
)
_FIELDS = (_COUNTED_FIELDS - {"personality"}) | frozenset(
    [
        "access_programs",
        "background",
        "background_options",
        "context_management",
        "image",
        "include",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ]
)
_NOT_IMITATED = ("background_options", "context_management", "conversation", "moderation", "prompt")
_SEARCH_TOOLS = frozenset(
    ["web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"]
)
_TOOLS = _SEARCH_TOOLS | {"function", "custom", "local_shell"}
_LEAST_OUTPUT = 16
_REASONING_TOKENS = {"low": 16, "medium": 32, "high": 64, "xhigh": 128}
_JSON_OBJECT = {"properties": {"answer": {"type": "string"}, "confident": {"type": "boolean"}}}


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    fields: dict[str, Any]
    """As received; the answer repeats most of them."""
    model: Model
    history: list[Item]
    items: list[Item]
    functions: list[dict[str, Any]]
    forced_tool: str
    offers_search: bool

    @property
    def context(self) -> list[Item]:
        return self.history + self.items

    @property
    def instructions(self) -> str | None:
        found = self.fields.get("instructions")
        return found if isinstance(found, str) else None

    @property
    def max_output_tokens(self) -> int | None:
        found: int | None = self.fields.get("max_output_tokens")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.fields.get(name)
        return default if value is None else bool(value)

    def setting(self, group: str, name: str) -> Any:
        found = self.fields.get(group)
        return found.get(name) if isinstance(found, dict) else None

    @property
    def served_tier(self) -> str:
        asked = str(self.fields.get("service_tier") or "auto")
        return {"auto": "default", "fast": "priority"}.get(asked, asked)

    def prompt_tokens(self, body_bytes: int) -> int:
        """What is sent counts no more than its bytes; what is remembered comes on top."""
        total = tokens.count_messages(as_messages(self.instructions, self.items))
        if tools := self.fields.get("tools"):
            total += tokens.count(orjson.dumps(tools).decode())
        remembered = sum(map(tokens.count_message, as_messages(None, self.history)))
        return min(total, body_bytes) + remembered

    def behaviour_of(self, asked: Behaviour) -> Behaviour:
        """The directives, with what the request itself says about calls and reasoning."""
        calls, reasoning = asked.tool_calls, asked.reasoning
        if calls and not self.flag("parallel_tool_calls", default=True):
            calls = 1
        if not reasoning and self.model.reasons:
            reasoning = _REASONING_TOKENS.get(self.setting("reasoning", "effort") or "medium", 0)
        return replace(asked, tool_calls=calls, reasoning=reasoning)

    def as_chat(self) -> ChatRequest:
        return ChatRequest(
            model=self.model,
            messages=as_messages(self.instructions, self.context),
            choices=1,
            max_tokens=self.max_output_tokens,
            stream=self.flag("stream"),
            include_usage=True,
            tools=self.functions,
            forced_tool=self.forced_tool,
            answer_schema=_answer_schema(self.setting("text", "format")),
            stops=(),
            service_tier=self.served_tier,
        )


def read_responses_request(
    fields: dict[str, Any], *, history: list[Item], items: list[Item], only_counted: bool = False
) -> ResponsesRequest:
    _refuse_unknown(fields, _COUNTED_FIELDS if only_counted else _FIELDS)
    model = read_model(fields, "chat")
    if not items and not history:
        raise bad_request(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )
    _check_limit(fields, model)
    if fields.get("background") and fields.get("store") is False:
        raise bad_request("Background mode requires 'store' to be true.", param="background")
    functions, forced = _functions(fields)
    return ResponsesRequest(
        fields=fields,
        model=model,
        history=history,
        items=items,
        functions=functions,
        forced_tool=forced,
        offers_search=fields.get("tool_choice") != "none" and _offers_search(fields),
    )


def last_user_text(value: Any) -> str:
    """Where directives stand: the input itself, or its last user message."""
    if isinstance(value, str):
        return value
    for item in reversed(value) if isinstance(value, list) else ():
        if isinstance(item, dict) and item.get("role") == "user":
            return text_of(item)
    return ""


def _refuse_unknown(fields: dict[str, Any], known: frozenset[str]) -> None:
    for name, value in fields.items():
        if name not in known:
            raise bad_request(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        if name in _NOT_IMITATED and value is not None:
            message = f"The demo provider does not imitate '{name}'."
            raise bad_request(message, param=name, code="unsupported_parameter")


def _check_limit(fields: dict[str, Any], model: Model) -> None:
    asked = fields.get("max_output_tokens")
    if asked is None:
        return
    if isinstance(asked, bool) or not isinstance(asked, int):
        message = "Invalid type for 'max_output_tokens': expected an integer."
        raise bad_request(message, param="max_output_tokens", code="invalid_type")
    if asked < _LEAST_OUTPUT:
        raise bad_request(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {_LEAST_OUTPUT}, "
            f"but got {asked} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    if asked > model.max_output_tokens:
        raise bad_request(
            f"max_output_tokens is too large: {asked}. This model supports at most "
            f"{model.max_output_tokens} output tokens.",
            param="max_output_tokens",
        )


def _functions(fields: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The functions on offer (none if the choice is `none`) and the name of a forced one."""
    offered = [tool for tool in _tools(fields) if tool["type"] == "function"]
    choice = fields.get("tool_choice")
    if choice == "none":
        return [], ""
    if not isinstance(choice, dict):
        return offered, ""
    if choice.get("type") == "allowed_tools":
        allowed = {tool.get("name") for tool in choice.get("tools") or [] if isinstance(tool, dict)}
        return [tool for tool in offered if tool["name"] in allowed], ""
    if choice.get("type") != "function":
        return [], ""
    forced = str(choice.get("name", ""))
    if all(tool["name"] != forced for tool in offered):
        message = f"Tool choice '{forced}' not found in 'tools' parameter."
        raise bad_request(message, param="tool_choice")
    return offered, forced


def _tools(fields: dict[str, Any]) -> list[dict[str, Any]]:
    tools = fields.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        message = "Invalid type for 'tools': expected an array of objects."
        raise bad_request(message, param="tools", code="invalid_type")
    for number, tool in enumerate(tools):
        if tool.get("type") not in _TOOLS:
            message = f"The demo provider does not imitate tools of type '{tool.get('type')}'."
            raise bad_request(message, param=f"tools[{number}].type", code="invalid_value")
        if tool["type"] == "function" and not isinstance(tool.get("name"), str):
            param = f"tools[{number}].name"
            raise bad_request(
                f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
            )
    return tools


def _offers_search(fields: dict[str, Any]) -> bool:
    return any(tool["type"] in _SEARCH_TOOLS for tool in _tools(fields))


def _answer_schema(text_format: Any) -> dict[str, Any] | None:
    if not isinstance(text_format, dict):
        return None
    if text_format.get("type") == "json_object":
        return _JSON_OBJECT
    schema = text_format.get("schema")
    return schema if isinstance(schema, dict) else None


def context_too_long() -> Refusal:
    return bad_request(
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        param="input",
        code="context_length_exceeded",
    )
