"""Kafka: an idempotent producer, acknowledged by every replica in sync. Its delivery reports say what arrived.

A producer that did not get everything across is thrown away with all that it holds, so that nothing it would have sent later
can overtake what is sent again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from audit.sinks.base import Item, ReadSecret, Refused, Sink, Unavailable
from audit.sinks.config import Reference, SinkConfig, Strict, Tls

_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}")
_BEGIN_S = (
    3.0  # for the client's own pauses before a new producer has its number; it takes 1.2 on an idle machine
)
_MOST_BYTES = 1_000_000  # what brokers take unless they are told otherwise, less what goes around it
# What a broker or our own client says of a message; all else is about the broker.
_OF_THE_EVENT = ("MSG_SIZE_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP", "INVALID_MSG_SIZE", "POLICY_VIOLATION", "RECORD_LIST_TOO_LARGE")  # fmt: skip
_FOLLOWS = ("_ALL_BROKERS_DOWN", "_TRANSPORT")  # said again and again after the reason was
_WORDS = {
    "_AUTHENTICATION": "it does not accept the user or the password",
    "SASL_AUTHENTICATION_FAILED": "it does not accept the user or the password",
    "_RESOLVE": "a broker's name has no address",
    "_TRANSPORT": "a broker could not be reached",
    "_ALL_BROKERS_DOWN": "no broker could be reached",
    "_UNKNOWN_TOPIC": "the topic is not there",
    "UNKNOWN_TOPIC_OR_PART": "the topic is not there",
    "TOPIC_AUTHORIZATION_FAILED": "the user may not write to the topic",
    "CLUSTER_AUTHORIZATION_FAILED": "the user may not write with an idempotent producer",
    "NOT_ENOUGH_REPLICAS": "too few replicas are in sync",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few replicas are in sync",
}


class Sasl(Strict):
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    username: str = Field(min_length=1)
    password: Reference


class KafkaConfig(SinkConfig):
    kind: Literal["kafka"]
    brokers: tuple[str, ...] = Field(min_length=1, max_length=100)
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    tls: Tls = Tls()
    plaintext: bool = False
    sasl: Sasl | None = None
    compress: Literal["none", "gzip", "lz4", "snappy", "zstd"] = "none"
    message_bytes: int = Field(default=_MOST_BYTES, ge=1_000, le=64_000_000)

    @field_validator("kind")
    @classmethod
    def _is_installed(cls, given: str) -> str:
        if find_spec("confluent_kafka") is None:
            raise ValueError(
                "needs a package that is not installed (confluent-kafka);"
                " run `pip install --require-hashes -r requirements/kafka.txt` where the gateway runs"
            )
        return given

    @field_validator("brokers")
    @classmethod
    def _places(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not _BROKER.fullmatch(one) or int(one.rpartition(":")[2]) > 65_535:
                raise ValueError(f"{one!r} is no broker; write host:port")
        return given

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.plaintext and self.tls != Tls():
            raise ValueError("tls is set, and plaintext is true; leave one of them out")
        return self


class Kafka(Sink):
    def __init__(self, config: KafkaConfig, read_secret: ReadSecret) -> None:
        self._config = config
        self._settings = settings(config, read_secret(config.sasl.password) if config.sasl else "")
        self._client: Any = import_module("confluent_kafka")
        self._producer: Any = None
        self._trouble = ""  # the last one that the client told us of

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        self._trouble = ""
        refused: dict[UUID, str] = {}
        reports: dict[UUID, Any] = {}
        seconds = self._config.timeout_s
        if self._producer is None:
            self._producer = self._opened()
            seconds += _BEGIN_S
        for item in items:
            try:
                self._produce(item, reports)
            except self._client.KafkaException as error:
                if error.args[0].name() not in _OF_THE_EVENT:
                    self.close()
                    raise Unavailable(_words(error.args[0])) from None
                refused[item.event_id] = f"larger than message_bytes ({len(item.text)} bytes)"
        self._wait(len(items) - len(refused), reports, seconds)
        errors = [error for error in reports.values() if error is not None]
        if errors:
            self.close()
            self._judge(errors)
        return refused

    def close(self) -> None:
        if self._producer is not None:
            self._producer.purge(in_queue=True, in_flight=True, blocking=True)
            self._producer = None

    def _opened(self) -> Any:
        try:
            return self._client.Producer({**self._settings, "error_cb": self._troubled}, logger=_silent())
        except self._client.KafkaException as error:
            # Such as a file of certificates that is not there. The text is the client's own, of its settings' names.
            words = "a file of certificates cannot be used" if "ssl" in str(error) else "its settings"
            raise Unavailable(f"the client cannot be made ({words})") from None

    def _produce(self, item: Item, reports: dict[UUID, Any]) -> None:
        self._producer.produce(
            self._config.topic,
            value=item.text,
            key=str(item.organization_id),  # one partition for each organization, in which order holds
            headers=[
                ("event_id", str(item.event_id)),
                ("kind", item.kind),
                ("organization", item.organization),
                ("content-type", "application/json"),
            ],
            on_delivery=partial(_report, reports, item.event_id),
        )

    def _wait(self, count: int, reports: dict[UUID, Any], seconds: float) -> None:
        """For all reports; what the client tries again it tries until then."""
        until = time.monotonic() + seconds
        while len(reports) < count:
            left = until - time.monotonic()
            if left <= 0:
                self.close()
                raise Unavailable("not acknowledged in time" + (self._trouble and f": {self._trouble}"))
            try:
                self._producer.poll(min(left, 0.5))
            except self._client.KafkaException:  # it will send nothing more; the reports say why
                self._producer.purge(in_queue=True, in_flight=True)

    def _troubled(self, error: Any) -> None:
        if error.name() not in _FOLLOWS or not self._trouble:
            self._trouble = _words(error)

    def _judge(self, errors: Sequence[Any]) -> None:
        names = [error.name() for error in errors]
        if found := next((name for name in names if name in _OF_THE_EVENT), None):
            raise Refused(f"refused by the broker: {found}")
        telling = next((error for error in errors if error.name() in _WORDS), errors[0])
        raise Unavailable(_words(telling))


def _silent() -> logging.Logger:
    """For the client's own lines: what goes wrong is in what the sink says."""
    logger = logging.getLogger(f"{__name__}.client")
    logger.disabled = True
    return logger


def _report(reports: dict[UUID, Any], event_id: UUID, error: Any, _: object) -> None:
    reports[event_id] = error


def settings(config: KafkaConfig, password: str) -> dict[str, Any]:
    """The client's own."""
    timeout_ms = int(config.timeout_s * 1000)
    made: dict[str, Any] = {
        "bootstrap.servers": ",".join(config.brokers),
        "client.id": "orbit-gateway",
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,  # after a message that failed no later one is sent
        "message.timeout.ms": 0,  # messages do not time out one by one: `send` gives up on all at once
        "request.timeout.ms": timeout_ms,
        "socket.timeout.ms": timeout_ms,
        "socket.connection.setup.timeout.ms": max(1000, timeout_ms),
        "topic.metadata.propagation.max.ms": timeout_ms // 2,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "linger.ms": 5,
        "partitioner": "murmur2_random",  # as Kafka's own clients place keys
        "message.max.bytes": config.message_bytes,
        "compression.codec": config.compress,
        "security.protocol": ("sasl_" if config.sasl else "") + ("plaintext" if config.plaintext else "ssl"),
    }
    if not config.plaintext:
        made["ssl.endpoint.identification.algorithm"] = "https"
        files = {
            "ssl.ca.location": config.tls.ca_file,
            "ssl.certificate.location": config.tls.cert_file,
            "ssl.key.location": config.tls.key_file or config.tls.cert_file,
        }
        made |= {name: path for name, path in files.items() if path}
    if config.sasl:
        made |= {
            "sasl.mechanism": config.sasl.mechanism,
            "sasl.username": config.sasl.username,
            "sasl.password": password,
        }
    return made


def _words(error: Any) -> str:
    """Ours, by the client's name for it: a broker's own text stays out."""
    name = str(error.name())
    if name == "_SSL":
        return "its certificate is not accepted" if "certificate" in error.str() else "TLS failed"
    return _WORDS.get(name, f"the client says {name}")
