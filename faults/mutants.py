"""`python -m faults.mutants`: plants faults in a copy of the code, one at a time; each must be caught by its tests.

A mutant is a small textual patch. It must fit exactly once, else it is stale, which is a failure of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from faults import book
from faults.book import Trial
from orbit.launcher import state
from orbit.launcher.state import PROJECT

STARTS = 3  # its servers may not come up: somebody else took their port
TIMEOUT_S = 900  # a busy machine is no fault


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`tests` are files or single tests, of which at least one must fail."""

    name: str
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def mutant(name: str, what: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, what, (Edit(file, old, new),), tests)


STAMPEDE = "tests/faults/test_stampede.py"
KILLED = "tests/faults/test_killed_worker.py"
STORE = (
    "tests/faults/test_store.py::test_lost_counters_admit_nothing_over_the_limit_and_are_rebuilt_to_the_nano"
)
RESERVE, SETTLE, EXTEND = (f"tests/quotas/test_{name}_script.py" for name in ("reserve", "settle", "extend"))

MUTANTS = [
    Mutant(
        "read-then-write", "the limiter reads in one step and writes in another",
        (
            Edit("quotas/lua/reserve.lua", "    if over > 0 then\n      local counted", "    if over > 0 and redis.call('EXISTS', KEYS[4] .. 'x') == 0 then\n      local counted"),
            Edit("quotas/lua/reserve.lua", "  seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)\nend", "  if redis.call('INCR', KEYS[4] .. 'x') == 1 then return {'AGAIN'} end\n  seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)\nend"),
            Edit("quotas/engine.py", "        return self._no_lease(chain, reply, end_user)", '        if reply[0] == b"AGAIN":\n            return await self.reserve(chain, lease_id=lease_id, amounts=amounts, version=version, generation=generation, event=event, refusal=refusal, rough=rough, end_user=end_user)\n        return self._no_lease(chain, reply, end_user)'),
        ),
        (STAMPEDE,),
    ),
    mutant(
        "release-on-error", "a call that broke off is released instead of settled", "proxy/endings.py",
        "if error.worked else (NOTHING", "if not error.worked else (NOTHING", "tests/clients/test_provider_faults.py",
    ),
    mutant(
        "settle-twice", "settlements carry no idempotency id", "quotas/lua/settle.lua",
        "  if ended == 'settled' then return {'DONE', now} end\n", "", SETTLE,
    ),
    mutant(
        "no-reaper", "the reaper is off", "quotas/tasks.py",
        "        return expire(store, shard, member.decode())\n", "        return 0\n", KILLED,
    ),
    mutant(
        "no-tenant-filter", "the tenant filter is removed", "orbit/lib/access.py",
        "            return rows.filter(**{self.organization_field: access.organization_id})", "            return rows",
        "tests/tenants/test_first_wall.py",
    ),
    mutant(
        "redirects", "redirects of a provider are followed", "orbit/lib/egress.py",
        "follow_redirects=False", "follow_redirects=True", "tests/lib/test_egress.py",
    ),
    mutant(
        "maxlen", "the stream of events is cut at a length", "quotas/lua/settle.lua",
        "  id = redis.call('XADD', KEYS[5], '*', 'e', ARGV[4], 't', stamp, 'k', 'call')",
        "  id = redis.call('XADD', KEYS[5], 'MAXLEN', 20, '*', 'e', ARGV[4], 't', stamp, 'k', 'call')", STAMPEDE,
    ),
    mutant(
        "plain-compare", "secrets are compared with ==", "tenants/secrets/secret.py",
        "hmac.compare_digest(self._text.encode(), other._text.encode())", "self._text == other._text",
        "tests/tenants/test_sealed_credentials.py",
    ),
    mutant(
        "usage-in-text", "text that looks like usage is taken for it", "proxy/formats/chat.py",
        '            self.take_text(choice, progress)\n        usage = self.usage(chunk) if chunk.get("usage") or chunk.get("x_groq") else None',
        "            self.take_text(choice, progress)\n"
        "        said = getattr(self, 'said', '') + ''.join(str((one.get('delta') or {}).get('content') or '') for one in choices)\n"
        "        setattr(self, 'said', said)\n"
        "        at = said.find('{\"choices\"')\n"
        "        usage = self.usage(orjson.loads(said[at : said.find('}}', at) + 2])) if at >= 0 and '}}' in said[at:] else self.usage(chunk)",
        "tests/clients/test_odd_usage.py",
    ),
    mutant(
        "slots-per-worker", "each worker counts its own concurrency", "quotas/limits.py",
        "        return f\"{owner}:{self.meter}:{self.per or 'now'}:",
        "        import os\n        return f\"{owner}:{self.meter}:{self.per or os.getpid()}:", STAMPEDE,
    ),
    mutant(
        "unlimited-extension", "extensions are taken without a look at the limit", "quotas/lua/extend.lua",
        "      if over > 0 then", "      if false then", EXTEND,
    ),
    mutant(
        "extension-adds", "an extension sent again is taken again", "quotas/lua/extend.lua",
        "if more.i <= 0 and more.o <= 0 and more.c <= 0 then return {'OK', now, tonumber(seq[2])} end\n",
        "more = {q = 0, i = math.max(1, more.i), o = math.max(1, more.o), c = math.max(1, more.c)}\n", EXTEND,
    ),
    mutant(
        "held-not-counted", "what running calls hold does not count", "quotas/lua/reserve.lua",
        "      over = used[i] + held[i] + need - limit[4]", "      over = used[i] + need - limit[4]", RESERVE, STAMPEDE,
    ),
    mutant(
        "one-too-many", "a limit lets one more in", "quotas/lua/reserve.lua",
        "    if over > 0 then\n", "    if over > 1 then\n", RESERVE, STAMPEDE,
    ),
    mutant(
        "older-store", "a store that is behind is believed", "quotas/lua/reserve.lua",
        "if ARGV[2] == epoch and seq < tonumber(ARGV[3]) then return {'COLD', epoch} end\n", "", RESERVE,
    ),
    mutant(
        "taken-twice", "a reservation sent again after a lost reply is taken again", "quotas/lua/reserve.lua",
        "  if admitted then now, taken = tonumber(admitted), true end", "  if false then now, taken = 0, true end", RESERVE,
    ),
    mutant(
        "late-again", "what a lapsed lease was charged is charged again", "quotas/lua/settle.lua",
        "      local charge = late and mine and used[meter] - held[meter] or used[meter]", "      local charge = used[meter]", SETTLE,
    ),
    mutant(
        "eager-reaper", "the reaper ends leases that are alive", "quotas/lua/settle.lua",
        "    if due and tonumber(due) > now then return {'LIVE', now} end\n", "", SETTLE,
    ),
    mutant(
        "shadow-refuses", "a shadow limit refuses", "quotas/lua/reserve.lua",
        "      if counted or limit[7] ~= 1 then", "      if true then", RESERVE,
    ),
    mutant(
        "increase-for-good", "a temporary increase does not end", "quotas/lua/reserve.lua",
        "  if now < limit[10] then limit[4], limit[5] = limit[8], limit[9] end",
        "  if limit[10] > 0 then limit[4], limit[5] = limit[8], limit[9] end", RESERVE,
    ),
    mutant(
        "seed-from-nothing", "a counter that was lost starts at zero", "quotas/seeds.py",
        "self._counter(limit, self.reading.total if self.reading else 0, self.leases)",
        "self._counter(limit, 0, self.leases)", STORE, "tests/proxy/test_changes_take_effect.py",
    ),
    mutant(
        "seed-without-holds", "a counter that was lost forgets what running calls hold", "quotas/lua/seed.lua",
        "    held, calls = held + has[limit[2]], calls + 1\n", "", RESERVE, SETTLE,
    ),
    mutant(
        "no-journal", "what the store has lost is not brought back from the journals", "quotas/recovery.py",
        "    if not known:\n        return\n    unread", "    if known:\n        return\n    unread", STORE,
    ),
    mutant(
        "cap-not-sent", "the provider may write more than was reserved", "proxy/formats/chat.py",
        "                changes[name] = output_cap", "                changes[name] = 16_000", "tests/proxy/test_policy.py",
    ),
    mutant(
        "unpriced-is-free", "a model without a price costs nothing under a cost limit", "proxy/targets.py",
        "    if costly:\n", "    if False:\n", "tests/proxy/test_policy.py",
    ),
    mutant(
        "fallback-for-free", "a fallback is charged to the limits of the model that failed", "proxy/upstream.py",
        "moved = await self.upstream.admissions.retarget(admission, call, metered=self.stream)",
        "admission.call, moved = call, True",
        "tests/proxy/test_failover.py",
    ),
    mutant(
        "retry-unknown", "what may have been done is done again elsewhere", "proxy/upstream.py",
        "if error.worked or not await", "if not await",
        "tests/proxy/test_failover.py::test_silent_provider_may_have_worked_and_is_not_repeated",
    ),
    mutant(
        "no-breaker", "a provider that fails is never left alone", "proxy/health.py",
        "if condition.failures < IN_A_ROW or", "if True or", "tests/proxy/test_health.py",
    ),
    mutant(
        "storm-doubles", "each failure of a storm doubles the pause", "proxy/health.py",
        "(condition.broken and condition.until > now)", "False", "tests/proxy/test_health.py",
    ),
    mutant(
        "endless-retries", "repetitions have no budget", "proxy/routing.py",
        "if lately.repetitions >= max(", "if 0 > max(", "tests/proxy/test_routing.py",
    ),
    mutant(
        "dropped-in-silence", "what a translation cannot say is left out without a word", "proxy/formats/base.py",
        "if not self.drop.allows(path):", "if False:",
        "tests/proxy/test_messages.py::test_what_has_no_counterpart_is_refused_by_name_and_costs_nothing",
    ),
    Mutant(
        "no-vetting", "addresses inside are reached like any other",
        (
            Edit("orbit/lib/egress.py", "if not target.listed and not all(", "if False and not all("),
            Edit("orbit/lib/targets.py", "    if private:\n", "    if False:\n"),
        ),
        ("tests/lib/test_hostile_destinations.py", "tests/lib/test_egress.py"),
    ),
    Mutant(
        "forwarded-key", "the client's own authorization goes on to the provider",
        (
            Edit("proxy/calls.py", 'CARRIED = (b"anthropic-version",', 'CARRIED = (b"authorization", b"anthropic-version",'),
            Edit("proxy/providers/anthropic.py", '    if "anthropic-beta" in carried:\n', '    found += [(name, carried[name]) for name in ("authorization",) if name in carried]\n    if "anthropic-beta" in carried:\n'),
        ),
        ("tests/proxy/test_headers_across_the_border.py",),
    ),
    mutant(
        "echoed-key", "a provider's error brings our credential back", "proxy/endings.py",
        'return content if secret is None else content.replace(secret.reveal().encode(), b"***")', "return content",
        "tests/proxy/test_providers_words.py",
    ),
    mutant(
        "anybodys-secret", "a tenant may name secrets of others in a store", "tenants/secrets/stores.py",
        "    if not any(name.startswith(stem) and name[len(stem) : len(stem) + 1].isalnum() for stem in stems):", "    if False:",
        "tests/tenants/test_secret_references.py",
    ),
    mutant(
        "single-hyphens", "an organization's name may be the beginning of another's in Azure", "tenants/secrets/azure.py",
        'prefix.replace("-", "--").replace("/", "-")', 'prefix.replace("/", "-")',
        "tests/tenants/test_secret_references.py",
    ),
    mutant(
        "kept-for-ever", "the last value serves for as long as its store is down", "tenants/secrets/cached.py",
        "    def _forget(self) -> None:\n        self.secret = None\n", "    def _forget(self) -> None:\n        pass\n",
        "tests/tenants/test_cached_credentials.py",
    ),
    mutant(
        "calls-wait", "calls wait for a store although there is a value", "tenants/secrets/cached.py",
        "        return self._task if self.secret is None or self._old else None", "        return self._task",
        "tests/tenants/test_cached_credentials.py",
    ),
    mutant(
        "token-lapses", "the token for Vault is not renewed while nobody reads", "tenants/secrets/vault.py",
        "        if login is not None and time.monotonic() >= login.renew_at:\n            self._logged_in()", "        return",
        "tests/tenants/test_vault.py",
    ),
    mutant(
        "talkative-sdk", "an SDK writes the answers of its store to our log", "orbit/settings/base.py",
        '*("azure", "boto3", "botocore", ', '*("azure", "boto3", ',
        "tests/tenants/test_aws_secrets_manager.py",
    ),
    mutant(
        "after-the-end", "what follows a stream's end is passed on and counted", "proxy/relay.py",
        "                if progress.done or progress.failed:\n                    break  # what",
        "                if False:\n                    break  # what",
        "tests/proxy/test_every_cut.py",
    ),
    mutant(
        "start-is-all", "what a message reports at its start is taken for its end", "proxy/endings.py",
        " and not progress.early", "", "tests/proxy/test_messages_bills.py",
    ),
    mutant(
        "cursor-before-ack", "a sink's cursor moves although it did not acknowledge", "audit/sinks/pump.py",
        "            self._failed(error)\n            return True\n        progress.settled(",
        "            self._failed(error)\n            refused = []\n        progress.settled(",
        "tests/audit/sinks/test_conformance.py::test_what_happens_while_it_is_down_arrives_when_it_is_up",
    ),
    Mutant(
        "gap-uncounted", "what was dropped before a sink got it is not counted",
        (
            Edit("audit/sinks/pump.py", '                batch.missing += row["shard_seq"] - expected\n', ""),
            Edit("audit/sinks/pump.py", "                batch.missing += stretch.reaches - reaches\n", ""),
        ),
        ("tests/audit/sinks/test_reading.py",),
    ),
    mutant(
        "gap-untold", "what became a dead letter is not told of in the trail", "audit/ledger.py",
        "    rows += letters.gaps(place.now)\n", "",
        "tests/audit/test_poison.py::test_trail_tells_of_what_is_missing_in_it",
    ),
    mutant(
        "position-apart", "the writer's position is saved in a transaction of its own, before the rows", "audit/ledger.py",
        "        try:\n            if refused is not None:\n",
        "        apart = connections['ledger'].copy()\n"
        "        with apart.cursor() as cursor:\n"
        "            cursor.execute('UPDATE audit_shardposition SET stream_id = %s WHERE shard = %s', [found[-1][0] if found else before, shard])\n"
        "        apart.close()\n"
        "        try:\n            if refused is not None:\n",
        "tests/audit/test_writer.py::test_position_and_rows_are_committed_together",
    ),
    mutant(
        "trim-by-length", "streams are cut at a length", "audit/lua/trim.lua",
        "'MINID', '~', upto", "'MAXLEN', 20", "tests/audit/test_trimming.py",
    ),
    mutant(
        "trim-by-age", "what is old is cut off in the moment in which it is written", "audit/lua/trim.lua",
        "while id and now - tonumber(at) >= kept do", "while id and now - tonumber(string.match(id, '^%d+')) >= kept do",
        "tests/audit/test_trimming.py",
    ),
    mutant(
        "unsynced-checkpoint", "a checkpoint is not on the disk when the database has it", "audit/checkpoints/files.py",
        "            os.fsync(descriptor)\n", "            pass\n", "tests/audit/test_checkpoints.py",
    ),
    mutant(
        "unchained-checkpoint", "a checkpoint does not name the one before", "audit/checkpoints/document.py",
        '"previous": before.hash if before else "0" * 64', '"previous": "0" * 64',
        "tests/audit/test_checkpoints.py::test_each_names_the_one_before",
    ),
    mutant(
        "no-skeleton", "a dropped event leaves no skeleton", "audit/retention.py",
        "        cursor.execute(SKELETONS, where)\n", "        pass\n",
        "tests/audit/test_retention.py::test_dropped_month_leaves_the_chain_whole",
    ),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faults.mutants", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="this one (repeat for more)")
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if not options.only or one.name in options.only]
    parent = "/var/tmp" if os.geteuid() == 0 else None  # noqa: S108 - mkdtemp's folder is ours alone
    with tempfile.TemporaryDirectory(prefix="orbit-mutants-", dir=parent) as name:
        copy = state.make_data_dir(Path(name))  # as root the servers run as another user, who must get in
        _copy(copy)
        sound = _failed(copy, sorted({test for one in chosen for test in one.tests}))
        if sound:
            sys.exit("These fail without any fault, so they cannot catch one:\n" + "\n".join(sound))
        trials = [_try(one, copy) for one in chosen]
    caught = sum(one.outcome == "held" for one in trials)
    print(f"caught: {caught}/{len(trials)}")
    sys.exit(0 if caught == len(trials) else 1)


def _copy(copy: Path) -> None:
    """What git would have, and the virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=True, cwd=PROJECT,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source, target = PROJECT / name, copy / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (copy / ".venv").symlink_to((PROJECT / ".venv").resolve())


def _try(mutant: Mutant, copy: Path) -> Trial:
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    before = {edit.file: (copy / edit.file).read_text() for edit in mutant.edits}
    stale = [edit.file for edit in mutant.edits if before[edit.file].count(edit.old) != 1]
    failed: list[str] = []
    if not stale:
        for edit in mutant.edits:
            path = copy / edit.file
            path.write_text(path.read_text().replace(edit.old, edit.new))
        failed = _failed(copy, mutant.tests)
        for file, text in before.items():
            (copy / file).write_text(text)
    outcome = "crashed" if stale else "held" if failed else "broken"
    by = list(dict.fromkeys(one.partition("::")[2].partition("[")[0] for one in failed))
    words = (
        f"STALE, does not fit {stale}" if stale else f"caught by {', '.join(by[:3])}" if by else "SURVIVED"
    )
    print(f"{mutant.name}: {words}", flush=True)
    trial = Trial(
        "mutants", 1, len(book.trials("mutants")) + 1, 0, book.commit(), started, round(time.monotonic() - clock, 1),
        outcome, 1, [], {"mutant": mutant.name, "what": mutant.what, "by": by[:3]},
    )  # fmt: skip
    book.append(trial)
    return trial


def _failed(copy: Path, tests: Sequence[str]) -> list[str]:
    """The tests that fail, or that cannot even begin."""
    command = [".venv/bin/python", "-m", "pytest", "-n0", "-q", "--tb=no", "-p", "no:cacheprovider", *tests]
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    for _ in range(STARTS):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=copy, env=environment, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return ["timeout::no end in time"]
        found = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        if found or not done.returncode:
            return found
    raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
