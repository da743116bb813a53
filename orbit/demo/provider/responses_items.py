"""Input items of the Responses format: checked, given ids, and seen as the messages they stand for."""

from collections.abc import Callable, Iterable
from typing import Any

from .refusals import bad_request

Item = dict[str, Any]
FindItem = Callable[[str], Item]

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_KINDS = frozenset(
    [
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "reasoning",
        "web_search_call",
        "item_reference",
    ]
)
_ID_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "web_search_call": "ws",
}


def read_items(value: Any, find_item: FindItem) -> list[Item]:
    if value is None:
        return []
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if not isinstance(value, list):
        raise bad_request(
            "Invalid type for 'input': expected a string or an array of objects.",
            param="input",
            code="invalid_type",
        )
    return [_read_item(each, number, find_item) for number, each in enumerate(value)]


def _read_item(item: Any, number: int, find_item: FindItem) -> Item:
    where = f"input[{number}]"
    if not isinstance(item, dict):
        message = f"Invalid type for '{where}': expected an object."
        raise bad_request(message, param=where, code="invalid_type")
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    if kind not in _KINDS:
        message = f"Invalid value: '{kind}'. Supported values are: {', '.join(sorted(_KINDS))}."
        raise bad_request(message, param=f"{where}.type", code="invalid_value")
    if kind == "item_reference":
        return find_item(_text_field(item, "id", where))
    if kind == "message":
        _check_message(item, where)
    if kind == "function_call":
        _text_field(item, "name", where)
        _text_field(item, "arguments", where)
    if kind in ("function_call", "function_call_output"):
        _text_field(item, "call_id", where)
    return item | {"type": kind}


def _check_message(item: Item, where: str) -> None:
    role = item.get("role")
    if role not in _ROLES:
        message = f"Invalid value: '{role}'. Supported values are: {', '.join(sorted(_ROLES))}."
        raise bad_request(message, param=f"{where}.role", code="invalid_value")
    if not isinstance(item.get("content"), str | list):
        param = f"{where}.content"
        raise bad_request(
            f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
        )


def _text_field(item: Item, name: str, where: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        param = f"{where}.{name}"
        raise bad_request(
            f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
        )
    return value


def check_calls_are_answered(items: Iterable[Item]) -> None:
    """The vendor refuses a result without its call, and a call without its result."""
    called: list[str] = []
    answered: set[str] = set()
    for item in items:
        if item["type"] == "function_call":
            called.append(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in called:
                message = f"No tool call found for function call output with call_id {item['call_id']}."
                raise bad_request(message, param="input")
            answered.add(item["call_id"])
    for call_id in called:
        if call_id not in answered:
            raise bad_request(f"No tool output found for function call {call_id}.", param="input")


def as_messages(instructions: str | None, items: Iterable[Item]) -> list[dict[str, Any]]:
    """The same conversation as chat messages, for counting and for making up an answer."""
    messages = [{"role": "system", "content": instructions}] if instructions else []
    return messages + [_as_message(item) for item in items]


def _as_message(item: Item) -> dict[str, Any]:
    match item["type"]:
        case "message":
            return {"role": item["role"], "content": item["content"]}
        case "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            return {"role": "assistant", "tool_calls": [{"function": function}]}
        case "function_call_output" | "custom_tool_call_output":
            return {"role": "tool", "content": item.get("output") or ""}
        case "reasoning":
            return {"role": "assistant", "content": item.get("summary") or []}
        case "custom_tool_call":
            return {"role": "assistant", "content": str(item.get("input") or "")}
    return {"role": "assistant", "content": ""}


def listed_items(items: Iterable[Item], response_id: str) -> list[Item]:
    """As `input_items` shows them: each with an id and content in parts."""
    return [_listed(item, response_id, number) for number, item in enumerate(items)]


def _listed(item: Item, response_id: str, number: int) -> Item:
    prefix = _ID_PREFIXES[item["type"]]
    listed = {"id": f"{prefix}_{response_id.removeprefix('resp_')}in{number:04d}", **item}
    if item["type"] != "message":
        return listed
    if isinstance(item["content"], str):
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        part: dict[str, Any] = {"type": kind, "text": item["content"]}
        listed["content"] = [part | ({"annotations": []} if kind == "output_text" else {})]
    return {"status": "completed"} | listed
