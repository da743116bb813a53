"""What every template may ask for."""

from __future__ import annotations

from django.http import HttpRequest

from console import mail
from console.access import is_local_development


def console(request: HttpRequest) -> dict[str, bool]:
    return {"development_outbox": mail.is_outbox() and is_local_development(request)}
