"""The proxy's views: parse, check, call the pipeline, shape the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias, cast
from uuid import UUID

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from dlp.policy import Inspecting
from orbit.lib import body as bodies
from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy import counting, events, forms, lines, listing, objects, reads
from proxy.admission import unavailable
from proxy.asked import asked
from proxy.asked_media import USUAL_MODELS
from proxy.calls import carried, check_size, make_call
from proxy.context import Headers, Principal, Reply
from proxy.credentials import IssuedKeyAuthentication
from proxy.forms import Form
from proxy.permissions import PolicyPermission
from proxy.personal import naming
from proxy.personal.inspection import Inspection
from proxy.personal.requests import Given
from proxy.pipeline import Streamed
from proxy.request import GatewayRequest
from proxy.strangers import TooManyUsers
from proxy.surfaces.base import Surface
from proxy.targets import resolve
from proxy.throttles import LimitThrottle
from quotas.engine import Stale

logger = logging.getLogger(__name__)

Outcome: TypeAlias = Reply | Streamed
ROUNDS = 8  # newer snapshots that one request may meet
# Refusals out of what this worker remembers. No RESERVE would tell it of a newer version, so it asks.
PERHAPS_OLD = frozenset(
    {
        Code.INVALID_API_KEY,
        Code.SUSPENDED,
        Code.NO_POLICY,
        Code.ENDPOINT_NOT_ALLOWED,
        Code.ADDRESS_NOT_ALLOWED,
        Code.MODEL_NOT_FOUND,
        Code.MODEL_UNPRICED,
        Code.CREDENTIALS_UNAVAILABLE,
        Code.BODY_TOO_LARGE,
        Code.CONTEXT_LENGTH_EXCEEDED,
        Code.REQUEST_EXCEEDS_LIMIT,
        Code.CONTENT_BLOCKED,
        Code.NOT_INSPECTED,
    }
)
NEGOTIATOR = DefaultContentNegotiation()  # which nobody asks


class ProxyView(APIView, ABC):
    """Authentication, permission and throttle are DRF's; `answer` is ours and asynchronous."""

    authentication_classes = [IssuedKeyAuthentication]  # the one that `_respond` asks
    permission_classes = [PolicyPermission]
    throttle_classes = [LimitThrottle]

    def __init__(self, endpoint: str, surface: Surface) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.surface = surface

    async def respond(self, raw: GatewayRequest, **path: str) -> Outcome:
        """The whole of one request; every failure in the surface's own shape."""
        asked = False
        for _ in range(ROUNDS):
            try:
                return await self._respond(raw, **path)
            except Stale:
                raw.principal = await raw.runtime.snapshots.refresh(raw.digest)
            except OrbitError as error:
                if asked or error.code not in PERHAPS_OLD or not await renewed(raw):
                    return self.turned_away(raw, error)
                asked = True
        return self.turned_away(raw, unavailable())

    def turned_away(self, raw: GatewayRequest, error: OrbitError) -> Reply:
        runtime = raw.runtime
        runtime.measures.turned_away(raw.principal, error)
        if runtime.tracer is not None:
            runtime.tracer.turned_away(raw, self.endpoint, error)
        if runtime.call_lines:
            lines.turned_away(raw, self.endpoint, error)
        if raw.principal is not None and raw.method == "POST":
            runtime.repeats.refused(raw.principal, error, asyncio.get_running_loop().time())
            if isinstance(error, TooManyUsers):
                runtime.repeats.count(raw.principal, error)
            runtime.refusals.add(raw.principal, raw.request_id, self.endpoint, raw.model, error)
        return self.surface.error_reply(error, str(raw.request_id))

    async def _respond(self, raw: GatewayRequest, **path: str) -> Outcome:
        """DRF's order, with nothing negotiated; the throttle is awaited when the call's needs are known."""
        request = Request(raw, negotiator=NEGOTIATOR)
        self.request, self.args, self.kwargs = request, (), path
        request.user, request.auth = IssuedKeyAuthentication().authenticate(request)
        self.check_permissions(request)
        return await self.answer(request, raw, **path)

    @abstractmethod
    async def answer(self, request: Request, raw: GatewayRequest, **path: str) -> Outcome:
        """What the client gets of a request that DRF has let in."""


class CallView(ProxyView):
    """A call that is reserved, sent to a provider and settled."""

    async def answer(self, request: Request, raw: GatewayRequest, **path: str) -> Outcome:
        principal = cast("Principal", request.user)
        assert principal.policy is not None
        started = time.monotonic()  # what is inspected takes time, too
        body, sent, form = self.decoded(raw)
        raw.model = named if isinstance(named := body.get("model"), str) else None
        inspection = None
        headers: Mapping[bytes, bytes] = raw.header_map
        if principal.policy.personal is not None:
            check_size(principal.policy, sent)
            given = await inspected(raw, principal, principal.policy.personal, self.endpoint, body, form)
            inspection, body, form = given.inspection, given.body, given.form
            sent = sent if given.raw is None else given.raw
            headers = await _named(raw, principal, inspection, body)
        accounts = await objects.named_by(raw, principal, self.endpoint, body)
        call, plan = await make_call(
            request_id=raw.request_id,
            principal=principal,
            policy=principal.policy,
            surface=self.surface,
            endpoint=self.endpoint,
            body=body,
            raw=sent,
            form=form,
            headers=headers,
            client_ip=raw.client_ip,
            health=raw.runtime.health,
            accounts=accounts,
            started=started,
            inspection=inspection,
            trace=raw.trace,
        )
        storing = principal.policy.storing is not None
        copy = await raw.runtime.contents.begin(principal) if storing else None
        reserving = LimitThrottle().reserve(request, call, plan)
        admission = await (reserving if raw.trace is None else raw.trace.reserving(reserving))
        admission.copy = copy
        if raw.runtime.repeats.rows:
            raw.runtime.repeats.admitted(raw.digest)
        outcome: Outcome = await raw.runtime.pipeline.run(admission)
        return outcome

    def decoded(self, raw: GatewayRequest) -> tuple[dict[str, Any], bytes, Form | None]:
        """The body, the bytes that say the same, and the form that it came as."""
        fields, content_type = forms.FILES.get(self.endpoint), raw.header_map.get(b"content-type", b"")
        if fields is not None and forms.is_form(content_type):
            form = forms.decode(raw.body, content_type, fields)
            return form.body, raw.body, form
        if fields is not None and self.endpoint not in forms.ALSO_JSON:
            raise OrbitError(Code.INVALID_REQUEST, f"Send this as {forms.TYPE}, with its file.")
        body, usual = bodies.decode(raw.body), USUAL_MODELS.get(self.endpoint)
        if usual is None or body.get("model") is not None:
            return body, raw.body, None
        body["model"] = usual
        return body, bodies.encode(body), None


class FreshView(ProxyView):
    """What reserves nothing: whether the key still holds is asked of the store."""

    async def _respond(self, raw: GatewayRequest, **path: str) -> Outcome:
        await renewed(raw)
        return await super()._respond(raw, **path)


class ReadView(FreshView):
    """One that we answer ourselves."""

    more: Headers = []

    async def answer(self, request: Request, raw: GatewayRequest, **path: str) -> Outcome:
        found = await self.read(cast("Principal", request.user), raw, **path)
        head = [(b"content-type", b"application/json"), *self.surface.request_id_headers(str(raw.request_id))]
        return Reply(200, head + self.more, orjson.dumps(found))

    @abstractmethod
    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        """The JSON object that is asked for."""


class Models(ReadView):
    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        return listing.page(principal, self.surface, raw.query_string)


class Model(ReadView):
    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        return listing.one(resolve(principal, path["name"]), principal, self.surface)


class CountTokens(ReadView):
    """Free, counted by nobody, and without an event."""

    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        body = bodies.decode(raw.body)
        asked(self.endpoint, body)
        assert principal.policy is not None
        check_size(principal.policy, raw.body)
        if principal.policy.personal is not None:
            given = await inspected(raw, principal, principal.policy.personal, self.endpoint, body)
            body = given.body
        accounts = await objects.named_by(raw, principal, "messages", body)
        found, source = await counting.counted(
            principal, body, accounts, carried(raw.header_map), raw.runtime.egress
        )
        self.more = [(b"x-orbit-usage-source", source.encode())]
        return {"input_tokens": found}


class OwnLimits(ReadView):
    permission_classes = []

    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        user = reads.named_user(raw)
        if user is not None and principal.policy is not None and principal.policy.personal is not None:
            inspection = raw.runtime.inspector.begin(principal, principal.policy.personal, b"")
            user = naming.end_user(inspection, user)
        found = await reads.limits(principal, raw.runtime, user)
        return {"object": "list", "data": found}


class OwnRequest(ReadView):
    permission_classes = []

    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        try:
            request_id = UUID(path["name"])
        except ValueError:
            request_id = None
        event = await reads.request(principal, request_id, raw.runtime) if request_id else None
        if event is None:
            raise OrbitError(
                Code.NOT_FOUND, "This key has made no such request, or it is not in the ledger yet."
            )
        return event


async def inspected(
    raw: GatewayRequest,
    principal: Principal,
    policy: Inspecting,
    endpoint: str,
    body: dict[str, Any],
    form: Form | None = None,
) -> Given:
    """The body as its policy lets it leave; OrbitError where it does not, which is counted."""
    runtime = raw.runtime
    try:
        found: Given = await runtime.inspector.request(
            principal=principal,
            policy=policy,
            endpoint=endpoint,
            body=body,
            size=len(raw.body),
            headers=raw.header_map,
            form=form,
            request_id=str(raw.request_id),
        )
    except OrbitError as error:
        await _count_refusal(runtime, principal, body.get("model"), error)
        raise
    return found


async def _named(
    raw: GatewayRequest, principal: Principal, inspection: Inspection, body: Mapping[str, Any]
) -> Mapping[bytes, bytes]:
    """The headers, with who is named in them as the policy lets it be known."""
    try:
        return naming.inspected(inspection, raw.header_map)
    except OrbitError as error:
        if error.code is Code.CONTENT_BLOCKED:
            await _count_refusal(raw.runtime, principal, body.get("model"), error)
        raise


async def _count_refusal(runtime: Any, principal: Principal, model: Any, error: OrbitError) -> None:
    """Told by the ledger like those of limits. Names of models are counted that the organization has, no others."""
    organization = principal.organization
    known = model if isinstance(model, str) and model in organization.models else None
    kind = runtime.inspector.refused.kind(organization.id, error)
    try:
        await runtime.engine.count_refusal(
            organization.shard, error.code.value, events.refusal(principal, known, kind)
        )
    except (StoreUnavailable, StoreError) as away:
        logger.warning("a refusal is not counted: %s", away)


async def renewed(raw: GatewayRequest) -> bool:
    """Whether there is something newer about the key than what it was judged by; the request then has it."""
    before, raw.principal = raw.principal, await reads.fresh(raw)
    return raw.principal is not before
