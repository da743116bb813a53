"""Alerts as the declarative file says them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from billing import recipients
from billing.alerts.models import Alert
from billing.alerts.rules import delete_alert, hook_of, save_alert
from orbit.lib.errors import InputError
from tenants.schema.alerts import Alert as Entry
from tenants.schema.alerts import Webhook
from tenants.secrets.local import CannotOpen
from tenants.sections import Section
from tenants.services.saved import Actor, Saved


def _save(organization_id: UUID, entry: Entry, actor: Actor) -> Saved[Alert]:
    row = Alert.objects.filter(name=entry.name).first()
    webhook = entry.webhook or Webhook()
    try:
        return save_alert(
            organization_id=organization_id,
            actor=actor,
            name=entry.name,
            budget=entry.budget or "",
            percents=entry.percents,
            on_forecast=entry.on_forecast,
            recipients=_members(entry),
            hook_url=_new_url(row, webhook),
            hook_form=webhook.form,
            alert_id=row.pk if row else None,
            may_be_silent=True,
        )
    except InputError as error:
        path = "webhook.url" if error.path == "hook_url" else error.path
        raise InputError(path, error.message, error.suggestion) from None


def _members(entry: Entry) -> list[str]:
    """A file must not fail because somebody has left, or has yet to join; mail goes to members alone all the same."""
    return recipients.present([address.strip().lower() for address in entry.recipients])


def _warn(entry: Entry) -> Iterator[str]:
    able = _members(entry)
    for address in entry.recipients:
        if address.strip().lower() not in able:
            yield f"recipients: {address!r} is no member who may see figures, and is left out."
    row = Alert.objects.get(name=entry.name)
    if not row.recipients and row.hook_sealed is None:
        yield "webhook: the alert tells nobody yet; name its url, or a member under recipients."


def _new_url(row: Alert | None, webhook: Webhook) -> str | None:
    """None where it is the address that the alert has: another save would give it another secret."""
    if row is None or not webhook.url:
        return webhook.url
    try:
        hook = hook_of(row)
    except CannotOpen:
        return webhook.url
    return None if hook is not None and hook.url == webhook.url else webhook.url


def _paths() -> list[str]:
    return list(Alert.objects.values_list("name", flat=True))


def _remove(organization_id: UUID, path: str, actor: Actor) -> None:
    delete_alert(organization_id=organization_id, actor=actor, alert_id=Alert.objects.get(name=path).pk)


def _export() -> list[dict[str, Any]]:
    return [_entry(row) for row in Alert.objects.order_by("name")]


def _entry(row: Alert) -> dict[str, Any]:
    """Without the webhook's address, which is a secret: applied again, it stays as it is."""
    made: dict[str, Any] = {"name": row.name}
    if row.budget:
        made["budget"] = row.budget
    if row.percents:
        made["percents"] = row.percents
    if row.on_forecast:
        made["on_forecast"] = True
    if row.recipients:
        made["recipients"] = row.recipients
    if row.hook_sealed is not None:
        made["webhook"] = {"form": row.hook_form}
    return made


ALERTS = Section("alerts", "alert", lambda entry: str(entry.name), _save, _paths, _remove, _export, _warn)
