"""One run: the provider's reports are pulled, both sides compared, what came of it kept. No connection to the database is held
while the provider is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from billing.models import BilledRow, BillSource, Comparison, Run
from billing.reconcile import claims, exceptions, ledger_side, lookups, reports, standing
from billing.reconcile.book import book_of
from billing.reconcile.connectors.base import (
    DAY,
    CallRow,
    Connector,
    Facts,
    Refused,
    TellsCalls,
    UsageRow,
    midnight,
)
from billing.reconcile.connectors.http import HttpApi
from billing.reconcile.connectors.registry import BY_CALL, CONNECTORS, FACTS
from billing.reconcile.counts import UnitPrices
from billing.reconcile.ledger_side import DayOfOurs
from billing.reconcile.models_named import canonical
from billing.reconcile.outcomes import MARGIN, Bill, Calls, Key, Whose, outcomes, uneven
from billing.reconcile.sides import Call, Cause, DayOutcome
from orbit.lib import access
from tenants.kinds import BY_NAME
from tenants.models import Organization, ProviderAccount
from tenants.secrets import CredentialUnavailable, resolve
from tenants.secrets.stores import USAGE

USED_WITHIN = timedelta(days=30)
OFTEN = timedelta(seconds=20)
MOST_CALLS = 300_000  # of one day and model that are looked at, at about a kilobyte each


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run needs to know of its account, read once."""

    organization: Organization
    account: ProviderAccount
    facts: Facts
    own_keys: frozenset[str]
    scopes: tuple[str, ...]
    tolerances: dict[str, dict[str, float]]
    base_url: str
    whole_until: datetime  # up to when the ledger has all calls

    def is_final(self, day: date) -> bool:
        """Both sides have all of it."""
        end = midnight(day) + DAY
        return datetime.now(UTC) >= end + self.facts.lag and end <= self.whole_until


@dataclass
class Progress:
    """Tells how far the run is. Lost as soon as it is somebody else's."""

    run: Run
    pages: int = 0

    def at(self, percent: int, step: str) -> None:
        self.run.percent, self.run.step = percent, step
        claims.tell(self.run, percent=percent, step=step)

    def page(self) -> None:
        self.pages += 1
        self.alive()

    def alive(self) -> None:
        """Somebody still works at it; said now and then, however long a step takes."""
        if timezone.now() - self.run.told_at > OFTEN:
            self.at(self.run.percent, self.run.step)


def perform(run: Run) -> None:
    """Lost when somebody else has the run meanwhile, or it was given up: then nothing of it was kept."""
    setting, progress = setting_of(run), Progress(run)
    connector = CONNECTORS.get(run.connector)
    since = _oldest(run, setting.facts)
    pull = _puller(run, setting, connector, progress) if connector is not None else None
    if pull is not None:
        pull(since)
    progress.at(50, "comparing")
    with access.scope(organization_id=run.organization_id):
        standing.must_be_kept("since", since, run.until)
        read_to = standing.head()
    bill, ours = sides(run, setting, since)
    differing = uneven(bill, ours)
    if connector is not None and setting.facts.by_minute:
        _pull_minutes(run, setting, connector, progress, bill, differing)
    if setting.facts.by_call and settings.ORBIT_RECONCILE_LOOKUPS:
        _look_up(run, setting, BY_CALL[run.connector], progress, ours, differing)
    progress.at(80, "classifying")
    found = outcomes_of(run, setting, bill, ours, differing, progress.alive)
    progress.at(90, "noting exceptions")
    _keep(run, setting, found, since, read_to, progress)


def setting_of(run: Run) -> Setting:
    with access.scope(organization_id=run.organization_id):
        account = ProviderAccount.objects.filter(pk=run.account_id).first()
        if account is None:
            raise Refused("the account is gone")
        source = BillSource.objects.filter(account=account).first() or BillSource(account=account)
        facts = FACTS[run.connector]
        if source.lag_hours is not None:
            facts = replace(facts, lag=timedelta(hours=source.lag_hours))
        organization = Organization.objects.get()
        return Setting(
            organization=organization,
            account=account,
            facts=facts,
            own_keys=frozenset(source.own_keys),
            scopes=tuple(source.scopes),
            tolerances=source.tolerances,
            base_url=source.base_url,
            whole_until=standing.whole_until(organization.shard),
        )


def _oldest(run: Run, facts: Facts) -> date:
    """Days that the provider no longer tells of keep what was pulled of them when it did."""
    if facts.oldest is None:
        return run.since
    return max(run.since, min(run.until, datetime.now(UTC).date() - facts.oldest))


def _api(setting: Setting, connector: Connector, progress: Progress) -> HttpApi:
    secret = resolve(setting.account, USAGE)
    return HttpApi(
        setting.base_url or connector.base_url,
        connector.headers(secret.reveal()),
        patience_s=settings.ORBIT_RECONCILE_PATIENCE_S,
        told=progress.page,
    )


def _puller(run: Run, setting: Setting, connector: Connector, progress: Progress) -> Callable[[date], None]:
    def pull(since: date) -> None:
        api = _api(setting, connector, progress)
        progress.at(5, "pulling usage")
        usage = list(connector.usage(api, since, run.until, setting.scopes))
        progress.at(25, "pulling costs")
        costs = list(connector.costs(api, since, run.until, setting.scopes))
        currencies = {cost.currency for cost in costs if cost.amount} - {setting.organization.currency}
        if currencies:
            raise Refused(
                f"the costs are in {min(currencies)}, the organization counts in {setting.organization.currency}"
            )
        reports.replace_usage(run, usage, since, run.until)
        reports.replace_costs(run, costs, since, run.until)
        run.counts |= {"usage_rows": len(usage), "cost_rows": len(costs)}

    return pull


def sides(run: Run, setting: Setting, since: date) -> tuple[Bill, dict[Key, DayOfOurs]]:
    start, end = midnight(since), midnight(run.until)
    with access.scope(organization_id=run.organization_id):
        used = ledger_side.models_used(run.account_id, start - USED_WITHIN, end)
        bill = Bill(
            facts=setting.facts,
            since=since,
            until=run.until,
            usage=reports.usage(run.account_id, since, run.until),
            costs=reports.costs(run.account_id, since, run.until),
            whose=Whose(setting.own_keys, frozenset(used)),
        )
        return bill, bill.as_told(ledger_side.by_day(run.account_id, start, end))


def _pull_minutes(
    run: Run, setting: Setting, connector: Connector, progress: Progress, bill: Bill, differing: set[Key]
) -> None:
    """Of the days that differ, and the models in question alone."""
    days = sorted({day for day, _ in differing})
    if not days:
        return
    api, rows = _api(setting, connector, progress), 0
    for number, day in enumerate(days):
        progress.at(55 + 25 * number // len(days), f"pulling the minutes of {day}")
        names = sorted(
            {
                row.model
                for row in bill.usage
                if row.start.date() == day and (day, canonical(row.model)) in differing
            }
        )
        found: Sequence[UsageRow] = list(connector.minutes(api, day, names, setting.scopes)) if names else []
        reports.replace_usage(run, found, day, day + DAY, kind=BilledRow.Kind.MINUTE)
        rows += len(found)
    run.counts |= {"minute_rows": rows}


def _look_up(
    run: Run,
    setting: Setting,
    connector: TellsCalls,
    progress: Progress,
    ours: dict[Key, DayOfOurs],
    differing: set[Key],
) -> None:
    """Calls of days that differ and are final, by the credential that they were made with."""
    keys = {key for key in differing & ours.keys() if setting.is_final(key[0])} - _too_many(
        ours, differing
    ).keys()
    if not keys:
        return
    progress.at(60, "looking up single calls")
    asked, since = _calls(run, ours), min(day for day, _ in keys)
    work = lookups.Lookups(
        run,
        connector,
        lambda: _api_of_calls(setting, connector, progress),
        _known(run, since, run.until),
    )
    oldest_first = sorted(keys, key=lambda key: (key[0], ours[key].requests, key[1]))
    work.look_up(asked(model, midnight(day) - MARGIN, midnight(day) + DAY) for day, model in oldest_first)
    run.counts |= work.counts()


def _api_of_calls(setting: Setting, connector: TellsCalls, progress: Progress) -> HttpApi:
    """The credential of calls goes nowhere but where they go."""
    address = setting.base_url or connector.base_url
    if _server(address) != _server(setting.account.base_url or BY_NAME[setting.account.kind].base_url or ""):
        raise Refused("the account has another address")
    try:
        secret = resolve(setting.account)
    except CredentialUnavailable as error:
        raise Refused(f"the account’s credential cannot be had: {error.reason}") from None
    return HttpApi(
        address,
        connector.headers(secret.reveal()),
        patience_s=settings.ORBIT_RECONCILE_PATIENCE_S,
        told=progress.page,
    )


def _server(url: str) -> tuple[str, str | None, int | None]:
    found = urlsplit(url)
    return found.scheme, found.hostname, found.port or {"http": 80, "https": 443}.get(found.scheme)


def _known(run: Run, since: date, until: date) -> dict[str, CallRow]:
    with access.scope(organization_id=run.organization_id):
        return reports.calls_told(run.account_id, since - lookups.SPAN, until + lookups.SPAN)


def outcomes_of(
    run: Run,
    setting: Setting,
    bill: Bill,
    ours: dict[Key, DayOfOurs],
    differing: set[Key],
    told: Callable[[], None] = lambda: None,
) -> list[DayOutcome]:
    """`told` is called now and then, outside of any transaction."""
    with access.scope(organization_id=run.organization_id):
        minutes: list[UsageRow] = []
        for day in sorted({day for day, _ in differing}) if setting.facts.by_minute else ():
            minutes += reports.usage(run.account_id, day, day + DAY, BilledRow.Kind.MINUTE)
    asked = book_of(setting.account.prices_as, setting.account.name)

    def book(day: date, model: str, name: str) -> UnitPrices | None:
        with access.scope(organization_id=run.organization_id):
            return asked(day, model, name)

    too_many, calls = _too_many(ours, differing), _calls(run, ours)
    known = _known(run, bill.since, bill.until) if setting.facts.by_call else {}
    return outcomes(
        bill,
        ours,
        differing,
        calls,
        minutes,
        book,
        setting.is_final,
        unseen=too_many,
        known=known,
        told=told,
    )


def _too_many(ours: dict[Key, DayOfOurs], differing: set[Key]) -> dict[Key, str]:
    """Days and models that a run does not look into, as it has no room for so many calls."""
    return {
        key: f"{ours[key].requests:,} calls, too many to look at"
        for key in differing & ours.keys()
        if ours[key].requests > MOST_CALLS
    }


def _calls(run: Run, ours: dict[Key, DayOfOurs]) -> Calls:
    """From the ledger when they are asked for, by all names that the model has there."""
    names: dict[str, set[str]] = defaultdict(set)
    for (_, model), here in ours.items():
        names[model] |= here.names

    def asked(model: str, since: datetime, until: datetime) -> Sequence[Call]:
        if not names[model]:
            return []
        with access.scope(organization_id=run.organization_id):
            return ledger_side.calls(run.account_id, since, until, sorted(names[model]))

    return asked


def _keep(
    run: Run, setting: Setting, found: Sequence[DayOutcome], since: date, read_to: int, progress: Progress
) -> None:
    """Comparisons, exceptions and the end of the run, in one transaction."""
    with access.scope(organization_id=run.organization_id):
        Organization.objects.select_for_update(no_key=True).get()
        claims.hold(run)
        Comparison.objects.filter(account_id=run.account_id, day__gte=since, day__lt=run.until).delete()
        Comparison.objects.bulk_create([_comparison(run, one) for one in found], batch_size=1_000)
        counted = exceptions.note(run, setting.organization, setting.tolerances, found, since, read_to)
        run.counts |= {"days": len({one.day for one in found}), "pages": progress.pages, **counted}
        run.state, run.percent, run.step, run.finished_at = Run.State.DONE, 100, "", timezone.now()
        run.told_at = run.finished_at
        run.save(update_fields=["state", "percent", "step", "finished_at", "told_at", "counts"])


def _comparison(run: Run, one: DayOutcome) -> Comparison:
    unexplained = sum(abs(part.money_nano) for part in one.parts if part.cause is Cause.UNEXPLAINED)
    return Comparison(
        organization_id=run.organization_id,
        run_id=run.pk,
        account_id=run.account_id,
        account=run.account,
        day=one.day,
        model=one.model,
        calls=one.calls,
        ours_tokens=one.ours.total,
        theirs_tokens=one.theirs.total,
        ours_nano=one.ours_nano,
        theirs_nano=one.theirs_nano,
        estimated_nano=one.estimated_nano,
        unexplained_nano=unexplained,
        final=one.final,
        parts=_by_cause(one),
        implied=one.implied,
    )


def _by_cause(one: DayOutcome) -> list[dict[str, object]]:
    found: dict[Cause, list[int]] = {}
    for part in one.parts:
        held = found.setdefault(part.cause, [0, 0, 0])
        held[0] += part.counts.total
        held[1] += part.money_nano
        held[2] += 1
    return [
        {"cause": str(cause), "tokens": tokens, "money_nano": money, "count": count}
        for cause, (tokens, money, count) in sorted(found.items())
    ]
