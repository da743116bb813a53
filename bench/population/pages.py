"""Which pages are timed. More lists (an API's, say) are more entries of `every_page`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from audit.models import Event
from tenants.models import ApiKey, Membership, Organization, Person, Project

RANKS = (
    0,
    1,
    10,
    100,
    500,
)  # of organizations by size: what is fast for the smallest may not be for the largest
SAMPLES = 4
STAFF = "staff"
API = "api "  # before the name of a list of the management API
LISTS = (
    "keys",
    "keys?project={project}&limit=200",
    "keys?revoked=true",
    "projects",
    "members",
    "policies",
    "models",
    "provider-accounts",
    "service-accounts",
    "invitations",
    "requests",
    "management-keys",
    "calls",
    "calls?limit=200",
    "calls?status=provider_failed",
    "events?kind=act",
    "limits",
    "usage",
    "usage?by=project,day",
    "usage?by=code",
    "contract-prices",
    "report?range=30d",
    "report?range=30d&by=cost_centre,model",
    "report?range=30d&by=project,day",
    "report?range=year&by=month,project",
    "report?range=year&by=key&most=100",
    "report?range=30d&by=end_user",
    "report?range=7d&by=end_user,model&most=100",
    "report/forecast",
    "report/anomalies",
    "budgets",
)
REPORTS = ("", "?range=30d&by=project,day", "?range=year&by=key,model", "?range=30d&by=tag")
# The list of calls: what is found at once, what is rare, what is nowhere, what is long ago.
CALLS = {
    "all": "",
    "of a model": "model=gpt-4o",
    "failed": "status=provider_failed",
    "nowhere": "end_user=nobody",
    "of a tag": "tag=a%3Db",
    "refused": "kind=refusal",
    "the last day": "last=24h&status=settled",
    "a day long ago": "since=2026-09-20&until=2026-09-21",
}

DASHBOARDS = (
    "",
    "?range=today",
    "?range=30d&by=key",
    "?range=month&by=model",
    "?range=30d&by=end_user",
    "?range=30d&model=gpt-4o",
)


@dataclass(frozen=True)
class Page:
    name: str
    addresses: list[str]
    whose: list[str]  # who asks for each: an organization's slug for its owner, or STAFF


def every_page(seed: int) -> Iterator[Page]:
    """Within `access.operator()`, on a database that was filled."""
    yield from _of_organizations()
    yield from _of_api()
    for model, options in admin.site._registry.items():
        yield from _of_admin(model, options, Random(seed))


def organizations() -> list[Organization]:
    """Of each rank that there is. Slugs end in the rank."""
    count = Organization.objects.count()
    ends = [f"-{rank:05d}" for rank in RANKS if rank < count]
    return [Organization.objects.get(slug__endswith=end) for end in ends]


def _of_organizations() -> Iterator[Page]:
    places = organizations()
    slugs = [one.slug for one in places]
    calls = {one.slug: call.pk for one in places if (call := last_call(one)) is not None}
    for query in DASHBOARDS:
        yield Page(f"dashboard {query}".strip(), [f"/o/{slug}/{query}" for slug in slugs], slugs)
    for query in REPORTS:
        yield Page(f"reports {query}".strip(), [f"/o/{slug}/reports/{query}" for slug in slugs], slugs)
    yield Page("budgets", [f"/o/{slug}/budgets/" for slug in slugs], slugs)
    yield Page("my usage", [f"/o/{slug}/mine/" for slug in slugs], slugs)
    csv = "csv/?of=key&range=last-month"
    yield Page(f"dashboard {csv}", [f"/o/{slug}/{csv}" for slug in slugs], slugs)
    yield Page("members", [f"/o/{slug}/members/" for slug in slugs], slugs)
    if calls:
        yield Page("a call", [f"/o/{slug}/calls/{pk}/" for slug, pk in calls.items()], list(calls))
    for name, query in CALLS.items():
        yield Page(f"calls: {name}", [f"/o/{slug}/calls/?{query}" for slug in slugs], slugs)
    yield Page("playground", [f"/o/{slug}/playground/" for slug in slugs], slugs)
    yield Page("organizations", ["/organizations/"], slugs[:1])


def last_call(organization: Organization) -> Event | None:
    calls = Event.objects.filter(organization_id=organization.pk, kind="call").order_by("-admitted_at")
    return next(iter(calls[:1]), None)


def _of_api() -> Iterator[Page]:
    """By a key of each organization with every scope."""
    places = organizations()
    projects = {one.slug: Project.objects.filter(organization=one).order_by("pk")[0].slug for one in places}
    for listed in LISTS:
        addresses = [
            f"/api/v1/organizations/{one.slug}/{listed.format(project=projects[one.slug])}" for one in places
        ]
        yield Page(f"{API}{listed}", addresses, [f"{API}{one.slug}" for one in places])
    yield Page(f"{API}organizations", ["/api/v1/organizations?limit=200"], [f"{API}{STAFF}"])


def _of_admin(model: type[Model], options: Any, chance: Random) -> Iterator[Page]:
    name = f"admin {model._meta.label_lower}"
    at = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    listed = reverse(f"{at}_changelist")

    def page(what: str, addresses: list[str]) -> Page:
        return Page(f"{name}: {what}", addresses, [STAFF] * len(addresses))

    yield page("list", [listed, f"{listed}?p=2", f"{listed}?p=20"])
    if options.search_fields:
        yield page("search", [f"{listed}?{urlencode({'q': term})}" for term in _terms()])
    narrowed = [f"{listed}?{query}" for query in _filters(model, options)]
    if narrowed:
        yield page("filter", narrowed)
    columns = options.list_display if options.sortable_by is None else options.sortable_by
    ordered = [f"{listed}?o={sign}{number + 1}" for number in range(len(columns)) for sign in ("", "-")]
    if ordered:
        yield page("order", ordered)
    ids = _sampled(model, chance)
    if ids:
        yield page("one", [reverse(f"{at}_change", args=[one]) for one in ids])


def _terms() -> list[str]:
    first, *_ = organizations()
    key = ApiKey.objects.filter(organization_id=first.pk).order_by("pk")[1000:1001].first()
    key = key or ApiKey.objects.all()[0]
    event = last_call(first)
    person = Person.objects.order_by("-pk")[0]
    texts = [
        first.slug,
        first.pk,
        key.pk,
        key.name,
        key.hint,
        *((event.pk, event.request_id) if event else ()),
        person.email,
        "no such thing",
    ]
    return [str(text) for text in texts]


def _filters(model: type[Model], options: Any) -> Iterator[str]:
    for one in options.list_filter:
        if isinstance(one, tuple):
            yield from (f"{one[0]}__isempty={value}" for value in (0, 1))
        elif isinstance(one, str):
            field: Any = model._meta.get_field(one)
            values = [value for value, _ in field.choices] if field.choices else ["1", "0"]
            yield from (urlencode({f"{one}__exact": value}) for value in values)
        elif one.parameter_name == "status":
            yield from ("status=settled", "status=provider_failed")


def _sampled(model: Any, chance: Random) -> list[Any]:
    """Of large and small organizations, where rows have one."""
    if model is Organization:
        return [one.pk for one in organizations()]
    names = {field.attname for field in model._meta.concrete_fields}
    manager = model._default_manager
    if "organization_id" not in names:
        return list(manager.values_list("pk", flat=True)[:SAMPLES])
    found = []
    for one in organizations():
        some = (
            manager.filter(organization_id=one.pk)
            .order_by("organization_id")
            .values_list("pk", flat=True)[:50]
        )
        if some:
            found.append(chance.choice(list(some)))
    return found


def owner_of(slug: str) -> Person:
    members = Membership.objects.select_related("person")
    return members.get(organization__slug=slug, role="owner").person
