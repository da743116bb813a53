"""One exchange for synchronous code, by the rules of the way out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orbit.lib.errand import Fetched, fetch
from orbit.lib.exchange import NotAllowed, NotConnected, TooLarge

HEADS: list[tuple[str, str, str]] = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
        HEADS.append((self.command, self.path, body))
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "10")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def do_POST(self) -> None:
        self.do_GET()


@pytest.fixture
def port() -> Iterator[int]:
    HEADS.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def get(port: int, path: str, *, most_bytes: int = 100, listed: bool = True) -> Fetched:
    targets = [f"127.0.0.1:{port}"] if listed else []
    return fetch(
        "GET", f"http://127.0.0.1:{port}{path}", private_targets=targets, seconds=5, most_bytes=most_bytes
    )


def test_answer_comes_whole(port: int) -> None:
    assert get(port, "/a?b=c") == Fetched(200, b"0123456789")
    assert HEADS == [("GET", "/a?b=c", "")]


def test_body_goes_along(port: int) -> None:
    url = f"http://127.0.0.1:{port}/x"
    fetch("POST", url, body=b"a=b", private_targets=[f"127.0.0.1:{port}"], seconds=5, most_bytes=100)
    assert HEADS == [("POST", "/x", "a=b")]


def test_redirects_are_answers(port: int) -> None:
    assert get(port, "/away").status == 302
    assert len(HEADS) == 1


def test_answer_that_is_too_long_is_none(port: int) -> None:
    with pytest.raises(TooLarge):
        get(port, "/", most_bytes=9)


def test_private_address_that_is_not_listed_is_not_asked(port: int) -> None:
    with pytest.raises(NotAllowed):
        get(port, "/", listed=False)
    assert HEADS == []


def test_nobody_there_is_said_so(port: int) -> None:
    with pytest.raises(NotConnected):
        fetch("GET", "http://127.0.0.1:9/", private_targets=["127.0.0.1:9"], seconds=5, most_bytes=9)
