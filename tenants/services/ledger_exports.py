"""Parts of the ledger as files: asked for, made in the background, handed out by a link, gone when their time is over.

Whoever reads the ledger in bulk leaves an act: each file that is asked for, made, fetched or deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from audit.exports import making
from audit.exports.formats import FORMATS
from audit.exports.models import Export
from audit.exports.selection import Selection
from orbit.lib import access, line
from orbit.lib.errors import InputError
from tenants.models import Organization
from tenants.rights import Right
from tenants.services.saved import Actor, Change, changing

MOST_UNDER_WAY, MOST_KEPT = 3, 50
MOST_STREAMED = 50_000  # entries that an index finds, of what is answered at once
MOST_MINUTES = 24 * 60
GIVEN_UP = timedelta(days=1)  # one that is not made by then
SILENT = timedelta(minutes=2)  # after which nobody is at it any more
TASK = "tenants.tasks.make_ledger_export"
_SALT = "orbit.ledger-exports"
_BY = "schedule"
State = Export.State


class Over(Exception):
    """The link was one, and its time is over, or its file is gone."""


@dataclass(frozen=True, slots=True)
class Link:
    """Opens one file of one organization to whoever has it, for a while."""

    token: str
    expires_at: datetime


def request_export(*, organization_id: UUID, actor: Actor, form: str, selection: Selection) -> Export:
    """Sends it to a worker once the transaction is through."""
    _check_format(form)
    with changing(organization_id, actor, Right.LEDGER_READ) as change:
        _require(change, selection)
        kept = Export.objects.filter(organization_id=organization_id)
        if kept.filter(state__in=(State.WAITING, State.RUNNING)).count() >= MOST_UNDER_WAY:
            raise InputError(
                "format", f"{MOST_UNDER_WAY} files are being made already", "wait, or delete one of them"
            )
        if kept.count() >= MOST_KEPT:
            raise InputError("format", f"{MOST_KEPT} files are kept already", "delete some of them")
        export = Export.objects.create(
            organization_id=organization_id,
            format=form,
            asked=selection.as_json(),
            asked_by=change.actor[:300],
            expires_at=timezone.now() + timedelta(days=settings.ORBIT_EXPORT_DAYS),
        )
        change.act("export.request", str(export.pk), None, _said(export))
        transaction.on_commit(
            lambda: send_export(organization_id=organization_id, export_id=export.pk), using="default"
        )
    return export


def note_stream(*, organization_id: UUID, actor: Actor, form: str, selection: Selection) -> None:
    """That somebody reads a small part at once. InputError when it is no small one."""
    _check_format(form)
    with changing(organization_id, actor, Right.LEDGER_READ) as change:
        _require(change, selection)
        if selection.rows()[: MOST_STREAMED + 1].count() > MOST_STREAMED:
            raise InputError(
                "since",
                f"leaves more than {MOST_STREAMED} entries to look through",
                "narrow the time, or have the file made in the background",
            )
        change.act("export.stream", form, None, {"format": form} | selection.as_json())


def link_export(*, organization_id: UUID, export_id: UUID, actor: Actor, minutes: int = 60) -> Link | None:
    """None when there is no such file."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise InputError("minutes", f"must be 1 to {MOST_MINUTES}")
    with changing(organization_id, actor, Right.LEDGER_READ) as change:
        export = _found(change, export_id)
        if export is None:
            return None
        if export.state != State.DONE:
            raise InputError("export", "is not made yet" if export.is_under_way else "was not made")
        until = min(timezone.now() + timedelta(minutes=minutes), export.expires_at).replace(microsecond=0)
        claims = {
            "o": organization_id.hex,
            "e": export.pk.hex,
            "u": int(until.timestamp()),
            "by": change.actor,
        }
        change.act("export.link", str(export.pk), None, {"until": until})
        return Link(signing.dumps(claims, salt=_SALT), until)


def follow_link(token: str, *, address: str = "") -> tuple[Export, str]:
    """The file that a link opens and its name; that somebody fetches it is an act. Over when it does not any more.

    BadSignature for what never was a link.
    """
    claims = signing.loads(token, salt=_SALT)
    if datetime.fromtimestamp(claims["u"], UTC) <= timezone.now():
        raise Over
    organization_id = UUID(claims["o"])
    with access.operator():
        if not Organization.objects.filter(pk=organization_id, deleted_at=None).exists():
            raise Over
    with changing(organization_id, f"{claims['by']} by link") as change:
        export = Export.objects.filter(pk=UUID(claims["e"]), state=State.DONE).first()
        if export is None or export.expires_at <= timezone.now():
            raise Over
        change.act(
            "export.download",
            str(export.pk),
            None,
            _said(export) | {"sha256": export.sha256, "client_ip": address},
        )
        made = f"{export.created_at:%Y%m%d-%H%M%S}"
        return export, f"{change.organization.slug}-events-{made}.{making.ending(export)}"


def delete_export(*, organization_id: UUID, export_id: UUID, actor: Actor) -> bool:
    """Also one that is under way: whoever works at it finds out. False when there is none."""
    with changing(organization_id, actor, Right.LEDGER_READ) as change:
        # who makes it holds its row, and may have added a piece by the time that we have it
        export = visible_exports(change.rights).select_for_update().filter(pk=export_id).first()
        if export is None:
            return False
        _forget(change, export, "export.delete")
        return True


def visible_exports(rights: frozenset[Right]) -> QuerySet[Export]:
    """Within the organization's scope: who may not read calls sees the files that hold none."""
    found = Export.objects.order_by("-id")
    if Right.CALLS_READ in rights:
        return found
    hidden = [one.pk for one in found[: MOST_KEPT + 1] if Selection.read(one.asked).has_calls]
    return found.exclude(pk__in=hidden)


def advance_export(*, organization_id: UUID, export_id: UUID) -> bool:
    """Makes a piece of it. False when there is nothing to do here: it is made, gone, or another worker is at it."""
    with access.scope(organization_id=organization_id):
        rows = Export.objects.select_for_update(skip_locked=True)
        export = rows.filter(pk=export_id, state__in=(State.WAITING, State.RUNNING)).first()
        if export is None:
            return False
        if making.step(export):
            return export.is_under_way
        sha256 = making.digest(export)
    with changing(organization_id, _BY) as change:
        export = Export.objects.select_for_update().filter(pk=export_id, state=State.RUNNING).first()
        if export is not None:
            export.state, export.sha256, export.finished_at = State.DONE, sha256, timezone.now()
            export.save(update_fields=["state", "sha256", "finished_at"])
            facts = {"events": export.events, "bytes": export.size, "sha256": sha256}
            change.act("export.make", str(export.pk), None, _said(export) | facts)
    return False


def tend_exports() -> int:
    """Deletes files whose time is over, gives up what nobody could make, and sends anew what nobody works at."""
    now, tended = timezone.now(), 0
    with access.operator():
        over = list(Export.objects.filter(expires_at__lte=now).values_list("organization_id", "pk"))
        waiting = Export.objects.filter(
            state__in=(State.WAITING, State.RUNNING), told_at__lt=now - SILENT, expires_at__gt=now
        )
        lost = list(waiting.values_list("organization_id", "pk", "created_at"))
    for organization_id, export_id in over:
        tended += _of(organization_id, export_id, partial(_forget, action="export.expire"))
    for organization_id, export_id, created_at in lost:
        if created_at < now - GIVEN_UP:
            tended += _of(
                organization_id,
                export_id,
                lambda _, export: making.fail(export, "It was not made within a day."),
            )
        else:
            send_export(organization_id=organization_id, export_id=export_id)
            tended += 1
    return tended


def send_export(*, organization_id: UUID, export_id: UUID) -> None:
    """What cannot be sent now, `tend_exports` sends again."""
    try:
        line.join(TASK, str(organization_id), str(export_id))
    except (OperationalError, RedisError, line.Full):
        return


def _of(organization_id: UUID, export_id: UUID, do: Callable[[Change, Export], None]) -> int:
    with changing(organization_id, _BY) as change:
        export = Export.objects.filter(pk=export_id).first()
        if export is not None:
            do(change, export)
        return export is not None


def _forget(change: Change, export: Export, action: str) -> None:
    change.act(action, str(export.pk), _said(export) | {"state": export.state, "events": export.events})
    export.delete()


def _found(change: Change, export_id: UUID) -> Export | None:
    return visible_exports(change.rights).filter(pk=export_id).first()


def _require(change: Change, selection: Selection) -> None:
    if selection.has_calls:
        change.require(Right.CALLS_READ)


def _check_format(form: str) -> None:
    if form not in FORMATS:
        raise InputError("format", f"is none of {', '.join(FORMATS)}")


def _said(export: Export) -> dict[str, Any]:
    told: dict[str, Any] = export.asked
    return {"format": export.format} | told
