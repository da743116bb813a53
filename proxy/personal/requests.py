"""A request before it is sent: inspected, beside the event loop where it is long, and changed as its policy says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.crypto import salted_hmac

from dlp.names.wire import Reason
from dlp.placeholders import Placeholders
from dlp.policy import Direction, Inspecting, Named, Naming
from dlp.walk import Change, Shape, Text, walked
from orbit.lib import body as bodies
from orbit.lib.errors import Code, OrbitError
from proxy.calls import SESSIONS
from proxy.context import Principal
from proxy.forms import Form
from proxy.personal.asking import Asker
from proxy.personal.findings import Findings, Found
from proxy.personal.inspection import WHY, Inspection, blocked, only_told, refusal
from proxy.personal.outside import check, check_form, seen
from proxy.personal.outward import Outside, Outward
from proxy.personal.refused import Refused

logger = logging.getLogger(__name__)

SHAPES = {
    "chat/completions": Shape.CHAT,
    "responses": Shape.RESPONSES,
    "messages": Shape.MESSAGES,
    "messages/count_tokens": Shape.MESSAGES,
}  # others have one input or prompt
AT_ONCE = 2_000  # bytes of a body that is inspected in the event loop: a millisecond or two
THREADS = 2
GRACE_S = 0.1  # for a text that was begun in time
LATE, CAPPED, FORMAT = "deadline", "cap", "format"


@dataclass(frozen=True, slots=True)
class Given:
    """A request as it travels on. `raw` is None while the bytes that it came as still say the same."""

    inspection: Inspection
    body: dict[str, Any]
    raw: bytes | None
    form: Form | None


@dataclass
class Inspector:
    """One of a worker. `most_bytes` are of a plain answer. `outside` is for policies that name inspectors outside."""

    most_bytes: int
    findings: Findings = field(default_factory=Findings)
    asker: Asker = field(default_factory=Asker)
    refused: Refused = field(default_factory=Refused)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="inspect")
    )
    outside: Outside | None = None

    async def request(
        self,
        *,
        principal: Principal,
        policy: Inspecting,
        endpoint: str,
        body: dict[str, Any],
        size: int,
        headers: Mapping[bytes, bytes],
        form: Form | None = None,
        request_id: str = "",
    ) -> Given:
        """CONTENT_BLOCKED, NOT_INSPECTED, INVALID_REQUEST or BODY_TOO_LARGE where the policy refuses."""
        inspection = self.begin(principal, policy, _conversation(principal, body, headers), request_id)
        inspection.structured = _structured(body)
        outward = inspection.outward
        if outward is None:
            return await self._by_rules(inspection, principal, endpoint, body, size, form)
        check_form(outward, policy.asks(Direction.ANSWER), body)
        shape, named = SHAPES.get(endpoint, Shape.EMBEDDINGS), policy.asks(Direction.REQUEST)
        first = [one for one in named if one.before_masking]
        made = await _outside(inspection, outward, first, body, shape, size)
        placeholders, found = deepcopy(inspection.placeholders), Counter(inspection.found)
        given = await self._by_rules(inspection, principal, endpoint, made, size, form)
        if given.inspection is not inspection:  # a thread may still be at the old one
            given.inspection.placeholders, given.inspection.found = placeholders, found
            given.inspection.outward = outward
        last = [one for one in named if not one.before_masking]
        made = await _outside(given.inspection, outward, last, given.body, shape, size)
        return _given(given.inspection, body, made, form)

    async def _by_rules(
        self,
        inspection: Inspection,
        principal: Principal,
        endpoint: str,
        body: dict[str, Any],
        size: int,
        form: Form | None,
    ) -> Given:
        policy = inspection.policy
        if not policy.requests:
            return Given(inspection, body, None, form)
        if not self.findings.ready(policy):  # which is nothing that the request takes
            await asyncio.get_running_loop().run_in_executor(self.threads, self.findings.prepare, policy)
        shape = SHAPES.get(endpoint, Shape.EMBEDDINGS)
        named = None
        if policy.names is not None and policy.names.requests:
            named = await self._named(inspection, policy.names, shape, body, size)
        pass_ = _Pass(inspection, shape, time.monotonic() + policy.deadline_s, named)
        if size <= AT_ONCE:
            made = pass_.through(body)
        else:
            found = await self._beside(pass_, body)
            if found is None:  # the thread may still be at it: what it notes is not this call's
                structured = inspection.structured
                inspection = self.begin(principal, policy, b"")
                inspection.structured = structured
                inspection.miss(Direction.REQUEST, LATE)
                _judge(inspection)
                return Given(inspection, body, None, form)
            made = found
        if pass_.refused:
            raise refusal(pass_.refused)
        if pass_.shape is Shape.EMBEDDINGS and (tokens := _tokens(body)):
            _not_texts(inspection, tokens)
        _judge(inspection)
        return _given(inspection, body, made, form)

    def begin(
        self, principal: Principal, policy: Inspecting, conversation: bytes, request_id: str = ""
    ) -> Inspection:
        organization_id = principal.organization.id
        key = salted_hmac("proxy.personal", organization_id, algorithm="sha256").digest()
        placeholders = Placeholders(hmac.digest(key, conversation, hashlib.sha256))
        inspection = Inspection(
            policy, self.findings, organization_id, key, placeholders, self.threads, self.most_bytes
        )
        names = policy.names
        if names is not None and names.answers:
            loop, deadline_s = asyncio.get_running_loop(), names.deadline_s
            inspection.wait = lambda texts: self.asker.wait(loop, organization_id, texts, deadline_s)
            inspection.waiting = self.asker.threads
        if policy.named:
            assert self.outside is not None
            assert principal.policy is not None
            inspection.outward = Outward(
                self.outside,
                principal.organization.inspectors,
                request_id,
                principal.organization.slug,
                principal.policy.version,
                principal.organization.currency,
            )
        return inspection

    async def _named(
        self, inspection: Inspection, names: Naming, shape: Shape, body: dict[str, Any], size: int
    ) -> Mapping[str, Found]:
        """What the model finds in the request's texts, as far as it looked; notes why not, if it did not."""
        listing = _Listing(shape, inspection.policy.max_bytes)
        if size <= AT_ONCE:
            listing.through(body)
        else:
            await asyncio.get_running_loop().run_in_executor(self.threads, listing.through, body)
        said = await self.asker.find(
            inspection.organization_id, listing.texts, names.deadline_s, self.threads
        )
        if said.missed is not None:
            inspection.miss_names(Direction.REQUEST, said.missed)
            if names.refuses:
                raise _unnamed(said.missed)
        return said.found

    async def _beside(self, pass_: _Pass, body: dict[str, Any]) -> Any:
        """None when it was not through in time."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self.threads, pass_.through, body)
        done, _ = await asyncio.wait({work}, timeout=max(0.0, pass_.deadline - time.monotonic()) + GRACE_S)
        if not done:
            work.add_done_callback(_forgotten)
            return None
        return work.result()

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def _given(inspection: Inspection, body: dict[str, Any], made: dict[str, Any], form: Form | None) -> Given:
    if made is body:
        return Given(inspection, body, None, form)
    if form is not None:
        return Given(inspection, made, None, _changed(form, made))
    return Given(inspection, made, bodies.encode(made), None)


async def _outside(
    inspection: Inspection,
    outward: Outward,
    named: Sequence[Named],
    body: dict[str, Any],
    shape: Shape,
    size: int,
) -> dict[str, Any]:
    """The body as inspectors outside leave it. OrbitError where it is not to be sent."""
    if not named:
        return body
    try:
        found = await seen(inspection, outward, named, body, shape, size, Direction.REQUEST)
    except ValueError:
        raise _too_deep() from None
    if found.refused:
        raise refusal(found.refused)
    check(outward, named, Direction.REQUEST)
    made: dict[str, Any] = found.body
    return made


def _too_deep() -> OrbitError:
    return OrbitError(
        Code.INVALID_REQUEST,
        "The request body, or a tool's JSON in it, is nested too deep to be inspected.",
    )


@dataclass
class _Listing:
    """The texts of a body that are inspected, whatever of them is remembered."""

    shape: Shape
    most_bytes: int
    size: int = 0
    texts: list[str] = field(default_factory=list)

    def through(self, body: dict[str, Any]) -> None:
        _through(body, self.shape, self._listed)

    def _listed(self, text: Text) -> str:
        self.size += _bytes(text.value)
        if self.size <= self.most_bytes:
            self.texts.append(text.value)
        return text.value


@dataclass
class _Pass:
    """One walk over a body. `named`: what the model found, None if it is not asked. `refused` counts what it is refused for,
    by type and place."""

    inspection: Inspection
    shape: Shape
    deadline: float
    named: Mapping[str, Found] | None = None
    size: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def through(self, body: dict[str, Any]) -> Any:
        return _through(body, self.shape, self._change)

    def _change(self, text: Text) -> str:
        inspection = self.inspection
        self.size += _bytes(text.value)
        if self.size > inspection.policy.max_bytes:
            inspection.large = True
            return self._missed(text, CAPPED)
        if time.monotonic() > self.deadline:
            return self._missed(text, LATE)
        named = None if self.named is None else self.named.get(text.value)
        looked = inspection.look(text, Direction.REQUEST, named)
        if looked.capped:
            self._missed(text, CAPPED)
        if not looked.decided:
            return text.value
        if text.signed and not blocked(looked.decided):
            inspection.note(map(only_told, looked.decided), text.place, Direction.REQUEST)
            return text.value
        inspection.note(looked.decided, text.place, Direction.REQUEST)
        for one in blocked(looked.decided):
            self.refused[one.finding.kind, text.place.value] += 1
        return inspection.replaced(text, looked.decided, Direction.REQUEST)

    def _missed(self, text: Text, why: str) -> str:
        self.inspection.miss(Direction.REQUEST, why)
        return text.value


def _through(body: dict[str, Any], shape: Shape, change: Change) -> Any:
    try:
        return walked(body, shape, change)
    except ValueError:
        raise _too_deep() from None


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _unnamed(why: Reason) -> OrbitError:
    because = {
        Reason.AWAY: "this installation's workers that find them do not answer",
        Reason.FULL: "too many wait for that at the moment",
        Reason.LATE: "there was no time left for it",
    }.get(why, "what finds them failed")
    return OrbitError(
        Code.NOT_INSPECTED,
        f"The policy of this key has names looked for in requests, and {because}. Nothing was sent. Try again, or with less text.",
        data={"what": "names", "reason": WHY.get(why, why.value)},
        retry_after_s=1,
    )


def _tokens(body: Mapping[str, Any]) -> str | None:
    """The field with tokens in the place of texts."""
    for name in ("input", "prompt"):
        value = body.get(name)
        rows = value if isinstance(value, list) else ()
        if any(isinstance(one, int) or (isinstance(one, list) and one) for one in rows):
            return name
    return None


def _not_texts(inspection: Inspection, name: str) -> None:
    inspection.miss(Direction.REQUEST, FORMAT)
    if inspection.policy.refuses:
        raise OrbitError(
            Code.INVALID_REQUEST,
            f"{name!r} holds tokens, and the policy of this key has requests inspected. Send the texts instead.",
            param=name,
        )


def _structured(body: Mapping[str, Any]) -> bool:
    """Whether the answer's text is to be JSON."""
    text, config = body.get("text"), body.get("output_config")
    formats = (
        body.get("response_format"),
        body.get("output_format"),
        text.get("format") if isinstance(text, dict) else None,
        config.get("format") if isinstance(config, dict) else None,
    )
    return any(isinstance(one, dict) and str(one.get("type")).startswith("json") for one in formats)


def _judge(inspection: Inspection) -> None:
    """Refuses what was not inspected where the policy says so, else takes note of it."""
    missed = inspection.uninspected
    reasons = {one.reason for one in missed if one.direction == Direction.REQUEST and not one.what}
    if not reasons:
        return
    if not inspection.policy.refuses:
        logger.warning("a request of organization %s was not inspected: %s", inspection.organization_id, ", ".join(sorted(reasons)))  # fmt: skip
        return
    if CAPPED in reasons and not inspection.large:
        raise OrbitError(
            Code.BODY_TOO_LARGE,
            "The policy of this key has requests inspected, and a text of this one has more numbers and words to be judged than one may have. Send it in several requests.",
        )
    if CAPPED in reasons:
        raise OrbitError(
            Code.BODY_TOO_LARGE,
            f"The policy of this key has requests inspected, up to {inspection.policy.max_bytes} bytes of text. Send less.",
        )
    raise OrbitError(
        Code.NOT_INSPECTED,
        "The policy of this key has requests inspected, and this one could not be in time. Nothing was sent. Try again.",
        retry_after_s=1,
    )


def _conversation(principal: Principal, body: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bytes:
    """What all turns of a conversation have in common, and no other conversation has."""
    named = next((headers[name] for name in SESSIONS if headers.get(name)), b"").decode("latin-1")
    named = named or _text(body.get("prompt_cache_key")) or _text(body.get("conversation"))
    start = named or [body.get("system") or body.get("instructions"), _first(body)]
    return json.dumps([principal.key.id, start], default=str).encode()


def _first(body: Mapping[str, Any]) -> Any:
    """What a user said first."""
    said = body.get("messages") or body.get("input") or body.get("prompt")
    if not isinstance(said, list):
        return said
    found = (one for one in said if isinstance(one, dict) and one.get("role") == "user")
    return next(found, said[0] if said else None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _changed(form: Form, body: dict[str, Any]) -> Form:
    """As it was read: a list of what ends in `[]`, an object of what has a name in brackets."""
    used: Counter[str] = Counter()
    texts: list[tuple[str, str]] = []
    for name, value in form.texts:
        base, _, inner = name.partition("[")
        held = body.get(base)
        if isinstance(held, list):
            held = held[used[base]]
            used[base] += 1
        elif isinstance(held, dict):
            held = held.get(inner[:-1])
        texts.append((name, held if isinstance(held, str) else value))
    return replace(form, texts=tuple(texts), body=body)


def _forgotten(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
