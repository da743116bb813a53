"""Settings that this app refuses to start with, or to be deployed with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from tenants import keys
from tenants.secrets.local import MasterKeys


@register(Tags.security)
def given_secrets_are_usable(**_: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if settings.ORBIT_MASTER_KEY:
        try:
            MasterKeys.parse(settings.ORBIT_MASTER_KEY)
        except ImproperlyConfigured as error:
            problems.append(Error(str(error), id="tenants.E001"))
    if settings.ORBIT_KEY_PEPPER and len(settings.ORBIT_KEY_PEPPER) < keys.LEAST_PEPPER:
        problems.append(
            Error(f"ORBIT_KEY_PEPPER must have at least {keys.LEAST_PEPPER} characters.", id="tenants.E002")
        )
    if settings.ORBIT_CEILING and not all(settings.ORBIT_CEILING.partition("/")):
        problems.append(Error("ORBIT_CEILING must read ORGANIZATION/POLICY.", id="tenants.E005"))
    return problems


@register(Tags.security, deploy=True)
def secrets_are_given(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} is not set.", id=number)
        for name, number in (("ORBIT_MASTER_KEY", "tenants.E003"), ("ORBIT_KEY_PEPPER", "tenants.E004"))
        if not getattr(settings, name)
    ]
