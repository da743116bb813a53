"""Headers of our answers. Nothing of the provider's own passes unless it is named here."""

from __future__ import annotations

from collections.abc import Sequence

from orbit.lib.clock import compact_duration
from proxy.admission import Admission
from proxy.context import Headers
from proxy.settlement import Attempt
from quotas.engine import Standing


def answered(admission: Admission, content_type: str, attempt: Attempt) -> Headers:
    """Of an answer that a provider gave: known before its first byte."""
    found: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        (b"x-orbit-request-id", str(admission.call.request_id).encode()),
    ]
    return found + route(admission, attempt) + limits(admission.lease.standings, admission.lease.admitted_us)


def route(admission: Admission, attempt: Attempt) -> Headers:
    return [
        (b"x-orbit-model", attempt.model.encode("latin-1", "replace")),
        (b"x-orbit-account", attempt.account.encode()),
        (b"x-orbit-attempts", b"1"),
    ]


def limits(standings: Sequence[Standing], now_us: int) -> Headers:
    """`x-ratelimit-*` of the tightest limit on requests and of the tightest on tokens."""
    found: Headers = []
    for name, meters in (
        (b"requests", ("requests",)),
        (b"tokens", ("tokens", "input_tokens", "output_tokens")),
    ):
        of_kind = [one for one in standings if one.limit.meter in meters]
        if not of_kind:
            continue
        tightest = min(of_kind, key=_free)
        found.append((b"x-ratelimit-limit-" + name, str(tightest.ceiling).encode()))
        found.append((b"x-ratelimit-remaining-" + name, str(tightest.free).encode()))
        if tightest.resets_at is not None and tightest.resets_at < 2**53 - 1:
            seconds = max(0, tightest.resets_at - now_us) / 1_000_000
            found.append((b"x-ratelimit-reset-" + name, compact_duration(seconds).encode()))
    return found


def _free(standing: Standing) -> int:
    return standing.free
