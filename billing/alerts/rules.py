"""Rules of alerts: made, changed and deleted."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from billing.alerts.models import Alert
from billing.recipients import checked
from orbit.lib.errors import InputError
from orbit.lib.exchange import NotAllowed
from orbit.lib.targets import listed, parse_origin, split
from tenants.rights import Right
from tenants.schema import values
from tenants.secrets import local
from tenants.services.saved import Actor, Saved, changing, valid

MOST = 50  # of an organization
MOST_PERCENTS = 10
LONGEST_URL = 2_000
_FIELDS = ("name", "budget", "percents", "on_forecast", "recipients", "hook_form", "hook_host")


@dataclass(frozen=True, slots=True)
class Hook:
    url: str
    secret: str


def save_alert(
    *,
    organization_id: UUID,
    actor: Actor,
    name: str,
    budget: str = "",
    percents: Sequence[int] = (),
    on_forecast: bool = False,
    recipients: Sequence[str] = (),
    hook_url: str | None = None,
    hook_form: str | None = None,
    alert_id: UUID | None = None,
    may_be_silent: bool = False,
) -> Saved[Alert]:
    """A new rule, or the one with that id as it is given here. `hook_url`: None leaves the webhook as it is, "" takes it away.

    `hook_form`: None leaves it as it is, too; of a new rule it is ours.
    `may_be_silent`: also one that has nobody to tell. The answer's `secret` is the text that signatures are checked with, given once: when a webhook was named.
    """
    valid("name", values.title, name)
    if len(name) > 63:
        raise InputError("name", "must be at most 63 characters")
    if hook_form is not None and hook_form not in Alert.Form.values:
        raise InputError(
            "hook_form", f"{hook_form!r} is not known", f"one of: {', '.join(Alert.Form.values)}"
        )
    if budget:
        valid("budget", values.name, budget)
    thresholds = _percents(percents)
    if not thresholds and not on_forecast:
        raise InputError(
            "percents", "is empty, and the forecast is not asked for", "name at least one, such as 80"
        )
    host = _host(hook_url) if hook_url else ""
    with changing(organization_id, actor, Right.REPORTS_WRITE) as change:
        row = _found(alert_id)
        created = row is None
        if any(one != alert_id for one in Alert.objects.filter(name=name).values_list("pk", flat=True)):
            raise InputError("name", f"{name!r} is taken", "choose another")
        if row is None:
            if Alert.objects.count() >= MOST:
                raise InputError("name", f"would be more than {MOST} alerts", "delete one first")
            row = Alert(organization_id=organization_id, author=change.actor[:254])
        before = None if created else _told(row)
        has_hook = bool(hook_url) or (hook_url is None and row.hook_sealed is not None)
        row.name, row.budget, row.percents, row.on_forecast = name, budget, thresholds, on_forecast
        row.recipients = checked(recipients, needed=not (has_hook or may_be_silent))
        row.hook_form, row.watched_at = hook_form or row.hook_form, None
        secret = ""
        if hook_url is not None:
            secret = _hooked(row, hook_url, host)
        row.save(force_insert=created)
        after = _told(row)
        fields = tuple(one for one in after if before is None or before[one] != after[one])
        fields += ("hook_url",) if secret else ()
        if fields:
            change.act("alert.create" if created else "alert.update", name, before, after)
    return Saved(row, created=created, fields=fields, secret=secret)


def delete_alert(*, organization_id: UUID, actor: Actor, alert_id: UUID) -> bool:
    """Whether there was one. What it told stays."""
    with changing(organization_id, actor, Right.REPORTS_WRITE) as change:
        row = Alert.objects.filter(pk=alert_id).first()
        if row is None:
            return False
        change.act("alert.delete", row.name, _told(row))
        row.delete()
    return True


def hook_of(row: Alert) -> Hook | None:
    """The webhook, opened. `local.CannotOpen` when its key is gone."""
    if row.hook_sealed is None:
        return None
    opened = json.loads(local.unseal(bytes(row.hook_sealed), _place(row)))
    return Hook(opened["url"], opened["secret"])


def renewed(row: Alert) -> bytes | None:
    """The webhook sealed under the newest master key; None when it is already, or there is none."""
    if row.hook_sealed is None:
        return None
    sealed = bytes(row.hook_sealed)
    fresh = local.rewrap(sealed, _place(row))
    return fresh if fresh != sealed else None


def _hooked(row: Alert, url: str, host: str) -> str:
    """Sets or takes away the webhook; the new secret, if there is one now."""
    row.hook_host = host
    if not url:
        row.hook_sealed = None
        return ""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row.hook_sealed = local.seal(json.dumps({"url": url, "secret": secret}), _place(row))
    return secret


def _place(row: Alert) -> local.Place:
    return local.Place(row.organization_id, row.pk, "alert_hook")


def _host(url: str) -> str:
    """Where it leads, as may be shown. InputError where the one way out would not go there."""
    if len(url) > LONGEST_URL:
        raise InputError("hook_url", f"must be at most {LONGEST_URL} characters")
    try:
        parse_origin(split(url)[0], listed(settings.ORBIT_PRIVATE_TARGETS))
    except NotAllowed as error:
        raise InputError("hook_url", error.message, error.remedy) from None
    return urlsplit(url).netloc[:260]


def _percents(given: Sequence[int]) -> list[int]:
    found = sorted(set(given))
    if len(found) > MOST_PERCENTS or any(not 1 <= one <= 1000 for one in found):
        raise InputError(
            "percents", f"must be at most {MOST_PERCENTS} whole numbers from 1 to 1000", "such as 50, 80, 100"
        )
    return found


def _found(alert_id: UUID | None) -> Alert | None:
    if alert_id is None:
        return None
    row = Alert.objects.filter(pk=alert_id).first()
    if row is None:
        raise InputError("alert", "there is no such alert")
    return row


def _told(row: Alert) -> dict[str, Any]:
    """What an act may say: of a webhook its host alone."""
    return {field: getattr(row, field) for field in _FIELDS}
