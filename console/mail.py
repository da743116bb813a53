"""How mail leaves, by ORBIT_EMAIL_URL: to a mail server, or into an outbox of files that a page shows."""

from __future__ import annotations

import email
import email.policy
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage as ParsedMessage
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.core.mail.message import EmailMessage

OUTBOX = "outbox"
_KEPT = 100
_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Mail:
    name: str
    sent_at: datetime | None
    to: str
    subject: str
    body: str


class Backend(BaseEmailBackend):
    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        url = parse_url(settings.ORBIT_EMAIL_URL)
        if url.scheme == OUTBOX:
            for message in email_messages:
                _keep(message)
            return len(email_messages)
        return _smtp(url, self.fail_silently).send_messages(email_messages) or 0


def parse_url(url: str) -> SplitResult:
    """ValueError when it names no way of sending that we know."""
    parts = urlsplit(url)
    if parts.scheme == OUTBOX or (parts.scheme in {"smtp", "smtps"} and parts.hostname):
        return parts
    raise ValueError(
        "must be outbox: or smtp://user:password@host:port (smtps:// for TLS from the first byte)"
    )


def probe() -> None:
    """Signs in to the server and sends nothing. OSError or SMTPException where that fails."""
    server = _smtp(parse_url(settings.ORBIT_EMAIL_URL), fail_silently=False)
    try:
        server.open()
    finally:
        server.close()


def is_outbox() -> bool:
    return parse_url(settings.ORBIT_EMAIL_URL).scheme == OUTBOX


def _smtp(url: SplitResult, fail_silently: bool) -> SmtpBackend:
    tls = url.scheme == "smtps"
    return SmtpBackend(
        host=url.hostname,
        port=url.port or (465 if tls else 587),
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        use_ssl=tls,
        # A password must not travel in the clear: smtp:// with one demands STARTTLS.
        use_tls=not tls and bool(url.password),
        timeout=_TIMEOUT_S,
        fail_silently=fail_silently,
    )


# The outbox: one file a mail, named so that they sort by time. Reset links are secrets, so nobody else may read.


def _folder() -> Path:
    folder = Path(settings.ORBIT_DATA_DIR) / OUTBOX
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _keep(message: EmailMessage) -> None:
    folder = _folder()
    path = folder / f"{time.time_ns():020}-{secrets.token_hex(8)}.eml"
    path.touch(mode=0o600)
    path.write_bytes(message.message().as_bytes())
    for old in sorted(folder.glob("*.eml"))[:-_KEPT]:
        old.unlink(missing_ok=True)


def outbox() -> list[Mail]:
    """The latest first."""
    return [_read(path) for path in sorted(_folder().glob("*.eml"), reverse=True)]


def outbox_mail(name: str) -> Mail | None:
    """`name` came out of a URL: it is compared with what is there, never made into a path."""
    return next((_read(path) for path in _folder().glob("*.eml") if path.stem == name), None)


def _read(path: Path) -> Mail:
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, ParsedMessage)
    part = parsed.get_body(("plain",))
    date = parsed["Date"]
    return Mail(
        name=path.stem,
        sent_at=date.datetime if date else None,
        to=str(parsed["To"] or ""),
        subject=str(parsed["Subject"] or ""),
        body=part.get_content() if part else "",
    )
