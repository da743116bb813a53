"""Parts of the ledger as files, which the gateway makes in the background."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orbit.cli import values
from orbit.cli.client import segment
from orbit.cli.command import AnyCommand, Command, Option, Special
from orbit.cli.failures import Exit, Failure
from orbit.cli.session import Session

_EXPORTS = "organizations/{organization}/exports"
_ENDINGS = {"jsonl": "jsonl.gz", "csv": "csv.gz", "parquet": "parquet"}
POLL_S = 1.0


def download(session: Session, given: dict[str, Any]) -> None:
    """Into a file beside its place first, so that what broke off never looks whole."""
    path = _EXPORTS.format(organization=segment(session.organization)) + f"/{segment(given['export'])}"
    export = _made(session, path, wait=given.get("wait", False))
    named = f"{session.organization}-events-{export['id']}.{_ENDINGS[export['format']]}"
    target = Path(given.get("output", named))
    if target.exists():
        raise Failure(f"{target} is there already", "Name another with --output.")
    link = session.client.ask("POST", f"{path}/link", body={"minutes": 10}).content
    digest, part = sha256(), target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:

            def keep(some: bytes) -> None:
                file.write(some)
                digest.update(some)

            session.client.fetch(_here(session, link["url"]), keep)
        if digest.hexdigest() != export["sha256"]:
            raise Failure("the file is not what was made", "Try once more.", Exit.FAILED)
        os.replace(part, target)  # noqa: PTH105  # as one step
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    told = {
        "file": str(target),
        "events": export["events"],
        "bytes": export["size"],
        "sha256": export["sha256"],
    }
    if session.output.as_json:
        session.output.json(told)
    else:
        session.output.facts(told)


def _made(session: Session, path: str, *, wait: bool) -> dict[str, Any]:
    while True:
        export: dict[str, Any] = session.client.ask("GET", path).content
        if export["state"] == "done":
            return export
        if export["state"] == "failed":
            raise Failure(f"it was not made: {export['problem']}", code=Exit.FAILED)
        if not wait:
            raise Failure(f"it is not made yet: {export['percent']} %", "Add --wait.", Exit.FAILED)
        time.sleep(POLL_S)


def _here(session: Session, url: str) -> str:
    """The link at the address by which we reach the gateway, which may be another than it names itself."""
    return session.client.url + urlsplit(url).path


COMMANDS: tuple[AnyCommand, ...] = (
    Command(
        "exports create", "have a file made in the background", "POST", _EXPORTS,
        (
            Option("format", "jsonl, csv or parquet; left out: jsonl"),
            Option("since", "from then on, such as 30d or a moment", values.ago),
            Option("until", "before then", values.ago),
            Option("kind", "call, correction, adjustment, refusal or act"),
            Option("actor", "of acts: who"),
            Option("action", "of acts: what, such as key.issue"),
            Option("target", "of acts: how the name of what begins, such as chatbot/"),
            Option("request_id", "of one call and its corrections"),
            Option("provable", "all between the checkpoints around them, for a verifier", switch=True),
        ),
    ),
    Command(
        "exports list", "files that are made or being made, the newest first", "GET", _EXPORTS, (),
        ("id", "state", "percent", "format", "events", "size", "asked_by", "created_at", "expires_at"),
    ),
    Command("exports show", "one of them, with its digest", "GET", _EXPORTS + "/{export}"),
    Special(
        "exports download", "fetch one that is made; stands in the ledger", download, ("export",),
        (
            Option("output", "where to; left out: a name of its own here", metavar="FILE"),
            Option("wait", "until it is made", switch=True),
        ),
        of_organization=True,
    ),
    Command(
        "exports link", "a link that opens it without a key, for a while", "POST", _EXPORTS + "/{export}/link",
        (Option("minutes", "left out: 60; at most 1440", values.whole),),
    ),
    Command(
        "exports delete", "delete one, or stop one that is being made", "DELETE", _EXPORTS + "/{export}",
        said="deleted", asks="Delete the file {export} for good?",
    ),
)  # fmt: skip
