"""Settings of reports that cannot be meant."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from billing.exchange.rates import CODE


@register
def reporting_currency(**_: Any) -> list[CheckMessage]:
    given = settings.ORBIT_REPORTING_CURRENCY
    if not given or CODE.fullmatch(given):
        return []
    return [Error("ORBIT_REPORTING_CURRENCY must be three capital letters, such as EUR.", id="billing.E001")]
