"""Bad combinations of the pages' settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from console import mail


@checks.register(checks.Tags.security)
def check_mail(**kwargs: Any) -> list[checks.CheckMessage]:
    try:
        url = mail.parse_url(settings.ORBIT_EMAIL_URL)
    except ValueError as error:
        return [checks.Error(f"ORBIT_EMAIL_URL {error}.", id="console.E001")]
    if url.scheme == mail.OUTBOX and not settings.ORBIT_DEVELOPMENT:
        message = "ORBIT_EMAIL_URL is outbox:, so nobody receives the mails that confirm addresses and reset passwords."
        return [checks.Warning(message, hint="Set it to smtp://user:password@host:port.", id="console.W001")]
    return []
