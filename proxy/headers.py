"""Headers of our answers. Nothing of the provider's own passes unless it is named here."""

from __future__ import annotations

from orbit.lib.clock import compact_duration
from proxy.admission import Admission
from proxy.context import Headers
from proxy.settlement import Attempt
from proxy.surface import request_id_headers
from quotas.chain import Lease, Standing
from quotas.limits import FOREVER

METERS = ((b"requests", ("requests",)), (b"tokens", ("tokens", "input_tokens", "output_tokens")))
NEVER = FOREVER.end


def answered(admission: Admission, content_type: str, attempt: Attempt) -> Headers:
    """Of an answer that a provider gave: known before its first byte."""
    found: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        *request_id_headers(str(admission.call.request_id)),
    ]
    return found + route(admission, attempt) + limits(admission.lease)


def route(admission: Admission, attempt: Attempt) -> Headers:
    return [
        (b"x-orbit-model", attempt.model.encode("latin-1", "replace")),
        (b"x-orbit-account", attempt.account.encode()),
        (b"x-orbit-attempts", b"1"),
    ]


def limits(lease: Lease) -> Headers:
    """`x-ratelimit-*` of the tightest limit on requests and of the tightest on tokens."""
    found: Headers = []
    for name, meters in METERS:
        standings = lease.standings(*meters)
        if not standings:
            continue
        tightest = min(standings, key=_free) if len(standings) > 1 else standings[0]
        found.append((b"x-ratelimit-limit-" + name, b"%d" % tightest.ceiling))
        found.append((b"x-ratelimit-remaining-" + name, b"%d" % tightest.free))
        if tightest.resets_at is not None and tightest.resets_at < NEVER:
            seconds = max(0, tightest.resets_at - lease.admitted_us) / 1_000_000
            found.append((b"x-ratelimit-reset-" + name, compact_duration(seconds).encode()))
    return found


def _free(standing: Standing) -> int:
    return standing.free
