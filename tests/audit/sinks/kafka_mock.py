"""librdkafka's own cluster of three brokers, for as long as its input is open: `python -m tests.audit.sinks.kafka_mock FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import Producer


def main(folder: str) -> None:
    host = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 3, "log_level": 0})
    brokers = host.list_topics(timeout=30).brokers.values()
    (Path(folder) / "brokers.new").write_text(",".join(f"{one.host}:{one.port}" for one in brokers))
    (Path(folder) / "brokers.new").rename(Path(folder) / "brokers")
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
