"""Headers of our answers. Nothing of the provider's own passes unless it is named here."""

from __future__ import annotations

from orbit.lib.clock import compact_duration
from proxy.admission import Admission
from proxy.context import Headers
from quotas.chain import Lease, Standing
from quotas.limits import FOREVER

METERS = ((b"requests", ("requests",)), (b"tokens", ("tokens", "input_tokens", "output_tokens")))
NEVER = FOREVER.end


def answered(admission: Admission, content_type: str) -> Headers:
    """Of an answer that a provider gave: known before its first byte."""
    found: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        *admission.call.request.surface.request_id_headers(str(admission.call.request_id)),
    ]
    if admission.call.terms.dropped:
        found.append(
            (b"x-orbit-dropped", ", ".join(admission.call.terms.dropped).encode("latin-1", "replace"))
        )
    return found + route(admission) + limits(admission.lease)


def route(admission: Admission) -> Headers:
    """Who served it, or tried last. Nothing where nobody was asked."""
    if not admission.attempts:
        return []
    return [
        (b"x-orbit-model", admission.attempt.model.encode("latin-1", "replace")),
        (b"x-orbit-account", admission.attempt.account.encode()),
        (b"x-orbit-attempts", b"%d" % len(admission.attempts)),
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
