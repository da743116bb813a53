"""A page that tries a text against a policy's rules about personal data. Nothing of it is kept, sent or logged, but the
digest of a value that somebody says is none."""

from __future__ import annotations

import asyncio
import zoneinfo
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from console.access import organization_page
from console.policies import reading
from console.policies.draft import whole
from dlp.detectors import builtin
from dlp.detectors.scan import Detector
from dlp.findings import Finding, beyond, resolved
from dlp.names.wire import Reason
from dlp.placeholders import Placeholders, Taken
from dlp.policy import Action, Decided, Direction, Inspecting, inspecting
from orbit.lib.errors import InputError
from proxy.personal.asking import Asker, Said, workers_path
from tenants import services
from tenants.allowing import allow_key
from tenants.comparison import compare
from tenants.models import Membership, PolicyRevision
from tenants.rights import Right, may

MOST = 20_000  # characters
LONGEST_S = 10.0  # that the page waits for the model
DIRECTIONS = (("request", "a request"), ("answer", "an answer"))
_KEY = b"a page's own, of one text alone"


@dataclass(frozen=True, slots=True)
class Shown:
    """A stretch of the text; `found` is what was found there, None for what lies between."""

    text: str
    found: Decided | None = None
    instead: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("text")
@organization_page(Right.ORGANIZATION_READ)
def try_text(request: HttpRequest, membership: Membership, policy: str) -> HttpResponse:
    found = reading.in_force(policy)
    if found is None:
        raise Http404
    text = request.POST.get("text", "").replace("\r\n", "\n")
    direction = "answer" if request.POST.get("direction") == "answer" else "request"
    document = whole(found.document)
    rules = inspecting([document], allow_key(membership.organization_id))
    wrong = ""
    if len(text) > MOST:
        wrong = f"The text has {len(text):,} characters; this page takes {MOST:,}. Send a part of it."
    shown: dict[str, Any] = {
        "organization": membership.organization,
        "policy": found.policy,
        "revision": found,
        "text": text,
        "direction": direction,
        "directions": DIRECTIONS,
        "has_rules": rules is not None,
        "wrong": wrong,
        "most": MOST,
        "may_write": may(membership, Right.POLICIES_WRITE),
    }
    if request.method == "POST" and text and rules is not None and not wrong:
        rows, unnamed = _decided(rules, text, Direction(direction), str(membership.organization.pk))
        false = _named(rows, request.POST.get("false") or request.POST.get("save", ""))
        if false is not None and request.POST.get("save"):
            return _saved(request, membership, found, false.kind, false.value(text))
        shown |= _tried(rows, text, Direction(direction)) | {"unnamed": unnamed}
        if false is not None and shown["may_write"]:
            shown["false"] = _proposed(membership, document, false, text)
    with timezone.override(zoneinfo.ZoneInfo(membership.organization.time_zone)):
        return render(request, "console/policies/try_text.html", shown)


def _decided(
    rules: Inspecting, text: str, direction: Direction, organization_id: str
) -> tuple[tuple[Decided, ...], Reason | None]:
    """And why the model did not look, where it should have."""
    detectors = [builtin.detector()] + ([] if rules.own is None else [Detector(rules.own.rules())])
    findings = [
        one
        for detector in detectors
        for one in detector.scan(text, threshold=rules.threshold, overlaps=True).findings
    ]
    names = rules.names
    said = Said({})
    if names is not None and names.wanted(direction):
        said = asyncio.run(_asked(organization_id, text, min(names.deadline_s, LONGEST_S)))
        findings += beyond(resolved(findings, text), said.found.get(text, ()), text)
    return rules.decided(findings, text, direction), said.missed


async def _asked(organization_id: str, text: str, deadline_s: float) -> Said:
    asker = Asker(workers_path())
    try:
        return await asker.find(organization_id, [text], deadline_s)
    finally:
        await asker.close()


def _tried(rows: tuple[Decided, ...], text: str, direction: Direction) -> dict[str, Any]:
    return {
        "tried": True,
        "rows": [(one, place_of(one.finding)) for one in rows],
        "stretches": list(_stretches(text, [one for one in rows if not one.shadow], direction)),
        "blocked": any(one.action is Action.BLOCK and not one.shadow for one in rows),
    }


def place_of(finding: Finding) -> str:
    """What a button says of which finding it is."""
    return f"{finding.start}-{finding.end}-{finding.kind}"


def _named(rows: tuple[Decided, ...], place: str) -> Finding | None:
    """None where the text has changed since the button was shown."""
    return next((one.finding for one in rows if place_of(one.finding) == place), None)


def _proposed(membership: Membership, document: dict[str, Any], false: Finding, text: str) -> dict[str, Any]:
    """What a finding's being false would change, or why it cannot."""
    made: dict[str, Any] = {"kind": false.kind, "value": false.value(text), "place": place_of(false)}
    try:
        wanted = services.sparing(
            document, organization_id=membership.organization_id, kind=false.kind, value=false.value(text)
        )
    except InputError as error:
        return made | {"wrong": f"The policy {error.message}: {error.suggestion}."}
    return made | {"changes": compare(document, wanted)}


def _saved(
    request: HttpRequest, membership: Membership, found: PolicyRevision, kind: str, value: str
) -> HttpResponse:
    given = request.POST.get("revision", "")
    try:
        saved = services.mark_false_positive(
            organization_id=membership.organization_id,
            name=found.policy.name,
            kind=kind,
            value=value,
            actor=membership,
            based_on=int(given) if given.isdecimal() and len(given) < 10 else 0,
        )
    except InputError as error:
        messages.error(request, f"Nothing was saved: {error.path} {error.message} ({error.suggestion}).")
    else:
        messages.success(
            request,
            f"Revision {saved.row.revision} spares the value from the next call on. It is kept as a digest.",
        )
    return redirect("policy", membership.organization.slug, found.policy.name)


def _stretches(text: str, decided: list[Decided], direction: Direction) -> list[Shown]:
    made: list[Shown] = []
    place, placeholders, taken = 0, Placeholders(_KEY), Taken(text)
    for one in decided:
        finding = one.finding
        instead = {
            Action.LOG: finding.value(text),
            Action.TOKENIZE: f"[{finding.kind}]"
            if direction is Direction.ANSWER
            else placeholders.standing_for(finding.kind, finding.value(text), taken),
            Action.HASH: f"[{finding.kind}#…]",
            Action.MASK: f"[{finding.kind}]",
            Action.BLOCK: f"[{finding.kind}]",
        }[one.action]
        made += Shown(text[place : finding.start]), Shown(finding.value(text), one, instead)
        place = finding.end
    return [*made, Shown(text[place:])]
