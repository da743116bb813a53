"""Which request goes where: authentication, directives, the endpoints and the oracle's control pages."""

import asyncio
import ipaddress
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from .anthropic_surface import AnthropicSurface
from .behaviour import WELL_BEHAVED, Behaviour, parse_behaviour
from .catalogue import MODELS, Model, find_model
from .chat import Chat
from .chat_request import read_chat_request, text_of
from .connection import Connection, PeerGone, Request
from .desk import Desk
from .embeddings import EmbeddingRequest, Vectors, read_embedding_request
from .endpoints import Endpoints
from .exchange import Exchange, Pace, asked_refusal
from .heads import Heads
from .oracle import Oracle
from .prose import Prose
from .refusals import Refusal, bad_request, refusal_of_status
from .usage import usage_of
from .wire import CutShort

Work = Coroutine[Any, Any, None] | None

_KEY_PREFIX = "sk-demo"
_BROKE_KEY = "sk-demo-broke"
_TOKENS_PER_SECOND = 60
_FIRST_TOKEN_S = (0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Options:
    """`pace` stretches the realistic delays: 1 as they are, 0 none."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    pace: float = 1.0
    oracle: Path | None = None
    keep: int = 20_000
    allow_kill: bool = False
    parent: int | None = None


class Provider:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._oracle = Oracle(keep=options.keep, file=options.oracle)
        self._heads = Heads()
        self._chat = Chat(options.seed)
        self._vectors = Vectors(options.seed)
        self._anthropic = AnthropicSurface(options.seed, self._prepare)
        self._endpoints = Endpoints(
            Desk(
                self._fields,
                self._behave,
                self._oracle.close,
                Prose(options.seed),
            )
        )
        self._faults_seen: Counter[str] = Counter()
        self._chance = random.Random(options.seed)  # noqa: S311
        self.stopping = False

    def handle(self, connection: Connection, request: Request) -> Work:
        if request.path.startswith("/__oracle/"):
            status, body = self._control(connection, request)
            connection.write(_control_head(status, len(body)) + body)
            return None
        record = self._oracle.open(
            endpoint=request.path,
            method=request.method,
            headers=request.headers,
            body=request.body,
            peer_port=connection.peer[1],
        )
        exchange = Exchange(connection, request, record, self._heads)
        exchange.may_kill = self._options.allow_kill
        try:
            work = self._route(exchange)
        except Refusal as refusal:
            exchange.refuse_at_once(refusal)
            self._oracle.close(record, "refused")
            return None
        except Exception:
            # A bug of ours, or a body so odd that we did not foresee it: say so, and keep the books closed.
            traceback.print_exc(file=sys.stderr)
            record.work_began = False
            exchange.refuse_at_once(refusal_of_status(500))
            self._oracle.close(record, "failed")
            return None
        if work is None:
            if not exchange.outlives_answer:
                self._oracle.close(record, "finished")
            return None
        return self._supervised(exchange, work)

    async def _supervised(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        record, outcome = exchange.record, "failed"
        try:
            await work
            outcome = "finished" if record.status == 200 else "refused"
        except CutShort:
            outcome = "cut"
        except PeerGone:
            outcome = "hung_up"
        except asyncio.CancelledError:
            outcome = "stopped" if self.stopping else "hung_up"
            raise
        finally:
            if not exchange.outlives_answer:
                self._oracle.close(record, outcome)

    # -- the vendor's surface

    def _route(self, exchange: Exchange) -> Work:
        request = exchange.request
        if exchange.vendor == "anthropic":
            return self._anthropic.route(exchange)
        _authenticate(request)
        match request.method, request.path.rstrip("/"):
            case "POST", "/v1/chat/completions":
                return self._serve_chat(exchange)
            case "POST", "/v1/embeddings":
                return self._serve_embeddings(exchange)
            case "GET", "/v1/models":
                listed = {
                    "object": "list",
                    "data": [_model_json(model) for model in MODELS.values()],
                }
                exchange.answer_at_once(200, orjson.dumps(listed))
                return None
            case "GET", path if path.startswith("/v1/models/"):
                name = unquote(path.removeprefix("/v1/models/"))
                if (model := find_model(name)) is None:
                    raise Refusal(
                        404,
                        f"The model '{name}' does not exist",
                        code="model_not_found",
                    )
                exchange.answer_at_once(200, orjson.dumps(_model_json(model)))
                return None
        if endpoint := self._endpoints.find(request.method, request.path.rstrip("/")):
            return endpoint(exchange)
        message = f"Invalid URL ({request.method} {request.path})"
        raise Refusal(404, message, code="unknown_url")

    def _serve_chat(self, exchange: Exchange) -> Work:
        fields = self._fields(exchange)
        messages = fields.get("messages")
        self._behave(
            exchange,
            fields,
            _last_user_text(messages) if isinstance(messages, list) else "",
        )
        if exchange.behaviour.refuses:
            return exchange.refuse(asked_refusal(exchange.behaviour))
        request = read_chat_request(fields)
        exchange.record.model = request.model
        return self._chat.serve(exchange, request)

    def _serve_embeddings(self, exchange: Exchange) -> Work:
        fields = self._fields(exchange)
        value = fields.get("input")
        first = value[0] if isinstance(value, list) and value else value
        self._behave(exchange, fields, first if isinstance(first, str) else "")
        if exchange.behaviour.refuses:
            return exchange.refuse(asked_refusal(exchange.behaviour))
        request = read_embedding_request(fields)
        record = exchange.record
        record.model = request.model
        asked = exchange.behaviour.prompt_tokens
        record.prompt_tokens = request.prompt_tokens if asked is None else asked
        record.work_began = True
        body = self._embeddings_body(exchange, request)
        if exchange.can_answer_at_once:
            exchange.answer_at_once(200, body)
            return None
        return exchange.answer_after_delay(body)

    def _embeddings_body(self, exchange: Exchange, request: EmbeddingRequest) -> bytes:
        kind, prompt = exchange.behaviour.usage, exchange.record.prompt_tokens
        usage = usage_of(kind, prompt=prompt, cached=0, completion=0, reasoning=0, embedding=True)
        body: dict[str, Any] = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(self._vectors.of(request))
            ],
            "model": request.model.served_as,
        }
        if usage or kind == "null":
            body["usage"] = usage
            exchange.record.reported_usage.append(usage)
        return orjson.dumps(body)

    def _prepare(self, exchange: Exchange, text_of: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
        """The body's fields; from here on the exchange behaves as they ask."""
        fields = self._fields(exchange)
        self._behave(exchange, fields, text_of(fields))
        return fields

    def _fields(self, exchange: Exchange) -> dict[str, Any]:
        try:
            fields = orjson.loads(exchange.request.body)
        except orjson.JSONDecodeError:
            fields = None
        if not isinstance(fields, dict):
            raise bad_request("We could not parse the JSON body of your request.")
        exchange.record.model_asked = str(fields.get("model") or "")
        self._oracle.remember_fields(exchange.record, fields)
        return fields

    def _behave(self, exchange: Exchange, fields: dict[str, Any], text: str) -> None:
        _, _, suffix = exchange.record.model_asked.partition("?")
        header = exchange.request.header(b"x-demo")
        behaviour = parse_behaviour(model_suffix=suffix, text=text, header=header)
        if behaviour is not WELL_BEHAVED:
            behaviour = self._while_faulty(behaviour)
        for name in behaviour.refuse_params.split(","):
            if name and name in fields:
                raise exchange.unknown_field(name)
        exchange.behaviour = behaviour
        exchange.pace = self._pace(behaviour)

    def _while_faulty(self, behaviour: Behaviour) -> Behaviour:
        if behaviour.times is None:
            return behaviour
        key = behaviour.key or repr(behaviour)
        self._faults_seen[key] += 1
        return behaviour if self._faults_seen[key] <= behaviour.times else behaviour.without_faults()

    def _pace(self, behaviour: Behaviour) -> Pace:
        factor = self._options.pace
        per_token_s = factor / _TOKENS_PER_SECOND
        if behaviour.pace_ms is not None:
            per_token_s = behaviour.pace_ms / 1000 / behaviour.tokens_per_chunk
        if behaviour.first_ms is not None:
            first_s = behaviour.first_ms / 1000
        else:
            first_s = (
                0.0 if behaviour.refuses or not factor else factor * self._chance.uniform(*_FIRST_TOKEN_S)
            )
        return Pace(first_s, per_token_s, per_token_s * behaviour.tokens_per_chunk)

    # -- the oracle's surface

    def _control(self, connection: Connection, request: Request) -> tuple[int, bytes]:
        if not ipaddress.ip_address(connection.peer[0]).is_loopback:
            return 403, b"{}"
        query = parse_qs(request.query)
        match request.method, request.path.removeprefix("/__oracle/").split("/"):
            case "GET", ["summary"]:
                return 200, orjson.dumps(self._oracle.summary())
            case "GET", ["requests"]:
                since, limit = (
                    _whole(query, "since", 0),
                    _whole(query, "limit", 1_000_000),
                )
                return 200, orjson.dumps(self._oracle.finished(since=since, limit=limit))
            case "GET", ["requests", record_id] if found := self._oracle.find(record_id):
                return 200, orjson.dumps(found)
            case "POST", ["reset"]:
                self._oracle.reset()
                self._faults_seen.clear()
                return 200, b"{}"
        return 404, b"{}"


def _authenticate(request: Request) -> None:
    scheme, _, key = request.header(b"authorization").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Refusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    if not key.startswith(_KEY_PREFIX):
        masked = f"{key[:3]}***{key[-2:]}" if len(key) > 8 else "***"
        raise Refusal(401, f"Incorrect API key provided: {masked}.", code="invalid_api_key")
    if key == _BROKE_KEY:
        raise refusal_of_status(429, "insufficient_quota")


def _last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return text_of(message)
    return ""


def _model_json(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "orbit-demo",
    }


def _control_head(status: int, length: int) -> bytes:
    return (
        f"HTTP/1.1 {status} Control\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


def _whole(query: dict[str, list[str]], name: str, default: int) -> int:
    value = query.get(name, [""])[0]
    return int(value) if value.isdigit() else default
