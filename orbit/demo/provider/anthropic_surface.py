"""Anthropic's endpoints: who may enter, and which request goes where."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from .claude_models import CLAUDE_MODELS, ClaudeModel, find_claude
from .connection import Request
from .exchange import Exchange
from .messages import Messages, count_tokens
from .messages_refusals import invalid, refusal_of_status
from .messages_request import VERSIONS, last_user_text, read_count_request, read_messages_request
from .refusals import Refusal

Work = Coroutine[Any, Any, None] | None
# Reads the body's fields, and lets the exchange behave as the given text in them asks.
Prepare = Callable[[Exchange, Callable[[dict[str, Any]], str]], dict[str, Any]]

_KEY_PREFIX = "sk-demo"
_STRUCTURED_BETA = "structured-outputs-2025-11-13"
_BROKE_KEY = "sk-demo-broke"
_LARGEST_BODY = 32 * 1024 * 1024
_MODELS_ON_A_PAGE = 20
_MOST_ON_A_PAGE = 1_000


class AnthropicSurface:
    def __init__(self, seed: int, prepare: Prepare) -> None:
        self._messages = Messages(seed)
        self._prepare = prepare

    def route(self, exchange: Exchange) -> Work:
        request = exchange.request
        _admit(request)
        match request.method, request.path.rstrip("/"):
            case "POST", "/v1/messages":
                return self._serve_messages(exchange)
            case "POST", "/v1/messages/count_tokens":
                return self._serve_count(exchange)
            case "GET", "/v1/models":
                exchange.answer_at_once(200, orjson.dumps(_page(parse_qs(request.query))))
                return None
            case "GET", path if path.startswith("/v1/models/"):
                name = unquote(path.removeprefix("/v1/models/"))
                if (model := find_claude(name)) is None:
                    raise refusal_of_status(404, message=f"model: {name}")
                exchange.answer_at_once(200, orjson.dumps(_model_json(model)))
                return None
        raise refusal_of_status(404)

    def _serve_messages(self, exchange: Exchange) -> Work:
        fields = self._prepare(exchange, _last_text)
        if exchange.behaviour.refuses:
            return exchange.refuse(_asked_refusal(exchange))
        request = read_messages_request(_current(fields, exchange.request), _version(exchange.request))
        exchange.record.model = request.model
        return self._messages.serve(exchange, request)

    def _serve_count(self, exchange: Exchange) -> Work:
        fields = self._prepare(exchange, _last_text)
        if exchange.behaviour.refuses:
            return exchange.refuse(_asked_refusal(exchange))
        request = read_count_request(_current(fields, exchange.request), _version(exchange.request))
        exchange.record.model = request.model
        body = count_tokens(exchange, request)
        if exchange.can_answer_at_once:
            exchange.answer_at_once(200, body)
            return None
        return exchange.answer_after_delay(body)


def _last_text(fields: dict[str, Any]) -> str:
    return last_user_text(fields.get("messages"))


def _asked_refusal(exchange: Exchange) -> Refusal:
    return refusal_of_status(exchange.behaviour.status or 502, exchange.behaviour.code or None)


def _admit(request: Request) -> None:
    if len(request.body) > _LARGEST_BODY:
        raise refusal_of_status(413)
    _check_key(request)
    version = _version(request)
    if not version:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')


def _check_key(request: Request) -> None:
    """Of two credentials the vendor takes `x-api-key`."""
    key, complaint = request.header(b"x-api-key").strip(), "invalid x-api-key"
    if not key:
        scheme, _, key = request.header(b"authorization").partition(" ")
        key, complaint = key.strip(), "Invalid bearer token"
        if scheme.lower() != "bearer" or not key:
            raise refusal_of_status(401, message="x-api-key header is required")
    if not key.startswith(_KEY_PREFIX):
        raise refusal_of_status(401, message=complaint)
    if key == _BROKE_KEY:
        raise refusal_of_status(402)


def _current(fields: dict[str, Any], request: Request) -> dict[str, Any]:
    """A beta of 2025 called the format of the output otherwise; LiteLLM still does."""
    config = fields.get("output_config") or {}
    if "output_format" not in fields or _STRUCTURED_BETA not in request.header(b"anthropic-beta"):
        return fields
    if not isinstance(config, dict) or "format" in config:
        return fields
    rest = {name: value for name, value in fields.items() if name != "output_format"}
    return {**rest, "output_config": {**config, "format": fields["output_format"]}}


def _version(request: Request) -> str:
    return request.header(b"anthropic-version").strip()


def _page(query: dict[str, list[str]]) -> dict[str, Any]:
    """The newest models first; `before_id` pages backwards, towards the newer ones."""
    models = sorted(CLAUDE_MODELS.values(), key=lambda model: -model.created)
    after, before = (query.get(name, [""])[0] for name in ("after_id", "before_id"))
    limit = _limit(query)
    if before:
        models = models[: _place(models, before)]
        shown = models[max(0, len(models) - limit) :]
    else:
        models = models[_place(models, after) + 1 :] if after else models
        shown = models[:limit]
    return {
        "data": [_model_json(model) for model in shown],
        "has_more": len(shown) < len(models),
        "first_id": shown[0].served_as if shown else None,
        "last_id": shown[-1].served_as if shown else None,
    }


def _limit(query: dict[str, list[str]]) -> int:
    asked = query.get("limit", [str(_MODELS_ON_A_PAGE)])[0]
    if not asked.isdigit() or not 1 <= int(asked) <= _MOST_ON_A_PAGE:
        raise invalid(f"limit: Input should be from 1 to {_MOST_ON_A_PAGE}")
    return int(asked)


def _place(models: list[ClaudeModel], name: str) -> int:
    if (model := find_claude(name)) is None:
        raise invalid(f"Unknown model: {name}")
    return models.index(model)


def _model_json(model: ClaudeModel) -> dict[str, Any]:
    released = datetime.fromtimestamp(model.created, UTC)
    return {
        "type": "model",
        "id": model.served_as,
        "display_name": model.display_name,
        "created_at": released.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deprecated_at": None,
        "lifecycle": model.lifecycle,
        "line": model.line,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
        "retires_at": None,
    }
