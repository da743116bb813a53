"""How a command that cannot be done ends: a code, what is wrong by its field, what to do, and no traceback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import MakeKey, Orbit

KEY = "orbm_canary-of-a-key"


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers one after the other, the last one again; and what it was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.command} {self.path} {self.headers.get('Idempotency-Key', '')}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  # names of the standard library's

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_no_gateway_at_the_address(stranger: Orbit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    said = stranger("whoami", ORBIT_URL=address, ORBIT_MANAGEMENT_KEY=KEY)
    assert said.code == 3
    assert address in said.err
    assert "Traceback" not in said.err
    assert KEY not in said.err


def test_no_such_host(stranger: Orbit) -> None:
    said = stranger("whoami", ORBIT_URL="https://gateway.invalid", ORBIT_MANAGEMENT_KEY=KEY)
    assert (said.code, "gateway.invalid" in said.err, KEY in said.err) == (3, True, False)


@pytest.mark.parametrize("address", ["ftp://x", "https://", "https://me:secret@x", "https://x/?a=b"])
def test_what_is_no_address(stranger: Orbit, address: str) -> None:
    said = stranger("whoami", ORBIT_URL=address, ORBIT_MANAGEMENT_KEY=KEY)
    assert (said.code, "address" in said.err) == (2, True)


def test_something_else_answers(stranger: Orbit) -> None:
    with answering((200, {"Content-Type": "text/html"}, b"<html>")) as (url, _):
        said = stranger("whoami", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=KEY)
    assert (said.code, "not as the management API" in said.err) == (3, True)


def test_key_follows_no_redirect(stranger: Orbit) -> None:
    with (
        answering((200, {}, b"{}")) as (elsewhere, asked),
        answering((302, {"Location": f"{elsewhere}/api/v1/me"}, b"")) as (url, _),
    ):
        said = stranger("whoami", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=KEY)
    assert (said.code, asked) == (3, [])


def test_busy_gateway_is_asked_again_and_a_creation_is_still_one(stranger: Orbit) -> None:
    busy = (429, {"Retry-After": "0"}, b'{"detail": "busy"}')
    with answering(busy, (503, {"Retry-After": "0"}, b""), (201, {}, b'{"slug": "acme"}')) as (url, asked):
        said = stranger("organizations", "create", "--slug", "acme", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=KEY)
    assert said.code == 0
    assert len(asked) == 3
    assert len(set(asked)) == 1, "the same idempotency key each time"
    assert len(asked[0].split()[-1]) == 36


def test_gateway_that_stays_busy_is_given_up(stranger: Orbit) -> None:
    with answering((429, {"Retry-After": "0"}, b'{"detail": "busy as ever"}')) as (url, asked):
        said = stranger("whoami", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=KEY)
    assert (said.code, len(asked), "busy as ever" in said.err) == (3, 3, True)


def test_problem_names_field_and_remedy(orbit: Orbit) -> None:
    said = orbit("projects", "save", "Bot!", "--name", "Bot")
    assert said.code == 5  # no path has such a name
    said = orbit("keys", "issue", "--project", "nothing", "--name", "x")
    assert said.code == 2
    assert "project: " in said.err
    said = orbit("management-keys", "issue", "--name", "x", "--scopes", "keys.raed")
    assert (said.code, "scopes: " in said.err, "(did you mean 'keys.read'" in said.err) == (2, True, True)


def test_problem_is_one_object_with_json(orbit: Orbit) -> None:
    said = orbit("keys", "issue", "--project", "nothing", "--name", "x", "--json")
    details = json.loads(said.out)
    assert (said.code, details["code"], details["errors"][0]["field"]) == (2, "invalid_request", "project")


def test_missing_scope_is_named(stranger: Orbit, url: str, make_key: MakeKey) -> None:
    said = stranger("keys", "list", ORBIT_URL=url, ORBIT_MANAGEMENT_KEY=make_key("organization.read"))
    assert (said.code, "keys.read" in said.err) == (4, True)


def test_what_is_not_there(orbit: Orbit) -> None:
    assert orbit("projects", "show", "nothing").code == 5
    orbit("projects", "save", "bot", "--name", "Bot")
    assert orbit("keys", "show", "bot/nothing").code == 5
    assert orbit("keys", "show", "nothing").code == 2
    assert orbit("projects", "list", "--organization", "nobody").code == 5


def test_unknown_commands_and_options_are_bad_input(stranger: Orbit) -> None:
    for arguments in (("nonsense",), ("keys", "nonsense"), ("keys", "list", "--nonsense"), ()):
        said = stranger(*arguments)
        assert (said.code, said.out == "" or "usage" in said.out) == (2, True), arguments


def test_options_are_not_abbreviated(orbit: Orbit) -> None:
    assert orbit("keys", "list", "--proj", "x").code == 2


def test_without_a_terminal_nothing_is_ended_unasked(orbit: Orbit) -> None:
    orbit("projects", "save", "bot", "--name", "Bot")
    said = orbit("projects", "archive", "bot", stdin="y\n")
    assert (said.code, "--yes" in said.err) == (2, True)
    assert orbit("projects", "show", "bot", "--json").json["archived_at"] is None


def test_files_that_cannot_be_read_are_named(orbit: Orbit, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("models: [a\nmodels: b")
    twice = tmp_path / "twice.yaml"
    twice.write_text("models: [a]\nmodels: [b]")
    for name in (str(bad), str(twice), str(tmp_path / "nothing"), str(tmp_path)):
        said = orbit("keys", "issue", "--project", "p", "--name", "n", "--allow", name)
        assert (said.code, name in said.err, "Traceback" in said.err) == (2, True, False), said.err
