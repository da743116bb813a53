"""Every address that the resolver knows, filled in with the ids of one organization.

A route with a parameter that nobody has said how to fill is an error, so that no route is left out unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.urls import URLPattern, get_resolver

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
ADMIN = re.compile(r"^admin/(\w+)/(\w+)/")


class NotFilled(Exception):
    """A route's parameter is not in PARAMETERS."""


@dataclass(frozen=True)
class Known:
    """What an outsider may have heard of an organization: its slug, and the id of each of its rows."""

    slug: str
    ids: Mapping[str, list[str]]  # by model, `tenants.project`
    own: str = ""  # the slug of the outsider's own organization

    def of(self, label: str) -> list[str]:
        return self.ids[label]

    def every(self) -> list[str]:
        return sorted({one for ids in self.ids.values() for one in ids[:1]})


def _ids(label: str) -> Callable[[Known], list[str]]:
    return lambda known: known.of(label)[:1]


def _same(*values: str) -> Callable[[Known], list[str]]:
    return lambda known: list(values)


def _every(known: Known) -> list[str]:
    return known.every()


# What a parameter of this name stands for. A name that could be anything is tried with every id.
PARAMETERS: dict[str, Callable[[Known], list[str]]] = {
    "slug": lambda known: [known.slug],
    "organization": lambda known: [known.slug],
    "organization_id": _ids("tenants.organization"),
    "event_id": _ids("audit.event"),
    "member_id": _ids("tenants.membership"),
    "invitation_id": _ids("tenants.invitation"),
    "project_id": _ids("tenants.project"),
    "key_id": _ids("tenants.apikey"),
    "policy_id": _ids("tenants.policy"),
    "account_id": _ids("tenants.provideraccount"),
    "inspector_id": _ids("tenants.inspector"),
    "alias_id": _ids("tenants.modelalias"),
    "service_account_id": _ids("tenants.serviceaccount"),
    "role_id": _ids("tenants.customrole"),
    "management_key_id": _ids("tenants.managementkey"),
    "client_id": _ids("tenants.oauthclient"),
    "person_id": _ids("tenants.person"),
    "domain_id": _ids("tenants.domain"),
    "policy": _same("default"),
    "request_id": _ids("tenants.policyrequest"),
    "exception_id": _ids("billing.billexception"),
    "price_id": _ids("quotas.contractprice"),
    "proposal_id": _ids("billing.priceproposal"),
    "view_id": _ids("billing.reportview"),
    "alert_id": _ids("billing.alert"),
    "export_id": _ids("audit.export"),
    "trial_id": _same("018f0000-0000-7000-8000-000000000000"),
    "pk": _every,
    "id": _every,
    "token": _same("a-token-that-was-never-given-out"),
    "name": _same("no-such-mail"),
    # of allauth's and the admin's own
    "key": _same("no-such-key"),
    "uidb36": _same("1"),
    "content_type_id": _same("1"),
    "object_id": _every,
    "app_label": _same("tenants", "audit"),
    "url": _same("no/such/page/"),
    "session_id": _same("1"),
}
# The same of the management API, whose paths name things by what stands before them. In the outsider's own organization
# the ids are asked for as well.
API_PARAMETERS: dict[str, Callable[[Known], list[str]]] = {
    "organization": lambda known: [one for one in (known.slug, known.own) if one],
    "person": _ids("tenants.person"),
    "project": _same("chatbot"),
    "policy": _same("default"),
    "role": _same("reader"),
    "alias": _same("fast"),
    "number": _same("1"),
    "account": lambda known: [known.of("tenants.serviceaccount")[0], "main"],
    "key": lambda known: [known.of(f"tenants.{one}")[0] for one in ("apikey", "managementkey")],
    "request_id": _ids("tenants.policyrequest"),
    "member": _ids("tenants.membership"),
    "client": _ids("tenants.oauthclient"),
    "price": _ids("quotas.contractprice"),
    "invitation": _ids("tenants.invitation"),
    "call": _ids("audit.event"),
    "event": _ids("audit.event"),
    "run": _ids("billing.run"),
    "exception": _ids("billing.billexception"),
    "export": _ids("audit.export"),
    "view": _ids("billing.reportview"),
    "alert": _ids("billing.alert"),
    "proposal": _ids("billing.priceproposal"),
    "inspector": _same("watch"),
}


def every_route() -> Iterator[tuple[str, URLPattern]]:
    yield from _below(get_resolver(), "")


def _below(resolver: Any, before: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from _below(pattern, route)


def addresses(route: str, known: Known) -> list[str]:
    """The route with each parameter filled in every way. NotFilled when that cannot be said of one."""
    names = [first or second for first, second in PARAMETER.findall(route)]
    filled = []
    for values in product(*(_values(route, name, known) for name in names)):
        left = iter(values)
        filled.append("/" + PARAMETER.sub(lambda _, left=left: next(left), route))  # type: ignore[misc]
    return filled


def _values(route: str, name: str, known: Known) -> list[str]:
    """In the admin an object's id is one of the model that the address names."""
    admin = ADMIN.match(route)
    if admin and name in {"object_id", "id"}:
        return known.ids.get(".".join(admin.groups()), known.of("tenants.person"))[:1]
    if route.startswith("api/v1/") and name in API_PARAMETERS:
        return API_PARAMETERS[name](known)
    if name not in PARAMETERS:
        raise NotFilled(f"{route}: say in {__name__} what {name!r} stands for")
    return PARAMETERS[name](known)
