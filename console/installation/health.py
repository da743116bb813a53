"""Panels of what the installation runs on: stores, workers, queues, journals, providers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Count, Max, Min, Sum
from redis import Redis

from audit.models import DeadLetter, OutboxEntry
from console.installation.panels import BAD, GOOD, NONE, WARN, Fact, Look, Reading
from console.pulse import Pulse, pulses
from console.templatetags.figures import compact, share
from orbit.lib import line
from orbit.lib.store import client, servers
from proxy.resting import rests
from quotas.journal import Standing, standing
from quotas.models import DirtyBucket, UsageBucket
from tenants.models import ProviderAccount

LATE_S = 30  # an event or act that waits so long is no longer on its way
VERY_LATE_S = 300
LONG_QUEUE = 50
_LOSS_IS_NEWS_S = 86_400
_HOUR = timedelta(hours=1)
_MANY_CALLS, _MANY_FAIL = 10, 0.1


def database(at: Look) -> Reading:
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()), "
            "(SELECT sum(numbackends)::int FROM pg_stat_database), "
            "current_setting('max_connections')::int, pg_is_in_recovery()"
        )
        version, size, used, most, standby = cursor.fetchone()
    full = used / most
    return Reading(
        "It answers." if not standby else "It answers, as a standby that takes no writes.",
        (
            Fact("Version", version.partition(" ")[0]),
            Fact("Size", _bytes(size)),
            Fact("Connections", f"{used} of {most}", BAD if full > 0.9 else WARN if full > 0.75 else GOOD),
        ),
        state=BAD if standby else GOOD,
    )


def counting_store(at: Look) -> Reading:
    shards = at.shards
    away = [one for one in shards if not one.answers]
    cold = [one for one in shards if one.cold]
    lost = [one for one in shards if one.lost_s is not None and one.lost_s < _LOSS_IS_NEWS_S]
    facts = [fact for server in servers() for fact in _server(server.info())]
    facts.append(Fact("Calls under way", compact(sum(one.leases for one in shards))))
    facts.append(
        Fact(
            "Shards",
            f"{sum(one.used for one in shards)} of {len(shards)} in use",
            BAD if away else WARN if cold or lost else GOOD,
        )
    )
    told = [
        *(Fact(f"Shard {one.number}", "does not answer", BAD) for one in away),
        *(Fact(f"Shard {one.number}", "closed; its next call rebuilds it", WARN) for one in cold),
        *(Fact(f"Shard {one.number}", f"lost its counters {_ago(one.lost_s or 0)}", WARN) for one in lost),
        *(
            Fact(f"Shard {one.number}", f"epoch {one.epoch[:8]}", NONE, f"{one.leases} calls under way")
            for one in shards
            if one.used and one.epoch
        ),
    ]
    said = "It answers, and every shard that is in use can be counted in."
    if away or cold:
        said = f"Of the shards, {len(away)} do not answer and {len(cold)} are closed."
    elif lost:
        said = f"Within a day counters were lost, and rebuilt; shards: {len(lost)}."
    return Reading(said, tuple(facts), tuple(told))


def _server(info: dict[str, Any]) -> list[Fact]:
    most, used = int(info.get("maxmemory") or 0), int(info.get("used_memory") or 0)
    kind = "Valkey" if "valkey_version" in info else "Redis"
    full = used / most if most else 0.0
    saves = info.get("aof_enabled") in (1, "1")
    return [
        Fact(kind, str(info.get("valkey_version") or info.get("redis_version", ""))),
        Fact(
            "Memory",
            f"{_bytes(used)} of {_bytes(most)}" if most else _bytes(used),
            BAD if full > 0.9 else WARN if full > 0.75 else GOOD,
        ),
        Fact("Append-only file", "on" if saves else "off", GOOD if saves else WARN),
    ]


def workers(at: Look) -> Reading:
    """Web workers by their journals, Celery's by the beats that they took up, each queue's by itself."""
    living = [one for one in _standing() if one.alive]
    waiting, found = line.lengths(_broker()), pulses()
    celery = [_celery(queue, seen, waiting[queue]) for queue, seen in found.items()]
    well = bool(living) and all(one.state == GOOD for one in celery)
    web = Fact(
        "Web workers", str(len(living)), GOOD if living else WARN, "" if living else "none on this host"
    )
    said = "All of them work." if well else "Not everything that should run does."
    more = tuple(
        Fact(one.worker, f"beat {_ago(one.age_s)}", NONE if one.age_s > 60 else GOOD, f"queue {one.queue}")
        for seen in found.values()
        for one in seen
    )
    return Reading(said, (web, *celery), more)


def _celery(queue: str, seen: list[Pulse], waiting: int) -> Fact:
    name = f"Celery: {queue}"
    if seen and not seen[0].is_late:
        return Fact(name, f"took up a beat {_ago(seen[0].age_s)}", GOOD)
    if waiting:
        return Fact(
            name, "no worker takes it up", BAD, f"beat sends, and {waiting} wait: start the worker of {queue}"
        )
    last = f"last beat {_ago(seen[0].age_s)}" if seen else "beat sends nothing"
    return Fact(name, last, BAD, f"start beat and the worker of {queue}")


def queues(at: Look) -> Reading:
    shards = [one for one in at.shards if one.answers]
    waiting, oldest = sum(one.waiting for one in shards), max((one.oldest_s for one in shards), default=0)
    acts = OutboxEntry.objects.aggregate(count=Count("pk"), oldest=Min("created_at"))
    dead = DeadLetter.objects.aggregate(count=Count("pk"), latest=Max("created_at"))
    dirty = DirtyBucket.objects.count()
    tasks = line.lengths(_broker())
    act_age = round((at.now - acts["oldest"]).total_seconds()) if acts["oldest"] else 0
    facts = (
        Fact("Events for the ledger", compact(waiting), _lateness(oldest), f"oldest {oldest} s" if waiting else ""),
        Fact("Acts in the outbox", compact(acts["count"]), _lateness(act_age), f"oldest {act_age} s" if act_age else ""),
        *(Fact(f"Tasks in {queue}", compact(length), WARN if length > LONG_QUEUE else GOOD) for queue, length in tasks.items()),
        Fact("Dead letters", compact(dead["count"]), BAD if dead["count"] else GOOD, "not in the ledger" if dead["count"] else ""),
        Fact("Sums to make again", compact(dirty), WARN if dirty else GOOD, "manage.py rollups rebuild" if dirty else ""),
    )  # fmt: skip
    more = tuple(
        Fact(f"Shard {one.number}", f"{one.waiting} waiting", _lateness(one.oldest_s), f"{one.kept} kept in its stream")
        for one in sorted(shards, key=lambda one: (-one.waiting, one.number))
        if one.waiting or one.kept
    )  # fmt: skip
    said = "Everything is on its way."
    if max(oldest, act_age) >= LATE_S:
        said = f"Something has waited for {_span(max(oldest, act_age))}."
    elif dead["count"] or dirty:
        said = "Something needs a hand."
    return Reading(said, facts, more)


def journals(at: Look) -> Reading:
    """What web workers write down against the loss of the store."""
    found = _standing()
    left = [one for one in found if not one.alive]
    facts = (
        Fact("Of workers that run", str(len(found) - len(left)), NONE),
        Fact("Of workers that are gone", str(len(left)), WARN if left else GOOD, "settled within seconds" if left else ""),
        Fact("Size", _bytes(sum(one.size for one in found))),
    )  # fmt: skip
    more = tuple(
        Fact(one.name, _bytes(one.size), NONE if one.alive else WARN, f"{one.files} files, newest {_ago(one.age_s)}")
        for one in found
    )  # fmt: skip
    said = (
        "Nothing is left of workers that are gone."
        if not left
        else "Workers went without ending their calls."
    )
    return Reading(said, facts, more)


def providers(at: Look) -> Reading:
    """Accounts that rest, and how many of the last hour's calls each failed."""
    resting = rests(client(), at.now.timestamp())
    rows = list(
        UsageBucket.objects.filter(starts_at__gte=at.now - _HOUR)
        .exclude(account_id=None)
        .order_by()
        .values("account_id")
        .annotate(calls=Sum("requests"), failures=Sum("failed"))
        .order_by("-failures", "-calls")[:50]
    )
    ids = {str(one["account_id"]) for one in rows} | {one.account for one in resting}
    names = {
        str(one.pk): f"{one.organization.slug}/{one.name}"
        for one in ProviderAccount.objects.select_related("organization").filter(pk__in=ids)
    }
    calls, failed = sum(one["calls"] for one in rows), sum(one["failures"] for one in rows)
    told = [
        Fact(
            names.get(one.account, "an account that is gone"),
            f"rests for {_span(max(0, round(one.until - at.now.timestamp())))}",
            WARN,
            " ".join(
                filter(None, [one.model, "its breaker is open" if one.broken else "it asked for a pause"])
            ),
        )
        for one in resting
    ]
    told += [
        Fact(
            names.get(str(one["account_id"]), "an account that is gone"),
            f"{share(one['failures'], one['calls'])} failed",
            _failing(one["failures"], one["calls"]),
            f"{compact(one['calls'])} calls within the hour",
        )
        for one in rows
    ]
    facts = (
        Fact("Resting", str(len(resting)), WARN if resting else GOOD),
        Fact("Calls within the hour", compact(calls)),
        Fact("Failed", share(failed, calls), _failing(failed, calls)),
    )
    said = (
        "Every account is called."
        if not resting
        else f"{len(resting)} rest, and their calls go elsewhere or fail."
    )
    return Reading(said, facts, tuple(told))


def _failing(failed: int, calls: int) -> str:
    if not failed:
        return GOOD
    return WARN if calls >= _MANY_CALLS and failed / calls >= _MANY_FAIL else NONE


def _standing() -> list[Standing]:
    return standing(settings.ORBIT_DATA_DIR / "journals")


def _broker() -> Any:
    return Redis.from_url(settings.ORBIT_BROKER_URL, socket_timeout=2, socket_connect_timeout=2)


def _lateness(age_s: int) -> str:
    return BAD if age_s >= VERY_LATE_S else WARN if age_s >= LATE_S else GOOD


def _bytes(size: int) -> str:
    scaled = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:.3g} {unit}"
        scaled /= 1000
    return f"{scaled:.3g} TB"


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def _ago(seconds: int) -> str:
    return f"{_span(seconds)} ago"
