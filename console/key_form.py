"""What a key may be given when it is issued or changed, as a form has it: policy, scope, expiry, rotation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Organization
from tenants.schema import Invalid, allow_document
from tenants.schema.values import ENDPOINTS

CHOICES = tuple(one for one in ENDPOINTS if one != "*")
OVERLAPS = (("0", "ends now"), ("1", "1 hour"), ("24", "24 hours"), ("168", "7 days"), ("720", "30 days"))
Typed = dict[str, Any]


def read(post: QueryDict) -> Typed:
    typed: Typed = {
        name: post.get(name, "").replace("\x00", "").strip()
        for name in ("policy", "models", "ip_ranges", "expires_at", "rotate_after_days")
    }
    return typed | {"endpoints": post.getlist("endpoints")}


def stored(key: ApiKey, organization: Organization) -> Typed:
    allow, ends = key.allow, key.expires_at
    here = ends.astimezone(ZoneInfo(organization.time_zone)) if ends else None
    return {
        "policy": key.policy.name if key.policy else "",
        "models": ", ".join(allow.get("models", [])),
        "ip_ranges": ", ".join(allow.get("ip_ranges", [])),
        "endpoints": allow.get("endpoints", []),
        "expires_at": here.strftime("%Y-%m-%dT%H:%M") if here else "",
        "rotate_after_days": str(key.rotate_after_days or ""),
    }


def wanted(typed: Mapping[str, Any], organization: Organization) -> dict[str, Any]:
    """For the services. InputError names the field that is wrong."""
    given = {
        "models": _words(typed["models"]),
        "endpoints": list(typed["endpoints"]),
        "ip_ranges": _words(typed["ip_ranges"]),
    }
    try:
        allow = allow_document({name: words for name, words in given.items() if words})
    except Invalid as error:
        first = error.problems[0]
        raise InputError(first.path.partition("[")[0], first.message, first.suggestion) from None
    return {
        "policy": typed["policy"] or None,
        "allow": allow,
        "expires_at": _moment(typed["expires_at"], organization),
        "rotate_after_days": _days(typed["rotate_after_days"]),
    }


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(re.split(r"[\s,]+", text.strip()))) if text.strip() else []


def _moment(text: str, organization: Organization) -> datetime | None:
    """Where the organization is: nobody types a zone."""
    if not text:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", text):
        raise InputError("expires_at", "must be a day and a time of day", "such as 2027-01-31T18:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError("expires_at", "is no day of the calendar") from None
    if not 2000 <= moment.year < 2200:
        raise InputError("expires_at", "must be before the year 2200")
    return moment.replace(tzinfo=ZoneInfo(organization.time_zone))


def _days(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise InputError("rotate_after_days", "must be a whole number of days")
    return int(text)
