"""A chat request as the vendor reads it: strictly."""

from dataclasses import dataclass
from typing import Any

import orjson

from . import tokens
from .catalogue import Model, find_model
from .refusals import Refusal, bad_request

_FIELDS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
_MOST_CHOICES = 128


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: Model
    messages: list[dict[str, Any]]
    choices: int
    max_tokens: int | None
    stream: bool
    include_usage: bool
    tools: list[dict[str, Any]]
    forced_tool: str
    answer_schema: dict[str, Any] | None
    stops: tuple[str, ...]
    service_tier: str

    @property
    def user_text(self) -> str:
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return text_of(message)
        return ""

    @property
    def served_tier(self) -> str:
        """Prices do not depend on the tier here."""
        served = {"auto": "default", "fast": "priority"}
        return served.get(self.service_tier, self.service_tier)

    @property
    def tool_result(self) -> str | None:
        last = self.messages[-1]
        return text_of(last) if last.get("role") == "tool" else None

    def prompt_tokens(self, body_bytes: int) -> int:
        total = tokens.count_messages(self.messages)
        if self.tools:
            total += tokens.count(orjson.dumps(self.tools).decode())
        return min(total, body_bytes)


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def read_chat_request(fields: dict[str, Any]) -> ChatRequest:
    refuse_unknown(fields, _FIELDS)
    model = read_model(fields, "chat")
    tools, forced_tool = _tools(fields)
    stream = bool(fields.get("stream"))
    options = fields.get("stream_options")
    if options is not None and not stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    return ChatRequest(
        model=model,
        messages=_messages(fields),
        choices=_number(fields, "n", highest=_MOST_CHOICES) or 1,
        max_tokens=_max_tokens(fields, model),
        stream=stream,
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        tools=tools,
        forced_tool=forced_tool,
        answer_schema=_answer_schema(fields.get("response_format")),
        stops=read_stops(fields.get("stop")),
        service_tier=str(fields.get("service_tier") or "auto"),
    )


def refuse_unknown(fields: dict[str, Any], known: frozenset[str]) -> None:
    for name in fields:
        if name not in known:
            raise bad_request(f"Unrecognized request argument supplied: {name}", param=name)


def read_model(fields: dict[str, Any], kind: str) -> Model:
    asked = fields.get("model")
    if not isinstance(asked, str) or not asked:
        raise bad_request("you must provide a model parameter", param="model")
    name = asked.partition("?")[0]
    model = find_model(name)
    if model is None or model.kind != kind:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise Refusal(404, message, code="model_not_found")
    return model


def _messages(fields: dict[str, Any]) -> list[dict[str, Any]]:
    messages = fields.get("messages")
    if messages is None:
        message = "Missing required parameter: 'messages'."
        raise bad_request(message, param="messages", code="missing_required_parameter")
    if not isinstance(messages, list) or not messages:
        raise bad_request("Invalid 'messages': expected a non-empty array.", param="messages")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            param = f"messages[{number}].role"
            raise bad_request(f"Missing required parameter: '{param}'.", param=param)
    return messages


def _max_tokens(fields: dict[str, Any], model: Model) -> int | None:
    newer = _number(fields, "max_completion_tokens")
    older = _number(fields, "max_tokens")
    asked = older if newer is None else newer
    if asked is not None and asked > model.max_output_tokens:
        raise bad_request(
            f"max_tokens is too large: {asked}. This model supports at most {model.max_output_tokens} "
            "completion tokens.",
            param="max_tokens",
        )
    return asked


def _number(fields: dict[str, Any], name: str, *, highest: int = 1 << 31) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
        raise bad_request(f"Invalid '{name}': expected an integer from 1 to {highest}.", param=name)
    return value


def _tools(fields: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The functions on offer (none if the choice is `none`) and the name of a forced one."""
    tools = fields.get("tools") or []
    if not isinstance(tools, list):
        raise bad_request("Invalid type for 'tools': expected an array of objects.", param="tools")
    choice = fields.get("tool_choice")
    functions = [tool["function"] for tool in tools if isinstance(tool, dict) and "function" in tool]
    if any(not isinstance(each, dict) or not isinstance(each.get("name"), str) for each in functions):
        raise bad_request("Missing required parameter: 'tools[0].function.name'.", param="tools")
    if choice == "none":
        return [], ""
    forced = ""
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        forced = str(choice["function"].get("name", ""))
        if all(function["name"] != forced for function in functions):
            raise bad_request(
                f"Tool choice '{forced}' not found in 'tools' parameter.",
                param="tool_choice",
            )
    return functions, forced


def _answer_schema(response_format: Any) -> dict[str, Any] | None:
    if not isinstance(response_format, dict):
        return None
    if response_format.get("type") == "json_object":
        return {
            "properties": {
                "answer": {"type": "string"},
                "confident": {"type": "boolean"},
            }
        }
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    return schema if isinstance(schema, dict) else None


def read_stops(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,) if stop else ()
    return tuple(each for each in stop if isinstance(each, str) and each) if isinstance(stop, list) else ()
