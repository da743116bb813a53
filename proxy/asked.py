"""What a request's body asks for, endpoint by endpoint. Nothing here looks at keys, policies or targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy import asked_media
from proxy.fields import MOST_CHOICES, MOST_OUTPUT, Asked, bad, flag, integer, stream_of

# Fields of other gateways and SDKs that could choose where a call goes, or with whose credential.
STEERING = frozenset(
    [
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "base_url",
        "credentials",
        "custom_llm_provider",
        "deployment_id",
        "extra_body",
        "extra_headers",
        "fallbacks",
        "headers",
        "model_list",
        "organization",
        "project",
        "provider",
        "vertex_credentials",
    ]
)
TAGS = 16
TAG = re.compile(r"^[\w.:/ -]{1,64}$")
REPLACED = re.compile(r"\[[A-Z][A-Z0-9_]+(#[0-9a-f]+)?\]")  # what stands in the place of personal data
REPLACED_TAG = re.compile(r"^[\w.:/ \[\]#-]{1,256}$")


def asked(endpoint: str, body: Mapping[str, Any]) -> Asked:
    """INVALID_REQUEST that names the field for what no provider could serve, or what could steer a call."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise bad("model", "must name a model. GET /v1/models lists those that this key may use")
    steering = STEERING.intersection(body)
    if steering:
        raise bad(min(steering), "is not accepted: accounts and destinations are set by your admins")
    return CHECKS[endpoint](body)


def _chat(body: Mapping[str, Any]) -> Asked:
    _messages(body)
    choices = integer(body, "n", 1, MOST_CHOICES) or 1
    stream = stream_of(body)
    wanted = [
        one
        for name in ("max_completion_tokens", "max_tokens")
        if (one := integer(body, name, 1, MOST_OUTPUT))
    ]
    if len(wanted) > 1:
        raise bad("max_tokens", "and 'max_completion_tokens' say the same thing: send one")
    return Asked(stream, choices, wanted[0] if wanted else None)


def _embeddings(body: Mapping[str, Any]) -> Asked:
    given = body.get("input")
    if not isinstance(given, (str, list)) or not given:
        raise bad("input", "must be a text, a list of texts, or a list of tokens")
    return Asked(output=0)


def _message(body: Mapping[str, Any]) -> Asked:
    _messages(body)
    output = integer(body, "max_tokens", 1, MOST_OUTPUT)
    if output is None:
        raise bad("max_tokens", "is required: the most tokens that the answer may have")
    return Asked(flag(body, "stream"), output=output)


def _response(body: Mapping[str, Any]) -> Asked:
    given = body.get("input")
    items = given if isinstance(given, list) else []
    if not isinstance(given, str | list | None) or not all(isinstance(one, dict) for one in items):
        raise bad("input", "must be a text, or a list of items")
    stream, stored = flag(body, "stream"), flag(body, "store") or body.get("store") is None
    if flag(body, "background") and not stored:
        raise bad("background", "needs a response that is stored: leave 'store' out")
    if body.get("stream_options") is not None and not stream:
        raise bad("stream_options", "is only allowed when stream is true")
    return Asked(stream, output=integer(body, "max_output_tokens", 1, MOST_OUTPUT))


def _count(body: Mapping[str, Any]) -> Asked:
    _messages(body)
    return Asked(output=0)


CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Asked]] = {
    "chat/completions": _chat,
    "embeddings": _embeddings,
    "messages": _message,
    "messages/count_tokens": _count,
    "responses": _response,
    **asked_media.CHECKS,
}


def _messages(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise bad("messages", "must be a list of at least one message")


def end_user(body: Mapping[str, Any], headers: Mapping[bytes, bytes], endpoint: str) -> str | None:
    """The client's word, for sub-limits and reports, never for rights."""
    if endpoint.startswith("messages"):
        metadata = body.get("metadata")
        value = metadata.get("user_id") if isinstance(metadata, dict) else None
        if value is not None and not isinstance(value, str):
            raise bad("metadata.user_id", "must be a text")
        return value[:256] if value else header_user(headers)
    for name in ("safety_identifier", "user"):
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise bad(name, "must be a text")
        if value:
            return value[:256]
    return header_user(headers)


def header_user(headers: Mapping[bytes, bytes]) -> str | None:
    """The end user in the header, in UTF-8 as in a body; other bytes stand for themselves."""
    given = headers.get(b"x-orbit-user", b"")
    try:
        return given.decode()[:256] or None
    except UnicodeDecodeError:
        return given.decode("latin-1")[:256]


def tags(
    body: Mapping[str, Any], headers: Mapping[bytes, bytes], endpoint: str, *, replaced: bool = False
) -> dict[str, str]:
    """`replaced` says that something may stand in the place of personal data."""
    found = header_tags(headers, replaced=replaced)
    metadata = body.get("metadata") if not endpoint.startswith("messages") else None
    if isinstance(metadata, dict):
        found.update(
            {
                name: value
                for name, value in metadata.items()
                if isinstance(value, str) and TAG.match(name) and _is_tag(value, replaced)
            }
        )
    if len(found) > TAGS:
        raise bad("x-orbit-tags", f"may hold at most {TAGS} tags")
    return found


def header_tags(headers: Mapping[bytes, bytes], *, replaced: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}
    given = headers.get(b"x-orbit-tags", b"").decode("latin-1")
    if given:
        for pair in given.split(","):
            name, separator, value = pair.strip().partition("=")
            if not separator or not _is_tag(name, replaced) or not _is_tag(value, replaced):
                raise bad("x-orbit-tags", "must read name=value,name=value")
            found[name] = value
    if len(found) > TAGS:
        raise bad("x-orbit-tags", f"may hold at most {TAGS} tags")
    return found


def _is_tag(text: str, replaced: bool) -> bool:
    return bool(TAG.match(text) or (replaced and REPLACED.search(text) and REPLACED_TAG.match(text)))
