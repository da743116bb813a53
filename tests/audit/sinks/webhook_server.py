"""A receiver of signed webhooks: `python -m tests.audit.sinks.webhook_server FOLDER PORT CERTIFICATE SECRET…`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from typing import Any

from tests.audit.sinks import http_serving

STATUS = {"throttle": 429, "fail": 503, "refuse": 400, "take": 204}


class Handler(http_serving.Handler):
    secrets: list[str]

    def posted(self) -> None:
        events = self._events(self.body())
        if events is None:
            self.answer(401)
            return
        what = self.desk.behave(events)
        if what in ("take", "lose"):
            self.desk.take(events)
        if what == "lose":
            self.hang_up()
        else:
            self.answer(STATUS[what])

    def _events(self, body: bytes) -> list[dict[str, Any]] | None:
        """None when anything is not as the specification has it."""
        name, stamp = self.headers.get("webhook-id"), self.headers.get("webhook-timestamp")
        signatures = (self.headers.get("webhook-signature") or "").split(" ")
        if not name or not stamp or not stamp.isdecimal() or abs(time.time() - int(stamp)) > 300:
            self.desk.fault(f"headers: {name} {stamp}")
            return None
        signed = f"{name}.{stamp}.".encode() + body
        expected = [
            "v1,"
            + base64.b64encode(
                hmac.new(base64.b64decode(one.removeprefix("whsec_")), signed, hashlib.sha256).digest()
            ).decode()
            for one in self.secrets
        ]
        if not set(signatures) & set(expected):
            self.desk.fault("signature")
            return None
        said = json.loads(body)
        if (
            set(said) != {"type", "timestamp", "data"}
            or self.headers.get("content-type") != "application/json"
        ):
            self.desk.fault(f"body: {sorted(said)}")
            return None
        events: list[dict[str, Any]] = said["data"]
        return events


def main(folder: str, port: str, certificate: str, *secrets: str) -> None:
    Handler.secrets = list(secrets)
    http_serving.serve(Handler, folder, port, certificate)


if __name__ == "__main__":
    main(*sys.argv[1:])
