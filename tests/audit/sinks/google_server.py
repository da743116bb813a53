"""Cloud Logging and Google's tokens: `python -m tests.audit.sinks.google_server FOLDER PORT CERTIFICATE PUBLIC_KEY`.

Requests are held against the REST reference of `entries.write` and against RFC 7523; refusals come as Google writes them, entry by
entry, with the others written.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.audit.sinks import http_serving
from tests.audit.sinks.http_serving import Fault, expect

EMAIL, KEY_ID, PROJECT = "orbit@acme-prod.iam.gserviceaccount.com", "k1", "acme-prod"
TOKEN = "ya29.a-test"
STATUS = {"throttle": 429, "fail": 503}
PARTIAL = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
SEVERITIES = ("INFO", "NOTICE", "WARNING", "ERROR")


class Handler(http_serving.Handler):
    public: rsa.RSAPublicKey

    def posted(self) -> None:
        content = self.body()
        try:
            if self.path == "/token":
                self._token(parse_qs(content.decode(), strict_parsing=True))
                return
            entries = self._entries(content)
        except (Fault, ValueError, KeyError, TypeError) as error:
            self.desk.fault(f"{type(error).__name__}: {error}")
            self.answer(400)
            return
        self._take(entries)

    def _take(self, events: list[dict[str, Any]]) -> None:
        what = self.desk.behave(events)
        if what in ("throttle", "fail"):
            self.answer(STATUS[what])
            return
        bad = [at for at, event in enumerate(events) if what == "refuse" and event.get("model") == "poison"]
        self.desk.take([event for at, event in enumerate(events) if at not in bad])
        if what == "lose":
            self.hang_up()
        elif bad:
            errors = {str(at): {"code": 3, "message": "Log entry is poison."} for at in bad}
            details = [{"@type": PARTIAL, "logEntryErrors": errors}]
            said = {"code": 400, "message": "poison", "status": "INVALID_ARGUMENT", "details": details}
            self.answer(400, json.dumps({"error": said}).encode(), content_type="application/json")
        else:
            self.answer(200, b"{}", content_type="application/json")

    def _token(self, form: dict[str, list[str]]) -> None:
        expect(form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], "grant_type")
        expect(self.headers.get("content-type") == "application/x-www-form-urlencoded", "content-type")
        head, claims, signature = form["assertion"][0].split(".")
        self.public.verify(
            _bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        expect(json.loads(_bytes(head)) == {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}, "header")
        said = json.loads(_bytes(claims))
        expect(
            abs(said.pop("iat") - time.time()) < 300 and 0 < said.pop("exp") - time.time() <= 3600, "times"
        )
        audience = f"https://{self.headers['host']}/token"
        scope = "https://www.googleapis.com/auth/logging.write"
        expect(said == {"iss": EMAIL, "aud": audience, "scope": scope}, f"claims {said}")
        answer = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        self.answer(200, json.dumps(answer).encode(), content_type="application/json")

    def _entries(self, content: bytes) -> list[dict[str, Any]]:
        expect(self.path == "/v2/entries:write", f"path {self.path}")
        expect(self.headers.get("authorization") == f"Bearer {TOKEN}", "authorization")
        expect(self.headers.get("content-type") == "application/json", "content-type")
        expect(len(content) <= 10_000_000, "size")
        said = json.loads(content)
        expect(set(said) == {"logName", "resource", "labels", "partialSuccess", "entries"}, f"{sorted(said)}")
        expect(re.fullmatch(rf"projects/{PROJECT}/logs/[A-Za-z0-9_.%-]+", said["logName"]), said["logName"])
        expect(said["resource"] == {"type": "global", "labels": {"project_id": PROJECT}}, "resource")
        expect(said["partialSuccess"] is True, "partialSuccess")
        return [_event(entry) for entry in said["entries"]]


def _event(entry: dict[str, Any]) -> dict[str, Any]:
    expect(set(entry) == {"insertId", "timestamp", "severity", "labels", "jsonPayload"}, f"{sorted(entry)}")
    event = dict(entry["jsonPayload"])
    expect(entry["insertId"] == event["event_id"] and len(entry["insertId"]) <= 512, "insertId")
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["timestamp"]), "timestamp")
    expect(entry["timestamp"] == event["admitted_at"], "timestamp")
    expect(entry["severity"] in SEVERITIES, "severity")
    expect(entry["labels"] == {"organization": event["organization"], "kind": event["kind"]}, "labels")
    expect(len(json.dumps(entry)) <= 256 * 1024, "size of an entry")
    return event


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main(folder: str, port: str, certificate: str, public: str) -> None:
    key = load_pem_public_key(Path(public).read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    Handler.public = key
    http_serving.serve(Handler, folder, port, certificate)


if __name__ == "__main__":
    main(*sys.argv[1:])
