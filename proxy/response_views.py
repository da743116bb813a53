"""Stored responses: read, followed, cancelled and deleted by the keys of the project that owns them. Free, without events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

from rest_framework.request import Request

from orbit.lib import body as bodies
from orbit.lib.egress import read_all
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, TimedOut
from proxy import objects
from proxy.admission import stopping
from proxy.asked import asked
from proxy.channel import Channel, ClientGone
from proxy.context import Account, Headers, Principal, Reply
from proxy.endings import ours, without_secret
from proxy.fields import bad
from proxy.formats.base import Progress, Unreadable, parsed_object
from proxy.formats.openai_usage import count
from proxy.formats.responses import Responses, ids_in, items_in
from proxy.kept import ask, keeps_responses
from proxy.output import Output
from proxy.personal import answers
from proxy.personal.watched import watched
from proxy.pipeline import Streamed
from proxy.relay import ended_early
from proxy.request import GatewayRequest
from proxy.sse import Decoder, TooLong
from proxy.targets import resolve, serving, usable
from proxy.upstream import ERROR_BYTES, error_of
from proxy.views import FreshView, Outcome, ReadView, inspected
from quotas import estimate
from tenants.models import ProviderObject

ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
VALUE_LENGTH = 200
COUNT_BYTES = 100_000


class StoredView(FreshView):
    """One response that the provider keeps, by the id in the path."""

    method = "GET"
    tail = ""
    query: frozenset[str] = frozenset()  # what may be passed on of it

    async def answer(self, request: Request, raw: GatewayRequest, **path: str) -> Outcome:
        principal = cast("Principal", request.user)
        asked_for = self._query(raw)
        if ID.fullmatch(path["name"]) is None:
            raise objects.not_found("response_id")
        row, account = await objects.owned_response(raw.runtime.snapshots, principal, path["name"])
        where = f"/{quote(row.object_id, safe='')}{self.tail}{asked_for}"
        try:
            return await self._asked(raw, row, account, where)
        except EgressError as error:
            code = Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR
            raise OrbitError(code, "The provider did not answer.") from error
        except Unreadable as error:
            raise _unreadable() from error

    async def _asked(self, raw: GatewayRequest, row: ProviderObject, account: Account, where: str) -> Outcome:
        async with ask(raw.runtime.egress, account, self.method, where) as given:
            answer = self._inspected(raw, given)
            if answer.status != 200:
                return self._refused(raw, account, answer, await read_all(answer, ERROR_BYTES))
            content = await read_all(answer, raw.runtime.pipeline.max_answer_bytes)
        await self._before_it_leaves(raw, row, content)
        return Reply(200, self._head(raw, account, "application/json"), content)

    def _inspected(self, raw: GatewayRequest, answer: Answer) -> Answer:
        """By the policy of who reads it. What stands for values of the request stays: nobody keeps them."""
        principal = raw.principal
        policy = None if principal is None or principal.policy is None else principal.policy.personal
        if principal is None or policy is None:
            return answer
        inspection = raw.runtime.inspector.begin(principal, policy, b"", str(raw.request_id))
        return watched(inspection, answers.masked(inspection, answer, "responses"), "responses")

    async def _before_it_leaves(self, raw: GatewayRequest, row: ProviderObject, content: bytes) -> None:
        """The ids in an answer get their owner."""
        await _keep(raw, row, self._ids(parsed_object(content)))

    def _ids(self, answer: Mapping[str, Any] | None) -> dict[str, str]:
        if answer is None or answer.get("object") != "response":
            raise _unreadable()
        return ids_in(answer)

    def _head(self, raw: GatewayRequest, account: Account, content_type: str) -> Headers:
        return [
            (b"content-type", content_type.encode("latin-1", "replace")),
            *self.surface.request_id_headers(str(raw.request_id)),
            (b"x-orbit-account", account.name.encode()),
        ]

    def _refused(self, raw: GatewayRequest, account: Account, answer: Answer, content: bytes) -> Reply:
        content = without_secret(content, account.secret)
        error = ours(answer.status, error_of(content))
        if error is not None:
            raise error
        head = self._head(raw, account, "application/json")
        if (wait := answer.header("retry-after")) and wait.isdigit():
            head.append((b"retry-after", wait.encode()))
        return Reply(answer.status, head, content)

    def _query(self, raw: GatewayRequest) -> str:
        """What the provider gets of the query; INVALID_REQUEST that names what it does not."""
        given = parse_qsl(raw.query_string.decode("latin-1"), keep_blank_values=True)
        for name, value in given:
            if name not in self.query:
                raise bad(name[:40], "is not a parameter of this endpoint")
            if len(value) > VALUE_LENGTH:
                raise bad(name, f"is longer than {VALUE_LENGTH} characters")
        return f"?{urlencode(given)}" if given else ""


class StoredResponse(StoredView):
    query = frozenset({"include", "include[]", "include_obfuscation", "starting_after", "stream"})

    async def _asked(self, raw: GatewayRequest, row: ProviderObject, account: Account, where: str) -> Outcome:
        if "stream=true" not in where.partition("?")[2].split("&"):
            return await super()._asked(raw, row, account, where)
        runtime = raw.runtime
        if runtime.over:
            raise stopping()
        begun: asyncio.Future[Reply | Headers] = asyncio.get_running_loop().create_future()
        channel = Channel(runtime.egress.timeouts.idle_s)
        pump = runtime.supervisor.spawn(self._follow(raw, row, account, where, begun, channel), "follow")
        head = await asyncio.shield(begun)
        return head if isinstance(head, Reply) else Streamed(head, channel, pump)

    async def _follow(
        self,
        raw: GatewayRequest,
        row: ProviderObject,
        account: Account,
        where: str,
        begun: asyncio.Future[Reply | Headers],
        channel: Channel,
    ) -> None:
        """The stream of a response that was charged when it was made."""
        progress = Progress(Output(row.model))
        try:
            async with ask(raw.runtime.egress, account, "GET", where) as given:
                answer = self._inspected(raw, given)
                content_type = answer.header("content-type") or ""
                if answer.status != 200 or not content_type.startswith("text/event-stream"):
                    content = await read_all(answer, ERROR_BYTES)
                    begun.set_result(self._refused(raw, account, answer, content))
                    return
                begun.set_result(self._head(raw, account, content_type))
                await self._passed_on(raw, row, answer, progress, channel)
        except ClientGone:
            pass
        except (EgressError, Unreadable, TooLong, OrbitError) as error:
            told = error if isinstance(error, OrbitError) else ended_early(Code.UPSTREAM_ERROR)
            if begun.done():
                request_id, passed = str(raw.request_id), progress.passed
                channel.give(self.surface.error_event(told, request_id, "responses", passed))
            else:
                begun.set_exception(told)
        except asyncio.CancelledError:
            if not begun.done():
                begun.set_exception(stopping())
            raise
        finally:
            channel.end()

    async def _passed_on(
        self,
        raw: GatewayRequest,
        row: ProviderObject,
        answer: Answer,
        progress: Progress,
        channel: Channel,
    ) -> None:
        heard, decoder = Responses(), Decoder()
        while not progress.done:
            piece = await answer.read()
            events = decoder.feed(piece) if piece else decoder.finish()
            out = b"".join([heard.on_event(event, data, progress, True) for event, data in events])
            if not piece:
                heard.on_end(progress)
            await _keep(raw, row, progress.unkept)
            progress.unkept.clear()
            await channel.put(out)
            if progress.failed:
                raise ended_early(Code.UPSTREAM_ERROR)


class CancelResponse(StoredView):
    method = "POST"
    tail = "/cancel"


class InputItems(StoredView):
    tail = "/input_items"
    query = frozenset({"after", "before", "include", "include[]", "limit", "order"})

    def _ids(self, answer: Mapping[str, Any] | None) -> dict[str, str]:
        if answer is None:
            raise _unreadable()
        return items_in(answer)


class DeleteResponse(StoredView):
    method = "DELETE"

    async def _before_it_leaves(self, raw: GatewayRequest, row: ProviderObject, content: bytes) -> None:
        """Nobody owns what is not there any more."""
        await objects.forget(raw.runtime.snapshots, row)


class CountInput(ReadView):
    """How many tokens a response's input has: asked of the provider, else counted here."""

    async def read(self, principal: Principal, raw: GatewayRequest, **path: str) -> dict[str, Any]:
        body = bodies.decode(raw.body)
        asked("responses", body)
        assert principal.policy is not None
        if principal.policy.personal is not None:
            given = await inspected(raw, principal, principal.policy.personal, "responses", body)
            body = given.body
        accounts = await objects.named_by(raw, principal, "responses", body)
        targets = await usable(serving(resolve(principal, body["model"]), "responses"))
        fit = [one for one in targets if accounts is None or one.account.id in accounts]
        if not fit:
            raise objects.not_found("model")
        target, told = fit[0], None
        if keeps_responses(target.account):
            told = await _told(raw, target.account, {**body, "model": target.model})
        source = "provider" if told is not None else "estimated"
        if told is None:
            told = await estimate.exact(body, target.model, target.padding)
        self.more = [(b"x-orbit-usage-source", source.encode())]
        return {"object": "response.input_tokens", "input_tokens": told}


def _unreadable() -> OrbitError:
    return OrbitError(Code.UPSTREAM_ERROR, "The provider's answer could not be read.")


async def _told(raw: GatewayRequest, account: Account, body: dict[str, Any]) -> int | None:
    """None when the provider gives no figure, for whatever reason: what it would have is estimated then."""
    try:
        async with ask(raw.runtime.egress, account, "POST", "/input_tokens", bodies.encode(body)) as answer:
            content = await read_all(answer, COUNT_BYTES)
            told = parsed_object(content) if answer.status == 200 else None
    except EgressError:
        return None
    return count(told.get("input_tokens")) if told is not None else None


async def _keep(raw: GatewayRequest, row: ProviderObject, ids: Mapping[str, str]) -> None:
    """New ids belong to whom their response belongs to."""
    new = {one: kind for one, kind in ids.items() if one != row.object_id}
    if not new:
        return
    assert raw.principal is not None
    try:
        await objects.keep(
            raw.runtime.snapshots, raw.principal, str(row.account_id), row.model, row.object_id, new
        )
    except objects.Withheld as withheld:
        raise withheld.error from withheld
