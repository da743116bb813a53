"""What a wrong trial leaves in a folder: how everything stands of what it was about, for who wants to find out why.

`wrongs.txt`, `strikes.txt` (when which part was killed), `processes.log` (what they said), the servers' logs and the
store's append-only file, the journals; of each organization a folder with what each side has: `seen.jsonl` the clients,
`served.jsonl` the provider, `ledger.jsonl`, `stream.jsonl` and `store.json` (leases, counters, positions), `journals.jsonl`;
and in `calls.jsonl`, side by side, the calls of which one side knows what another does not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from redis import Redis

from audit.models import Event, OutboxEntry, ShardPosition
from faults import checker
from faults.clients import Seen
from faults.installation import Installation
from faults.tenants import Tenant
from orbit.lib import access
from quotas import journal, keys

TOLD = ("seq", "kind", "status", "event_id", "request_id", "corrects", "end_user", "admitted_at", "recorded_at",
        "usage_source", "input_tokens", "output_tokens", "cost_nano", "shard_seq")  # fmt: skip


def leave(
    folder: Path, stage: Installation, tenants: Iterable[Tenant], seen: Sequence[Seen], wrongs: Sequence[str]
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "wrongs.txt").write_text("\n".join(wrongs) + "\n")
    (folder / "strikes.txt").write_text("".join(f"{at} {what}\n" for at, what in stage.strikes))
    for tenant in tenants:  # first what moves on
        _of_tenant(
            folder / tenant.tag, stage, tenant, [one for one in seen if one.user.startswith(tenant.tag)]
        )
    shutil.copyfile(stage.log, folder / stage.log.name)
    for name in ("journals", "valkey"):
        source = stage.journals if name == "journals" else stage.servers.folder / "valkey"
        shutil.copytree(source, folder / name, dirs_exist_ok=True)
    for log in stage.servers.folder.glob("*.log"):
        shutil.copyfile(log, folder / log.name)


def _of_tenant(folder: Path, stage: Installation, tenant: Tenant, seen: Sequence[Seen]) -> None:
    folder.mkdir()
    store = stage.store
    sides: dict[str, list[dict[str, Any]]] = {
        "seen": [{**asdict(one), "body": len(one.body)} for one in seen],
        "served": [one for one in stage.provider.requests() if checker.user_of(one).startswith(tenant.tag)],
        "ledger": [{name: getattr(event, name) for name in TOLD} for event in _events(tenant)],
        "stream": list(_stream(store, tenant.shard)),
        "journals": list(_journals(stage.journals, tenant.shard)),
    }
    for name, rows in sides.items():
        _write_lines(folder / f"{name}.jsonl", rows)
    standing = _store(store, tenant)
    (folder / "store.json").write_text(json.dumps(standing, indent=1, default=str) + "\n")
    _write_lines(folder / "calls.jsonl", _side_by_side(store, tenant.shard, sides, standing["leases"]))


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))


def _events(tenant: Tenant) -> list[Event]:
    with access.operator():
        return list(Event.objects.filter(organization_id=tenant.id).order_by("seq"))


def _stream(store: Redis, shard: int) -> Iterable[dict[str, Any]]:
    for stream_id, fields in cast("list[Any]", store.xrange(keys.stream(shard))):
        yield {"id": stream_id.decode(), **_text(fields)}


def _journals(folder: Path, shard: int) -> Iterable[dict[str, Any]]:
    for one in journal.entries(folder, shard):
        yield {
            "lease": one.lease_id,
            "opening": _text_of(one.opening),
            "closing": _text_of(one.closing),
        }


def _store(store: Redis, tenant: Tenant) -> dict[str, Any]:
    """How the shard stands, in store and database."""
    shard = tenant.shard
    due = cast("list[tuple[bytes, float]]", store.zrange(keys.leases(shard), 0, -1, withscores=True))
    leases = {
        one.decode(): {"due_us": score, **_text(store.hgetall(keys.lease(shard, one.decode())))}
        for one, score in due
    }
    with access.operator():
        position = ShardPosition.objects.get(shard=shard)
        acts = OutboxEntry.objects.filter(shard=shard).count()
    return {
        "shard": shard,
        "time_us": store.time(),
        "meta": _text(store.hgetall(keys.meta(shard))),
        "note of the writer": _text(store.hgetall(keys.writing(shard))),
        "position": {
            "stream_id": position.stream_id,
            "shard_seq": position.shard_seq,
            "at": position.written_at,
        },
        "acts that wait": acts,
        "leases": leases,
        "counters": {one.name: one.counter._asdict() for one in checker.counters(store, tenant)},
    }


def _side_by_side(
    store: Redis, shard: int, sides: Mapping[str, list[dict[str, Any]]], leases: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    """The calls that a client saw begin, the provider served, or a lease is open for, and that the ledger has not or has as
    lapsed."""
    ledger: dict[str, list[dict[str, Any]]] = {}
    for row in sides["ledger"]:
        ledger.setdefault(str(row["end_user"]), []).append(row)
    served = {checker.user_of(one): one for one in sides["served"]}
    seen = {one["user"]: one for one in sides["seen"]}
    journals = {one["lease"]: one for one in sides["journals"]}
    streamed = {one["id"]: str(one.get("e")) for one in sides["stream"]}
    opened = {json.loads(one["e"]).get("end_user"): lease for lease, one in leases.items() if one.get("e")}
    for user in sorted({*served, *opened, *(name for name, one in seen.items() if one["status"] == 200)}):
        rows = ledger.get(user, [])
        if rows and all(row["status"] == "settled" for row in rows if row["kind"] == "call"):
            continue
        lease = opened.get(user) or (seen.get(user) or {}).get("request_id")
        yield {
            "user": user,
            "lease": lease,
            "client": seen.get(user),
            "provider": served.get(user),
            "ledger": rows,
            "open": leases.get(str(lease)),
            "tombstone": _text_of(cast("bytes | None", store.get(keys.tombstone(shard, str(lease))))),
            "journal": journals.get(str(lease)),
            "stream": [one for one, event in streamed.items() if f'"{user}"' in event],
        }


def _text(fields: Any) -> dict[str, str | None]:
    """Of a hash or of an entry of a stream."""
    return {name.decode(): _text_of(value) for name, value in fields.items()}


def _text_of(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
