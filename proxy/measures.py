"""What workers count of calls for Prometheus, where they are settled and where requests are turned away.

A few dictionary look-ups for each call; docs/decisions/0030-metrics.md has what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orbit.lib.errors import Code, OrbitError
from orbit.lib.metrics import Book, Family, Kind, Names
from orbit.lib.traces.counts import SPANS
from proxy.attempts import Attempt
from proxy.call import Call
from proxy.context import Principal, Usage

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
NANO = 1e-9
NOBODY = "(nobody)"
CODES = frozenset(one.value for one in Code)

CALLS = Family(
    "orbit_calls_total",
    Kind.COUNTER,
    "Calls that ended, by how: settled, provider_failed or client_gone.",
    ("organization", "status", "stream"),
)
ERRORS = Family(
    "orbit_call_errors_total",
    Kind.COUNTER,
    "Calls that ended with a code of docs/errors.md, or `provider`: the provider's own refusal.",
    ("organization", "code"),
)
TOKENS = Family(
    "orbit_tokens_total",
    Kind.COUNTER,
    "Tokens that were charged: input, of it cached_input, and output.",
    ("organization", "model", "direction"),
)
COST = Family(
    "orbit_cost_total",
    Kind.COUNTER,
    "Money that was charged, in units of the currency.",
    ("organization", "model", "currency"),
    scale=NANO,
)
REFUSALS = Family(
    "orbit_refusals_total",
    Kind.COUNTER,
    "Requests that were turned away, by code, and by limit where one had no room. `(nobody)`: it had no known key, or was turned away before it was looked up.",
    ("organization", "code", "limit"),
)
DURATION = Family(
    "orbit_call_duration_seconds",
    Kind.HISTOGRAM,
    "From a request's body to the end of its answer.",
    ("organization", "stream"),
    SECONDS,
)
FIRST_TOKEN = Family(
    "orbit_first_token_seconds",
    Kind.HISTOGRAM,
    "From a request's body to the first byte of a stream.",
    ("organization",),
    SECONDS,
)
ATTEMPTS = Family(
    "orbit_provider_attempts_total",
    Kind.COUNTER,
    "Tries at providers, by outcome: ok, refused (the request), or what went wrong.",
    ("organization", "account", "provider", "outcome"),
)
ATTEMPT_DURATION = Family(
    "orbit_provider_attempt_seconds",
    Kind.HISTOGRAM,
    "How long tries at providers took, by kind of provider.",
    ("provider",),
    SECONDS,
)
IN_FLIGHT = Family("orbit_calls_in_flight", Kind.GAUGE, "Calls that are under way in this host's workers.")
LOOP_DELAY = Family(
    "orbit_loop_delay_seconds",
    Kind.GAUGE,
    "How late the slowest worker's event loop woke up, at worst since it last told.",
    largest=True,
)
UNSETTLED = Family(
    "orbit_settlements_waiting",
    Kind.GAUGE,
    "Calls that ended and whose settlement the store has not confirmed.",
)
UNINSPECTED = Family(
    "orbit_uninspected_total",
    Kind.COUNTER,
    "Calls that went on although a policy has them inspected and something was not: `request` or `answer`; `all`, the `names` that the model finds, or what inspectors `outside` look at; why (docs/personal-data.md).",
    ("organization", "direction", "what", "reason"),
)
INSPECTOR_REQUESTS = Family(
    "orbit_inspector_requests_total",
    Kind.COUNTER,
    "Requests to inspectors outside, also for calls that were refused then.",
    ("organization", "inspector"),
)
INSPECTOR_COST = Family(
    "orbit_inspector_cost_total",
    Kind.COUNTER,
    "What they cost by the inspector's price, in units of the currency. No part of orbit_cost_total.",
    ("organization", "inspector", "currency"),
    scale=NANO,
)
FAMILIES = (
    CALLS, ERRORS, TOKENS, COST, REFUSALS, DURATION, FIRST_TOKEN, ATTEMPTS, ATTEMPT_DURATION, IN_FLIGHT, LOOP_DELAY,
    UNSETTLED, SPANS, UNINSPECTED, INSPECTOR_REQUESTS, INSPECTOR_COST,
)  # fmt: skip


@dataclass
class Measures:
    book: Book
    names: Names

    def ended(
        self,
        call: Call,
        attempts: Sequence[Attempt],
        *,
        status: str,
        code: str | None,
        usage: Usage,
        cost_nano: int | None,
        seconds: float,
        first_token_ms: int | None,
    ) -> None:
        book, names, snapshot = self.book, self.names, call.principal.organization
        organization = names.organization(snapshot.slug)
        stream = "yes" if call.stream else "no"
        book.add(CALLS, (organization, status, stream))
        book.observe(DURATION, (organization, stream), seconds)
        if first_token_ms is not None:
            book.observe(FIRST_TOKEN, (organization,), first_token_ms / 1000)
        if code is not None:
            book.add(ERRORS, (organization, code if code in CODES else "provider"))
        if call.request.inspection is not None:
            inspection = call.request.inspection
            for missed in inspection.uninspected:
                book.add(UNINSPECTED, (organization, missed.direction, missed.what or "all", missed.reason))
            for direction, _, reason in inspection.outward.missed if inspection.outward is not None else ():
                book.add(UNINSPECTED, (organization, direction, "outside", reason))
        model = names.within(organization, "model", call.model)
        if usage.input_tokens:
            book.add(TOKENS, (organization, model, "input"), usage.input_tokens)
        if usage.cached:
            book.add(TOKENS, (organization, model, "cached_input"), usage.cached)
        if usage.output_tokens:
            book.add(TOKENS, (organization, model, "output"), usage.output_tokens)
        if cost_nano:
            book.add(COST, (organization, model, snapshot.currency), cost_nano)
        for one in attempts:
            account = names.within(organization, "account", one.account)
            book.add(ATTEMPTS, (organization, account, one.kind, _outcome(one)))
            book.observe(ATTEMPT_DURATION, (one.kind,), one.seconds)

    def asked_outside(
        self, organization: str, currency: str, inspector: str, requests: int, cost_nano: int
    ) -> None:
        organization = self.names.organization(organization)
        inspector = self.names.within(organization, "inspector", inspector)
        if requests:
            self.book.add(INSPECTOR_REQUESTS, (organization, inspector), requests)
        if cost_nano:
            self.book.add(INSPECTOR_COST, (organization, inspector, currency), cost_nano)

    def turned_away(self, principal: Principal | None, error: OrbitError) -> None:
        organization, limit = NOBODY, ""
        if principal is not None:
            organization = self.names.organization(principal.organization.slug)
            limit = self.names.within(organization, "limit", error.data.get("limit"))
        self.book.add(REFUSALS, (organization, error.code.value, limit))


def _outcome(attempt: Attempt) -> str:
    """One of a few words: kinds of trouble and of failure are classes of ours."""
    if attempt.error is not None:
        return attempt.error.replace(" ", "_").lower()
    return "refused" if attempt.http_status is not None and attempt.http_status >= 300 else "ok"
