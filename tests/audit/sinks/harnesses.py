"""How the suite plays each kind of sink. A kind of `audit/sinks/registry.py` without a harness fails the suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.audit.sinks.forward_server import PASSWORD, USER
from tests.audit.sinks.google_server import EMAIL, KEY_ID, PROJECT
from tests.audit.sinks.harness import Harness, Served, lines_of


class GoogleHarness(Served):
    kind = "google"
    module = "tests.audit.sinks.google_server"

    def arguments(self) -> Sequence[str]:
        path = self.folder / "public.pem"
        public = _rsa().public_key()
        path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return (str(path),)

    def secrets(self) -> dict[str, str]:
        return {"env://GOOGLE_KEY": google_key(self.port)}

    def settings(self) -> dict[str, Any]:
        return {
            "project": PROJECT,
            "credentials": "env://GOOGLE_KEY",
            "endpoint": f"https://127.0.0.1:{self.port}",
            "private": True,
            "tls": {"ca_file": self.ca_file},
        }


def google_key(port: int) -> str:
    """A service account's key, as Google's console gives it."""
    private = _rsa().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": private,
            "client_email": EMAIL,
            "token_uri": f"https://127.0.0.1:{port}/token",
        }
    )


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


class KafkaHarness(Served):
    kind = "kafka"
    module = "tests.audit.sinks.kafka_server"
    cannot = {"throttled": "a broker that has too much to do with a client answers late, as in `slow`"}

    def arguments(self) -> Sequence[str]:
        return ("orbit", "s3cret-password")

    def secrets(self) -> dict[str, str]:
        return {"env://KAFKA_PASSWORD": "s3cret-password"}

    def settings(self) -> dict[str, Any]:
        return {
            "brokers": [f"127.0.0.1:{self.port}"],
            "topic": "orbit.audit",
            "tls": {"ca_file": self.ca_file},
            "sasl": {"mechanism": "PLAIN", "username": "orbit", "password": "env://KAFKA_PASSWORD"},
        }


class LinesHarness(Harness):
    """The other side is a file that others read, rotate and take away."""

    kind = "lines"
    cannot = {
        "ack_lost": "a write returns to whoever made it",
        "blackholed": "a file system that hangs is the kernel's",
        "slow": "see above",
        "throttled": "a file has no such word",
        "flapping": "it is there or it is not, which `refused` shows",
        "poison": "a file takes every line",
        "wrong_certificate": "nobody is connected to",
    }

    @property
    def place(self) -> Any:
        return self.folder / "place"

    def settings(self) -> dict[str, Any]:
        return {"path": str(self.place / "events.jsonl"), "rotate": {"bytes": 20_000, "keep": 10_000}}

    def up(self) -> None:
        aside = self.folder / "aside"
        if aside.exists():
            aside.rename(self.place)
        else:
            self.place.mkdir()

    def down(self) -> None:
        """A folder that is not there, such as one that is not mounted."""
        if self.place.exists():
            self.place.rename(self.folder / "aside")

    def received(self) -> list[dict[str, Any]]:
        where = self.place if self.place.exists() else self.folder / "aside"
        closed = sorted(where.glob("events.jsonl.*"))
        return [event for path in [*closed, where / "events.jsonl"] for event in lines_of(path)]


class WebhookHarness(Served):
    kind = "webhook"
    module = "tests.audit.sinks.webhook_server"
    old, new = ("whsec_" + letter * 44 for letter in "AB")

    def arguments(self) -> Sequence[str]:
        return (self.old,)

    def secrets(self) -> dict[str, str]:
        return {"env://HOOK_NEW": self.new, "env://HOOK_OLD": self.old}

    def settings(self) -> dict[str, Any]:
        return {
            "url": f"https://127.0.0.1:{self.port}/hook",
            "private": True,
            "secrets": ["env://HOOK_NEW", "env://HOOK_OLD"],
            "tls": {"ca_file": self.ca_file},
        }


class ForwardHarness(Served):
    kind = "forward"
    module = "tests.audit.sinks.forward_server"
    cannot = {"throttled": "the protocol has no such word"}

    def arguments(self) -> Sequence[str]:
        return ("shared-key-of-a-test",)

    def secrets(self) -> dict[str, str]:
        return {"env://FORWARD_KEY": "shared-key-of-a-test", "env://FORWARD_PASSWORD": PASSWORD}

    def settings(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "tls": {"ca_file": self.ca_file},
            "shared_key": "env://FORWARD_KEY",
            "username": USER,
            "password": "env://FORWARD_PASSWORD",
        }


class OtlpHarness(Served):
    kind = "otlp"
    module = "tests.audit.sinks.otlp_server"

    def arguments(self) -> Sequence[str]:
        return ("Bearer a-test",)

    def secrets(self) -> dict[str, str]:
        return {"env://OTLP_TOKEN": "Bearer a-test"}

    def settings(self) -> dict[str, Any]:
        return {
            "url": f"https://127.0.0.1:{self.port}/v1/logs",
            "private": True,
            "headers": {"authorization": "env://OTLP_TOKEN"},
            "tls": {"ca_file": self.ca_file},
        }


HARNESSES: dict[str, type[Harness]] = {
    one.kind: one
    for one in (ForwardHarness, GoogleHarness, KafkaHarness, LinesHarness, OtlpHarness, WebhookHarness)
}
