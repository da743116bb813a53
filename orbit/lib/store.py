"""redis-py for everything off the hot path."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from django.conf import settings
from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import (
    AskError,
    MovedError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from orbit.lib.redis import Address

TIMEOUT_S = 5
Command = tuple[str | bytes | int, ...]

AWAY = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ClusterDownError)
REDIRECTIONS = (MovedError, AskError, TryAgainError)


class _Cluster(RedisCluster):
    """Its own failures are no RedisError in redis-py; to callers, a cluster that cannot be read is away."""

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().execute_command(*args, **kwargs)  # type: ignore[no-untyped-call]
        except RedisClusterException as error:
            raise exceptions.ConnectionError(str(error)) from error


@functools.cache
def _client(url: str) -> Redis | _Cluster:
    address = Address.parse(url)
    if not address.cluster:
        return Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    try:
        return _Cluster(
            startup_nodes=[ClusterNode(*server) for server in address.servers],  # type: ignore[no-untyped-call]
            username=address.username or None,
            password=address.password or None,
            ssl=address.tls,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 3),
            require_full_coverage=False,  # what is left of a cluster serves its shards
        )
    except RedisClusterException as error:
        raise exceptions.ConnectionError(str(error)) from error


def client() -> Redis:
    """This process's connections to REDIS_URL. ConnectionError when a cluster tells nothing.

    A cluster's client takes the same commands, each on the keys of one shard. What names no key goes through
    `time_us`, `scan` and `servers`, and many commands at once go through `each`.
    """
    return cast("Redis", _client(settings.REDIS_URL))


def servers() -> list[Redis]:
    """A client for each server that holds counters: the one, or every master of the cluster."""
    found = _client(settings.REDIS_URL)
    if isinstance(found, Redis):
        return [found]
    masters: list[ClusterNode] = found.get_primaries()  # type: ignore[no-untyped-call]
    return [found.get_redis_connection(node) for node in masters]


def each(commands: Iterable[tuple[int, Command]]) -> list[Any]:
    """One exchange with each server for (shard, command) pairs; the answers in their order.

    Where one of several servers is away, its shards' answers are the RedisError. Raises it when all are.
    """
    given = list(commands)
    found = _client(settings.REDIS_URL)
    if isinstance(found, Redis):
        return _piped(found, [command for _, command in given], raising=True)
    asked = _asked(found, given, range(len(given)))
    asked |= _asked(found, given, _taken_over(found, given, asked))
    answers = [asked[index][1] for index in range(len(given))]
    for index, answer in enumerate(answers):
        if isinstance(answer, REDIRECTIONS):
            answers[index] = found.execute_command(*given[index][1])
        elif isinstance(answer, ResponseError) and not isinstance(answer, AWAY):
            raise answer
    if answers and all(isinstance(answer, RedisError) for answer in answers):
        raise answers[0]
    return answers


def packed(shard: int, commands: Sequence[bytes]) -> list[Any]:
    """One exchange with the shard's server, of commands that are bytes already; the answers in their order.

    A command that fails has its ResponseError for an answer.
    """
    found = _client(settings.REDIS_URL)
    server = found if isinstance(found, Redis) else found.get_redis_connection(_node(found, shard))
    pool = server.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_packed_command([b"".join(commands)])
        return [_answer(connection) for _ in commands]
    except BaseException:
        connection.disconnect()  # answers that were not read belong to nobody
        raise
    finally:
        pool.release(connection)


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def time_us(shard: int) -> int:
    """The clock by which the shard's scripts go."""
    found = _client(settings.REDIS_URL)
    seconds, micros = (
        found.time() if isinstance(found, Redis) else found.time(target_nodes=_node(found, shard))
    )
    return int(seconds) * 1_000_000 + int(micros)


def run_of(shard: int) -> str:
    """The run id of the shard's server: another after each restart, and of another server."""
    found = _client(settings.REDIS_URL)
    server = found if isinstance(found, Redis) else found.get_redis_connection(_node(found, shard))
    run_id: str = server.info("server")["run_id"]
    return run_id


def scan(shard: int, match: str) -> Iterator[bytes]:
    """The shard's keys that match; `match` begins with `orbit:{shard}:`."""
    found = _client(settings.REDIS_URL)
    if isinstance(found, Redis):
        return cast("Iterator[bytes]", found.scan_iter(match=match, count=1000))
    return cast("Iterator[bytes]", found.scan_iter(match=match, count=1000, target_nodes=_node(found, shard)))


def _node(cluster: _Cluster, shard: int) -> ClusterNode:
    try:
        node: ClusterNode = cluster.get_node_from_key(f"{{{shard}}}")  # type: ignore[no-untyped-call]
    except RedisClusterException as error:
        raise exceptions.ConnectionError(str(error)) from error
    return node


def _asked(
    cluster: _Cluster, given: Sequence[tuple[int, Command]], indexes: Iterable[int]
) -> dict[int, tuple[ClusterNode | None, Any]]:
    """Whom some of the commands were put to, and the answers. A server's failure is the answer to each of its."""
    answers: dict[int, tuple[ClusterNode | None, Any]] = {}
    by_node: dict[ClusterNode, list[int]] = {}
    for index in indexes:
        try:
            by_node.setdefault(_node(cluster, given[index][0]), []).append(index)
        except AWAY as error:
            answers[index] = (None, error)
    for node, theirs in by_node.items():
        try:
            found = _piped(cluster.get_redis_connection(node), [given[index][1] for index in theirs])
        except AWAY as error:
            found = [error] * len(theirs)
        answers |= {index: (node, answer) for index, answer in zip(theirs, found, strict=True)}
    return answers


def _taken_over(
    cluster: _Cluster,
    given: Sequence[tuple[int, Command]],
    answers: dict[int, tuple[ClusterNode | None, Any]],
) -> list[int]:
    """Of those whose server is away, the ones that another server has by now."""
    unanswered = {index: node for index, (node, answer) in answers.items() if isinstance(answer, AWAY)}
    if not unanswered:
        return []
    try:
        cluster.nodes_manager.initialize()
        return [index for index, node in unanswered.items() if _node(cluster, given[index][0]) != node]
    except (RedisClusterException, *AWAY):
        return []


def _piped(server: Redis, commands: Sequence[Command], *, raising: bool = False) -> list[Any]:
    pipeline = server.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
    answers: list[Any] = pipeline.execute(raise_on_error=raising)
    return answers
