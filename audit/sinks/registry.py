"""The kinds of sink that there are. Each has passed the conformance suite: `tests/audit/sinks` walks this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from audit.sinks.base import ReadSecret, Sink
from audit.sinks.config import SinkConfig
from audit.sinks.forward import Forward, ForwardConfig
from audit.sinks.google import Google, GoogleConfig
from audit.sinks.kafka import Kafka, KafkaConfig
from audit.sinks.lines import Lines, LinesConfig
from audit.sinks.otlp import Otlp, OtlpConfig
from audit.sinks.webhook import Webhook, WebhookConfig


@dataclass(frozen=True)
class Kind:
    config: type[SinkConfig]
    open: Callable[
        [Any, ReadSecret], Sink
    ]  # the kind's own configuration; secrets are read when it is opened


KINDS: Mapping[str, Kind] = {
    "forward": Kind(ForwardConfig, Forward),
    "google": Kind(GoogleConfig, Google),
    "kafka": Kind(KafkaConfig, Kafka),
    "lines": Kind(LinesConfig, Lines),
    "otlp": Kind(OtlpConfig, Otlp),
    "webhook": Kind(WebhookConfig, Webhook),
}
