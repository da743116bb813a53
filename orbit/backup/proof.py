"""That a restored installation is what was backed up; its counters, from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.core.cache import cache

from audit import verification
from audit.models import ChainHead, Event
from orbit.backup.manifest import Manifest
from orbit.lib import access
from orbit.lib.store import servers
from quotas import recovery
from tenants.models import Organization


def faults(manifest: Manifest) -> Iterator[str]:
    """In words: what is not as the backup says, and what chains, checkpoints and signatures say against it."""
    with access.operator():
        heads = {str(pk): [seq, end] for pk, seq, end in ChainHead.objects.values_list("pk", "seq", "hash")}
        if heads != manifest.heads:
            differ = sum(
                heads.get(one) != manifest.heads.get(one) for one in heads.keys() | manifest.heads.keys()
            )
            yield f"The ends of {differ} organizations' chains are not those of the backup."
        for name, found, said in (
            ("organizations", Organization.objects.count(), manifest.organizations),
            ("events", Event.objects.count(), manifest.events),
        ):
            if found != said:
                yield f"There are {found} {name}, and the backup has {said}."
        slugs = dict(Organization.objects.values_list("pk", "slug"))
        keys = [manifest.checkpoint_key] if manifest.checkpoint_key else []
        outcome = verification.verify(slugs, everything=True, public_keys=keys)
    yield from (finding.words for finding in outcome.all_findings())


def renew_counters(journals: Path) -> int:
    """Forgets all that the store knows of another time, and makes each shard's counters from the ledger; how many shards."""
    for server in servers():
        for key in server.scan_iter(match="orbit:{*", count=1000):
            server.unlink(key)
    cache.clear()
    with access.operator():
        shards = sorted(set(Organization.objects.values_list("shard", flat=True)))
    for shard in shards:
        recovery.rebuild(shard, "", journals)
    return len(shards)
