"""The tries of one call at its targets, until a provider takes it. Only before anything has been answered.

A call goes on elsewhere, or again at the same account, when the provider provably did no work: it could not be
reached, or answered with an error. What is unknown (silence, a connection that broke) may have been charged, so it
is not repeated.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from orbit.lib.egress import Egress, read_all
from orbit.lib.errors import OrbitError
from orbit.lib.exchange import Answer, EgressError, NotAllowed
from orbit.lib.traces import new_span_id
from proxy import forms
from proxy.admission import Admission, Admissions
from proxy.attempts import Attempt, CredentialLost
from proxy.call import Call
from proxy.formats.base import Format, parsed_object
from proxy.health import Health, Trouble
from proxy.personal import answers
from proxy.personal.watched import watched
from proxy.providers import PROVIDERS
from proxy.providers.base import Prepared
from proxy.routing import Budget
from proxy.settlement import Settler
from proxy.targets import aimed, fitted
from proxy.traces.trace import Trace

logger = logging.getLogger(__name__)

NOT_WORKED = frozenset(range(300, 1000))  # statuses of answers that are no answer of a model
LASTING = (Trouble.CREDENTIAL, Trouble.FORBIDDEN, Trouble.NO_MONEY)  # the same again is no use
LONGEST_WAIT_S = 5.0  # for a provider that names a moment; clients wait longer by themselves
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 4.0)
MOST_TRIES = 6  # of one call, wherever
ERROR_BYTES = 1_000_000  # of an error that is passed on


@dataclass
class Upstream:
    egress: Egress
    admissions: Admissions
    settler: Settler
    health: Health
    budget: Budget = field(default_factory=Budget)

    def tries(self, admission: Admission, *, stream: bool) -> Tries:
        return Tries(self, admission, stream)


@dataclass
class Tries:
    """`async with` gives the answer that was got: of a provider that took the call, or the last one's error, read.

    EgressError when none answered. `admission.call` and `admission.attempts` tell who it was.
    """

    upstream: Upstream
    admission: Admission
    stream: bool
    repeated: int = 0
    exchange: AbstractAsyncContextManager[Answer] | None = None
    answer: Answer = field(init=False)
    format: Format = field(init=False)
    error: bytes | None = None  # the body of an answer that is an error

    async def __aenter__(self) -> Tries:
        try:
            await self._taken()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _taken(self) -> None:
        while True:
            try:
                await self._try()
            except EgressError as error:
                self.admission.attempt.error = type(error).__name__
                # no fault of the provider's, and no better the next time
                barred = isinstance(error, NotAllowed | CredentialLost)
                if not barred:
                    self._note(Trouble.TRANSPORT)
                if error.worked or not await self._goes_on(None, elsewhere=barred):
                    raise
                continue
            if self.answer.status not in NOT_WORKED:
                self.upstream.health.worked(self.admission.call.target)
                self.admission.call = settled_on(self.admission.call)
                return
            if not await self._refused():
                return

    async def __aexit__(self, *exception: object) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            await exchange.__aexit__(None, None, None)

    async def _try(self) -> None:
        call, upstream = self.admission.call, self.upstream
        request, account = call.request, call.target.account
        provider = PROVIDERS[account.kind]
        self.format = provider.formats[call.spoken]
        call.terms.stream = self.stream
        self.admission.attempts.append(
            Attempt(
                account.name,
                call.target.model,
                provider.id_header,
                secret=account.secret,
                kind=account.kind,
            )
        )
        if not account.ready:
            raise CredentialLost(account.name)
        prepared = provider.prepare(
            account,
            call.spoken,
            call.body,
            request.raw if call.translated is None else None,
            call.terms,
            request.carried if call.translated is None else {},
        )
        upstream.health.begins(call.target)
        upstream.budget.begins(account.id)
        if request.form is not None:
            prepared = forms.sent(prepared, request.form, self.format.changes(call.body, call.terms))
        route = call.principal.organization.models.get(call.model, request.route)
        if request.trace is not None and request.trace.outward:
            self._tell(prepared, request.trace)
        copy = self.admission.copy
        if copy is not None:
            await copy.sends(prepared, f"{account.kind}/{call.spoken}")
        exchange = upstream.egress.open(
            account.id, "POST", prepared.url, prepared.headers, prepared.body, route.timeouts
        )
        self.answer = await exchange.__aenter__()
        self.exchange = exchange
        inspection = request.inspection
        if inspection is not None:
            self.answer = answers.masked(inspection, self.answer, call.spoken)
            self.answer = watched(inspection, self.answer, call.spoken)
        if copy is not None:
            self.answer = copy.heard(self.answer)
        if inspection is not None:
            self.answer = answers.restored(inspection, self.answer, call.spoken)
        self.admission.attempt.answered(self.answer)

    def _tell(self, prepared: Prepared, trace: Trace) -> None:
        """The provider gets its place in the trace, as ORBIT_TRACES_TO_PROVIDERS allows."""
        span_id = self.admission.attempt.span_id = new_span_id()
        prepared.headers.extend(trace.headers(span_id))

    async def _refused(self) -> bool:
        """Reads an error. Whether the call goes on elsewhere."""
        try:
            self.error = await read_all(self.answer, ERROR_BYTES)
        except EgressError:
            self.error = b""
        call, status = self.admission.call, self.answer.status
        provider = PROVIDERS[call.target.account.kind]
        trouble = provider.trouble(status, error_of(self.error))
        if trouble is None:
            self.upstream.health.worked(call.target)
            return False
        wait_s = retry_after(self.answer)
        self.admission.attempt.error = trouble.value
        self._note(trouble, wait_s)
        if not await self._goes_on(wait_s, elsewhere=trouble in LASTING):
            return False
        await self.__aexit__()
        self.error = None
        return True

    def _note(self, trouble: Trouble, wait_s: float | None = None) -> None:
        target = self.admission.call.target
        self.upstream.health.failed(target, trouble, wait_s)
        if trouble is Trouble.CREDENTIAL:
            target.account.credential.doubt()

    async def _goes_on(self, wait_s: float | None, *, elsewhere: bool = False) -> bool:
        """Aims the call at its next target, or waits to try the same again. False when there is nothing left."""
        if self.upstream.settler.supervisor.over or self.admission.withdrawn is not None:
            return False
        self.admission.attempt.ended = time.monotonic()
        return await self._to_next() or (not elsewhere and await self._again(wait_s))

    async def _to_next(self) -> bool:
        admission = self.admission
        while admission.plan and len(admission.attempts) < MOST_TRIES:
            stop, *rest = admission.plan
            admission.plan = tuple(rest)
            try:
                call = await fitted(aimed(admission.call.request, stop.alias, stop.target))
                moved = await self.upstream.admissions.retarget(admission, call, metered=self.stream)
            except OrbitError as error:
                logger.info("%s is no way out: %s", stop.target.model, error.message)
                continue
            if moved:
                self.upstream.settler.moved(admission)
                self.repeated = 0
                return True
        return False

    async def _again(self, wait_s: float | None) -> bool:
        call = self.admission.call
        route = call.principal.organization.models.get(call.model, call.request.route)
        if self.repeated >= route.retries or (wait_s or 0) > LONGEST_WAIT_S:
            return False
        if not self.upstream.budget.repeats(call.target.account.id):
            return False
        backoff = BACKOFF_S[self.repeated] * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        self.repeated += 1
        await asyncio.sleep(max(wait_s or 0.0, backoff))
        return True


def settled_on(call: Call) -> Call:
    """The call once a provider has taken it: nobody else's price matters any more."""
    return replace(call, spares=()) if call.spares else call


def error_of(content: bytes) -> Mapping[str, Any]:
    """The error object of a provider's answer; empty when there is none."""
    error = (parsed_object(content) or {}).get("error")
    return error if isinstance(error, dict) else {}


def retry_after(answer: Answer) -> float | None:
    """Seconds that the provider asks to wait."""
    precise, whole = answer.header("retry-after-ms"), answer.header("retry-after")
    try:
        seconds = float(precise) / 1000 if precise else float(whole or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
