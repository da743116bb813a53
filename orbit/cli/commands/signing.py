"""login, logout, whoami."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from orbit.cli import profiles, rows
from orbit.cli.client import Client, travels_openly
from orbit.cli.command import AnyCommand, Special
from orbit.cli.failures import Failure
from orbit.cli.profiles import Profile
from orbit.cli.secrets import secret_asked
from orbit.cli.session import Session


def login(session: Session, given: dict[str, Any]) -> None:
    """Stores a credential when the gateway takes it. Its text comes by prompt, by standard input or the environment."""
    url = given.get("url") or profiles.url_of_environment()
    if not url:
        raise Failure("name the gateway", "orbit login https://gateway.example.com")
    with closing(Client(url, key := _key())) as client:
        if travels_openly(client.url):
            session.output.note(
                f"warning: {client.url} is not encrypted, so others on the way can read the key"
            )
        me = client.ask("GET", "me").content
    name = profiles.profile_name(session.profile_named)
    file = profiles.store(name, Profile(client.url, key, me["organization"] or ""))
    if session.output.as_json:
        session.output.json({"profile": name, "url": client.url, **me})
        return
    whose = f"in {me['organization']}" if me["organization"] else "in every organization"
    session.output.line(f"Signed in at {client.url} as {me['name']}, {whose}.")
    session.output.line(f"Profile {name}, in {file}.")


def logout(session: Session, given: dict[str, Any]) -> None:
    """Forgets the credential here. It works on until it is revoked."""
    name = profiles.profile_name(session.profile_named)
    if not profiles.forget(name):
        raise Failure(f"there is no profile {name!r}", f"There are: {', '.join(profiles.names()) or 'none'}.")
    if session.output.as_json:
        session.output.json({"profile": name})
        return
    session.output.line(f"Forgotten here: profile {name}. The key itself works until it is revoked.")


def whoami(session: Session, given: dict[str, Any]) -> None:
    rows.show(session, {"url": session.client.url, **session.me})


def _key() -> str:
    text = profiles.key_of_environment().strip() or secret_asked("Key: ")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Failure("that is no key", "Paste it, send it on standard input, or set ORBIT_MANAGEMENT_KEY.")
    return text


COMMANDS: tuple[AnyCommand, ...] = (
    Special("login", "store a gateway's address and a key for it", login, ("url?",)),
    Special("logout", "forget them", logout),
    Special("whoami", "what the credential is and opens", whoami),
)
