"""A trial with everything in it: an organization's ledger, the pretend provider in a process of its own, a run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from bench.bills.judging import Result, judged
from bench.bills.planned import ADMIN_KEY, CALL_KEY, LAG_DAYS, Plan, history, models
from orbit.demo.bills.planting import OWN_KEY, Model, Told, Whose
from orbit.demo.bills.process import BillsHandle

if TYPE_CHECKING:  # Django must be set up before its models are loaded
    from billing.models import BillException, Comparison, Run
    from tenants.models import Organization


@dataclass
class Trial:
    """An organization whose ledger holds the history, and the run over it."""

    plan: Plan
    told: Told
    organization: Organization
    account: str
    since: Any
    until: Any
    handle: BillsHandle
    run: Run | None = None

    def show(self) -> None:
        """The bill as it is now."""
        self.handle.show(self.told.scenario)

    def request(self) -> Run:
        from billing.reconcile import runs

        self.run = runs.request_run(
            organization_id=self.organization.pk,
            actor="bench",
            account=self.account,
            since=self.since,
            until=self.until,
            here=True,
        )
        return self.run

    def reconcile(self) -> Run:
        from billing.reconcile import runs

        made = runs.perform(organization_id=self.organization.pk, run_id=self.request().pk)
        assert made is not None
        if made.state != "done":
            raise RuntimeError(made.problem)
        return made

    def rows(self) -> list[Comparison]:
        from billing.models import Comparison
        from orbit.lib import access

        with access.scope(organization_id=self.organization.pk):
            return list(Comparison.objects.order_by("day", "model"))

    def exceptions(self) -> list[BillException]:
        from billing.models import BillException
        from orbit.lib import access

        with access.scope(organization_id=self.organization.pk):
            return list(BillException.objects.all())


def prepare(plan: Plan, handle: BillsHandle, seed: int, *, keep_events: bool = True) -> Trial:
    """Needs a Django with servers behind it. The pretend provider's address must be among ORBIT_PRIVATE_TARGETS."""
    from quotas.models import Price

    organization, whose = _organization(plan, handle)
    for model in models(plan.provider):
        Price.objects.get_or_create(
            provider=f"bills-{plan.provider}",
            model=model.asked,
            source="bench",
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            defaults={"rates": _rates(model)},
        )
    until = datetime.now(UTC).date() - timedelta(days=LAG_DAYS[plan.provider] - 1)
    drawn = history(plan, seed, whose, until)
    told = drawn.finish(ADMIN_KEY, int(time.time()), keep_events=keep_events, call_secret=CALL_KEY)
    _fill(organization, told.events or drawn.events())
    made = Trial(plan, told, organization, "main", until - timedelta(days=plan.days), until, handle)
    made.show()
    return made


def _rates(model: Model) -> dict[str, Any]:
    asked = model.prices
    rates = {
        "input": asked["fresh"],
        "cached_input": asked["cached"],
        "cache_write": asked["write_5m"],
        "cache_write_1h": asked["write_1h"],
        "output": asked["output"],
    }
    return rates | {"services": {"batch": {name: rate // 2 for name, rate in rates.items()}}}


def _organization(plan: Plan, handle: BillsHandle) -> tuple[Organization, Whose]:
    from billing.reconcile.sources import save_source
    from orbit.lib import access
    from tenants import services
    from tenants.models import ApiKey, ProviderAccount

    organization = services.create_organization(slug=f"b-{secrets.token_hex(6)}", actor="bench")
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "bench"}
    prefix = "/api/v1" if plan.provider == "openrouter" else "/v1"
    # single calls are asked for only where the account's own calls go
    own_address = handle.url + prefix if plan.provider == "openrouter" else ""
    services.save_account(
        **where,
        name="main",
        base_url=own_address,
        kind=plan.provider,
        prices_as=f"bills-{plan.provider}",
        credential=services.NewCredential(value=CALL_KEY),
        usage_credential=services.NewCredential(value=ADMIN_KEY),
    )
    for number in range(3):
        services.save_project(**where, slug=f"project-{number}", name=f"Project {number}")
        services.issue_key(**where, project=f"project-{number}", name="main")
    own = [] if plan.provider == "openrouter" else [OWN_KEY]
    save_source(**where, account="main", own_keys=own, base_url=handle.url + prefix)
    with access.scope(organization_id=organization.pk):
        account = ProviderAccount.objects.get(name="main")
        rows = ApiKey.objects.order_by("name", "pk").values_list("project_id", "project__slug", "pk", "name")
        keys = list(rows)
    return organization, Whose(organization.pk, organization.slug, account.pk, account.name, keys)


def _fill(organization: Organization, events: Iterable[dict[str, Any]]) -> None:
    from audit.ledger import write_past

    waiting = iter(events)
    while some := list(islice(waiting, 2_000)):
        while write_past(organization.shard, some) is None:  # another writer is at the shard
            time.sleep(0.05)


def judge(trial: Trial) -> Result:
    from billing.reconcile.testimony import parts_of

    return judged(trial.plan, trial.told, parts_of(trial.run), trial.exceptions())


def trial(plan: Plan, handle: BillsHandle, seed: int) -> Result:
    made = prepare(plan, handle, seed)
    begun = time.monotonic()
    made.reconcile()
    took = time.monotonic() - begun
    result = judge(made)
    result.seconds = took
    return result
