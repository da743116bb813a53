"""Headers of our answers. Nothing of the provider's own passes unless it is named here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orbit.lib.clock import compact_duration
from proxy.admission import Admission
from proxy.context import Headers
from quotas.chain import Lease
from quotas.limits import FOREVER

METERS = ((b"requests", ("requests",)), (b"tokens", ("tokens", "input_tokens", "output_tokens")))
NEVER = FOREVER.end
INDEX = re.compile(r"\[\d+\]")
UNSAFE = re.compile(r"[^A-Za-z0-9_.\[\]-]")
MOST_NAMES = 20  # of fields in a header


def answered(admission: Admission, content_type: str) -> Headers:
    """Of an answer that a provider gave: known before its first byte."""
    found: Headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        *admission.call.request.surface.request_id_headers(admission.call.request.name),
    ]
    if admission.call.terms.dropped:
        found.append((b"x-orbit-dropped", _dropped(admission.call.terms.dropped)))
    return found + route(admission) + limits(admission.lease)


def _dropped(paths: Sequence[str]) -> bytes:
    """Which fields, without their places in lists. Names of fields are the client's: only what is safe stands as it is."""
    names = dict.fromkeys(UNSAFE.sub("?", INDEX.sub("[]", path))[:100] for path in paths)
    return ", ".join(list(names)[:MOST_NAMES]).encode()


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
        tightest = lease.tightest(meters)
        if tightest is None:
            continue
        found.append((b"x-ratelimit-limit-" + name, b"%d" % tightest.ceiling))
        found.append((b"x-ratelimit-remaining-" + name, b"%d" % tightest.free))
        if tightest.resets_at is not None and tightest.resets_at < NEVER:
            seconds = max(0, tightest.resets_at - lease.admitted_us) / 1_000_000
            found.append((b"x-ratelimit-reset-" + name, compact_duration(seconds).encode()))
    return found
