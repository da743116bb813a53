"""A page that tries a text against a policy's rules about personal data. Nothing of it is kept, sent or logged."""

from __future__ import annotations

import asyncio
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from console.access import organization_page
from console.policies import reading
from console.policies.draft import whole
from dlp.detectors import builtin
from dlp.detectors.scan import Detector
from dlp.findings import resolved, uncovered
from dlp.placeholders import Placeholders, Taken
from dlp.policy import Action, Decided, Direction, Inspecting, inspecting
from proxy.personal.asking import Asker, Said, workers_path
from tenants.models import Membership
from tenants.rights import Right

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
    rules = inspecting([whole(found.document)])
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
    }
    if request.method == "POST" and text and rules is not None and not wrong:
        shown |= _tried(rules, text, Direction(direction), str(membership.organization.pk))
    with timezone.override(zoneinfo.ZoneInfo(membership.organization.time_zone)):
        return render(request, "console/policies/try_text.html", shown)


def _tried(rules: Inspecting, text: str, direction: Direction, organization_id: str) -> Mapping[str, Any]:
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
        by_rules = resolved(findings, text)
        findings += [piece for one in said.found.get(text, ()) for piece in uncovered(one, by_rules, text)]
    decided = rules.decided(findings, text, direction)
    return {
        "tried": True,
        "unnamed": said.missed,
        "rows": decided,
        "stretches": list(_stretches(text, [one for one in decided if not one.shadow], direction)),
        "blocked": any(one.action is Action.BLOCK and not one.shadow for one in decided),
    }


async def _asked(organization_id: str, text: str, deadline_s: float) -> Said:
    asker = Asker(workers_path())
    try:
        return await asker.find(organization_id, [text], deadline_s)
    finally:
        await asker.close()


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
