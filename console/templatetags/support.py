"""Support views inside the admin's own pages."""

from __future__ import annotations

from django import template

from console.support import OrganizationGlance, PersonGlance, organization_glance, person_glance
from tenants.models import Organization, Person

register = template.Library()


@register.simple_tag
def glance_of_organization(organization: Organization) -> OrganizationGlance:
    return organization_glance(organization)


@register.simple_tag
def glance_of_person(person: Person) -> PersonGlance:
    return person_glance(person)
