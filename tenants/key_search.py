"""How operators find a key among millions: by what an index answers."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from orbit.lib.admin import as_id
from tenants import keys
from tenants.models import ApiKey, Organization, Person, Project, ServiceAccount

_PARTS = 3
_MOST = 200  # of people, projects and service accounts that a term may name


def found_keys(rows: QuerySet[ApiKey], term: str) -> QuerySet[ApiKey]:
    """Rows that the term names: an id, a hint, a path or its beginning, an owner's address, the beginning of a name.

    A whole key finds nothing: it has no business in an address.
    """
    text = term.strip()
    if not text:
        return rows
    if keys.well_formed(text):
        return rows.none()
    wanted = as_id(text)
    if wanted is not None:
        return rows.filter(Q(pk=wanted) | Q(organization=wanted) | Q(project=wanted))
    if "…" in text:
        return rows.filter(hint=text)
    if "/" in text:
        return rows.filter(_path(*text.split("/")[:_PARTS]))
    return rows.filter(_named(text))


def _path(place: str, project: str = "", name: str = "") -> Q:
    """Whatever the path names last is asked for by its own index."""
    wanted = Q(organization__in=list(Organization.objects.filter(slug=place).values_list("pk", flat=True)))
    if project:
        projects = Project.objects.filter(organization__slug=place, slug=project)
        wanted = Q(project__in=list(projects.values_list("pk", flat=True)))
    return wanted & Q(name=name) if name else wanted


def _named(text: str) -> Q:
    """What the term names is looked up first, so that each part of the question has an index of its own."""
    people = Person.objects.filter(email=text.lower()).values_list("pk", flat=True)[:_MOST]
    accounts = ServiceAccount.objects.filter(name=text).values_list("pk", flat=True)[:_MOST]
    places = Organization.objects.filter(slug=text).values_list("pk", flat=True)[:_MOST]
    projects = Project.objects.filter(slug=text).values_list("pk", flat=True)[:_MOST]
    wanted = Q(name__startswith=text)
    for field, ids in (
        ("person", people),
        ("service_account", accounts),
        ("organization", places),
        ("project", projects),
    ):
        if found := list(ids):
            wanted |= Q(**{f"{field}__in": found})
    return wanted
