"""A Messages request as the vendor reads it: strictly, and by the version that its header names."""

from dataclasses import dataclass
from typing import Any

from .claude_models import ClaudeModel, find_claude
from .messages_content import VERSION_OF_2026, read_blocks, read_turns, text_of
from .messages_marks import Turn, check_marks, mark_last_block
from .messages_prompt import Segment, segments_of
from .messages_refusals import invalid, refusal_of_status, refuse_extra, unknown_field
from .messages_tools import ToolChoice, read_choice, read_tools
from .thinking import Thinking, read_thinking

VERSIONS = frozenset({"2023-06-01", VERSION_OF_2026})

_COUNTED = frozenset(
    [
        "cache_control",
        "messages",
        "model",
        "output_config",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    ]
)
_SAMPLING = ("temperature", "top_p", "top_k")
_FIELDS = _COUNTED | {
    "container",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    *_SAMPLING,
}


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """What counting tokens needs; `max_tokens` 0 makes none."""

    model: ClaudeModel
    turns: list[Turn]
    segments: list[Segment]
    choice: ToolChoice
    thinking: Thinking | None
    effort: str
    answer_schema: dict[str, Any] | None
    max_tokens: int = 0
    stream: bool = False
    stops: tuple[str, ...] = ()

    @property
    def user_text(self) -> str:
        return last_user_text(self.turns)

    @property
    def tool_result(self) -> str | None:
        results = [block for block in self.turns[-1]["content"] if block["type"] == "tool_result"]
        return text_of(results[-1]) if results else None


def last_user_text(messages: Any) -> str:
    """The last words of the user; a turn with nothing but results of tools has none."""
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            blocks = content if isinstance(content, list) else []
            texts = [block["text"] for block in blocks if isinstance(block, dict) and _is_text(block)]
            if texts:
                return "\n".join(texts)
    return ""


def read_messages_request(fields: dict[str, Any], version: str) -> MessagesRequest:
    _refuse_fields(fields, _FIELDS, version)
    model = _model(fields)
    max_tokens = _max_tokens(fields, model)
    _check_sampling(fields, model)
    return _read(
        fields,
        version,
        model,
        max_tokens=max_tokens,
        stream=_flag(fields, "stream"),
        stops=_stops(fields.get("stop_sequences")),
    )


def read_count_request(fields: dict[str, Any], version: str) -> MessagesRequest:
    _refuse_fields(fields, _COUNTED, version)
    return _read(fields, version, _model(fields))


def _read(fields: dict[str, Any], version: str, model: ClaudeModel, **more: Any) -> MessagesRequest:
    turns = read_turns(fields.get("messages"), version)
    system = _system(fields.get("system"))
    tools = read_tools(fields.get("tools"))
    mark_last_block(fields.get("cache_control"), turns)
    check_marks(tools, system, turns)
    choice = read_choice(fields.get("tool_choice"), tools)
    thinking = read_thinking(fields.get("thinking"), model, more.get("max_tokens"))
    effort, schema = _output_config(fields.get("output_config"), model)
    _check_metadata(fields)
    if thinking and (choice.forced_tool or choice.must_call):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    _check_end(turns, model, thinking)
    segments = segments_of(tools, system, turns)
    return MessagesRequest(model, turns, segments, choice, thinking, effort, schema, **more)


def _refuse_fields(fields: dict[str, Any], known: frozenset[str], version: str) -> None:
    refuse_extra(fields, known)
    if version == VERSION_OF_2026:
        for name in _SAMPLING:
            if name in fields:
                raise unknown_field(name)


def _model(fields: dict[str, Any]) -> ClaudeModel:
    asked = fields.get("model")
    if asked is None:
        raise invalid("model: Field required")
    if not isinstance(asked, str) or not asked:
        raise invalid("model: Input should be a valid string")
    name = asked.partition("?")[0]
    if (model := find_claude(name)) is None:
        raise refusal_of_status(404, message=f"model: {name}")
    return model


def _max_tokens(fields: dict[str, Any], model: ClaudeModel) -> int:
    asked = fields.get("max_tokens")
    if asked is None:
        raise invalid("max_tokens: Field required")
    if type(asked) is not int:
        raise invalid("max_tokens: Input should be a valid integer")
    if asked < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")
    if asked > model.max_output_tokens:
        raise invalid(
            f"max_tokens: {asked} > {model.max_output_tokens}, which is the maximum allowed number of output "
            f"tokens for {model.served_as}"
        )
    return asked


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise invalid(f"{name}: Input should be a valid boolean")
    return value


def _check_sampling(fields: dict[str, Any], model: ClaudeModel) -> None:
    for name in _SAMPLING:
        value = fields.get(name)
        if value is None:
            continue
        highest = 1 if name != "top_k" else 1 << 31
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= highest:
            raise invalid(f"{name}: range: 0..{highest}")
        if not model.sampling and (name, value) != ("temperature", 1):
            raise invalid(f"`{name}` is not supported by this model.")
    if fields.get("temperature") is not None and fields.get("top_p") is not None:
        raise invalid("`temperature` and `top_p` cannot both be specified for this model.")
    enabled = isinstance(fields.get("thinking"), dict) and fields["thinking"].get("type") != "disabled"
    if enabled and fields.get("temperature") not in (None, 1):
        raise invalid("`temperature` may only be set to 1 when thinking is enabled.")


def _stops(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid("stop_sequences: Input should be a valid list of strings")
    if not all(each.strip() for each in value):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    return tuple(value)


def _system(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    blocks = read_blocks(value, "system")
    for number, block in enumerate(blocks):
        if block["type"] != "text":
            raise invalid(f"system.{number}.type: Input should be 'text'")
    return blocks


def _output_config(value: Any, model: ClaudeModel) -> tuple[str, dict[str, Any] | None]:
    if value is None:
        return "high", None
    if not isinstance(value, dict):
        raise invalid("output_config: Input should be an object")
    refuse_extra(value, frozenset({"effort", "format"}), "output_config.")
    effort = value.get("effort")
    if effort is not None and not model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort is not None and effort not in model.efforts:
        expected = ", ".join(f"'{each}'" for each in model.efforts)
        raise invalid(f"output_config.effort: Input should be one of {expected}")
    layout = value.get("format")
    if layout is None:
        return effort or "high", None
    if not isinstance(layout, dict) or layout.get("type") != "json_schema":
        raise invalid("output_config.format.type: Input should be 'json_schema'")
    refuse_extra(layout, frozenset({"type", "schema"}), "output_config.format.")
    if not isinstance(layout.get("schema"), dict):
        raise invalid("output_config.format.schema: Field required")
    return effort or "high", layout["schema"]


def _check_metadata(fields: dict[str, Any]) -> None:
    metadata = fields.get("metadata")
    if metadata is not None:
        if not isinstance(metadata, dict):
            raise invalid("metadata: Input should be an object")
        refuse_extra(metadata, frozenset({"user_id"}), "metadata.")
    if fields.get("service_tier") not in (None, "auto", "standard_only"):
        raise invalid("service_tier: Input should be 'auto' or 'standard_only'")
    if fields.get("speed") not in (None, "standard", "fast"):
        raise invalid("speed: Input should be 'standard' or 'fast'")


def _check_end(turns: list[Turn], model: ClaudeModel, thinking: Thinking | None) -> None:
    last = turns[-1]
    if last["role"] == "assistant":
        if not model.prefill or thinking:
            raise invalid(
                "This model does not support assistant message prefill. The conversation must end with a user "
                "message."
            )
        if last["content"] and text_of(last["content"][-1]).endswith((" ", "\n", "\t")):
            raise invalid("messages: final assistant content cannot end with trailing whitespace")
    if thinking is None or thinking.budget is None or len(turns) < 2:
        return
    before = turns[-2]["content"]
    answers_tools = any(block["type"] == "tool_result" for block in last["content"])
    if answers_tools and before[0]["type"] not in ("thinking", "redacted_thinking"):
        raise invalid(
            f"messages.{len(turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{before[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _is_text(block: dict[str, Any]) -> bool:
    return block.get("type") == "text" and isinstance(block.get("text"), str)
