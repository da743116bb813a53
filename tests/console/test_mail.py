from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client

from console import checks, mail


@pytest.fixture(autouse=True)
def outbox_folder(settings: Any, tmp_path: Path) -> Path:
    settings.ORBIT_DATA_DIR = tmp_path
    settings.ORBIT_EMAIL_URL = "outbox:"
    settings.EMAIL_BACKEND = "console.mail.Backend"
    return tmp_path / "outbox"


def send(subject: str, body: str = "Body") -> None:
    EmailMessage(subject, body, "orbit@example.org", ["ada@example.org"]).send()


def test_outbox_keeps_mail_that_only_its_owner_may_read(outbox_folder: Path) -> None:
    send("Grüße", "Öffnen: http://127.0.0.1:8080/accounts/confirm-email/abc/")
    (kept,) = mail.outbox()
    assert (kept.subject, kept.to) == ("Grüße", "ada@example.org")
    assert "Öffnen" in kept.body
    (file,) = outbox_folder.glob("*.eml")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox_folder.stat().st_mode) == 0o700


def test_outbox_keeps_the_latest_hundred() -> None:
    for n in range(103):
        send(f"Mail {n}")
    kept = mail.outbox()
    assert len(kept) == 100
    assert kept[0].subject == "Mail 102"


def test_outbox_page_shows_mail_with_its_link() -> None:
    send("Confirm", "http://127.0.0.1:8080/confirm/x/ <script>alert(1)</script>")
    page = Client().get("/dev/outbox/").content.decode()
    (kept,) = mail.outbox()
    assert f"/dev/outbox/{kept.name}/" in page
    page = Client().get(f"/dev/outbox/{kept.name}/").content.decode()
    assert 'href="http://127.0.0.1:8080/confirm/x/"' in page
    assert "<script>alert" not in page
    assert Client().get("/dev/outbox/not-there/").status_code == 404


def test_outbox_is_not_there_for_others(settings: Any) -> None:
    send("Secret")
    (kept,) = mail.outbox()
    for path in ("/dev/outbox/", f"/dev/outbox/{kept.name}/"):
        assert Client().get(path).status_code == 200
        assert Client(REMOTE_ADDR="192.0.2.1").get(path).status_code == 404
        assert Client(HTTP_X_FORWARDED_FOR="192.0.2.1").get(path).status_code == 404
        settings.ORBIT_EMAIL_URL = "smtp://mail.example.org"
        assert Client().get(path).status_code == 404
        settings.ORBIT_EMAIL_URL = "outbox:"
        settings.ORBIT_DEVELOPMENT = False
        assert Client().get(path).status_code == 404
        settings.ORBIT_DEVELOPMENT = True


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 587, "", "", False, False)),
        ("smtp://u%40x:p%2Fw@mail.example.org:25", ("mail.example.org", 25, "u@x", "p/w", True, False)),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, "u", "p", False, True)),
    ],
)
def test_servers_are_named_by_url(
    settings: Any, monkeypatch: pytest.MonkeyPatch, url: str, expected: tuple[object, ...]
) -> None:
    used: list[tuple[object, ...]] = []

    def send_messages(self: EmailBackend, messages: list[EmailMessage]) -> int:
        used.append((self.host, self.port, self.username, self.password, self.use_tls, self.use_ssl))
        return len(messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send_messages)
    settings.ORBIT_EMAIL_URL = url
    send("Hello")
    assert used == [expected]


def test_bad_addresses_of_mail_servers_stop_the_start(settings: Any) -> None:
    for url in ("mail.example.org", "smtp://", "https://mail.example.org"):
        settings.ORBIT_EMAIL_URL = url
        assert [found.id for found in checks.check_mail()] == ["console.E001"]
    settings.ORBIT_EMAIL_URL, settings.ORBIT_DEVELOPMENT = "outbox:", False
    assert [found.id for found in checks.check_mail()] == ["console.W001"]
    settings.ORBIT_EMAIL_URL = "smtps://mail.example.org"
    assert checks.check_mail() == []
