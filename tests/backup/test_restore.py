"""A backup of a running gateway, restored elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from orbit.backup import manifest, programs
from tests.backup.conftest import BackedUp, call
from tests.backup.installation import Installation
from tests.gateway import running_gateway

pytestmark = pytest.mark.full  # a minute, most of it commands that start


def _schema(installation: Installation) -> list[str]:
    """The database without rows, and without the two lines that are of each dump alone."""
    environment = programs.connection_variables(installation.environment["DATABASE_OWNER_URL"])
    argv = [programs.find("pg_dump").path, "--schema-only"]
    text = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout
    # a check comes back with its casts in other places, and NOT NULL of a partition under a name
    plain = re.sub(
        r"::(?:character varying|text)(?:\[\])?|[()]| CONSTRAINT \w+_not_null\d*(?= NOT NULL)", "", text
    )
    return [line for line in plain.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_restored_installation_is_the_old_one(backed_up: BackedUp, empty: Installation) -> None:
    said = empty.run("restore", "--from", str(backed_up.path), "--keys", str(backed_up.keys))
    assert "1 organizations" in said
    assert "WITHOUT" not in said
    assert _schema(empty) == _schema(backed_up.installation)
    assert "signed up to" in empty.run("audit", "verify")
    ends = "SELECT array_agg(row(organization_id, seq, hash)::text) FROM audit_chainhead"
    assert empty.one(ends) == backed_up.installation.one(ends)
    with running_gateway(environment=empty.environment) as gateway:
        # the limit of five calls a day knows of the three before, and the credential opens
        assert [call(gateway.base_url, backed_up.key) for _ in range(3)] == [200, 200, 429]


def test_restore_over_what_is_used_is_refused_and_possible(backed_up: BackedUp, empty: Installation) -> None:
    arguments = ("restore", "--from", str(backed_up.path), "--keys", str(backed_up.keys))
    empty.run(*arguments)
    empty.run("suspend", "acme", "--reason", "after the backup")
    assert "not empty" in empty.run(*arguments, code=2)
    assert empty.one("SELECT count(*) FROM tenants_organization WHERE suspended_at IS NULL") == 0
    said = empty.run(*arguments, "--replace")
    assert "What was there before is in" in said
    assert empty.one("SELECT count(*) FROM tenants_organization WHERE suspended_at IS NULL") == 1


def test_restore_without_the_keys_says_what_stays_closed(backed_up: BackedUp, foreign: Installation) -> None:
    refused = foreign.run("restore", "--from", str(backed_up.path), code=2)
    assert "ORBIT_MASTER_KEY: stored contents, provider credentials" in refused
    assert "ORBIT_KEY_PEPPER: no issued key works" in refused
    assert foreign.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    said = foreign.run("restore", "--from", str(backed_up.path), "--without-keys")
    assert "WITHOUT ORBIT_MASTER_KEY" in said
    assert foreign.one("SELECT count(*) FROM tenants_organization") == 1


def test_restore_that_fails_leaves_what_was_there(
    backed_up: BackedUp, empty: Installation, tmp_path: Path
) -> None:
    keys = ("--keys", str(backed_up.keys))
    empty.run("restore", "--from", str(backed_up.path), *keys)
    folder = _unpacked(backed_up, tmp_path)
    dump = (folder / "database.dump").read_bytes()
    (folder / "database.dump").write_bytes(dump[: len(dump) * 2 // 3])
    told = manifest.Manifest(**json.loads((folder / "manifest.json").read_text()))
    (folder / "manifest.json").unlink()
    replace(told, files=manifest.digests(folder)).write(folder)
    said = empty.run("restore", "--from", str(folder), *keys, "--replace", code=2)
    assert "pg_restore failed" in said
    assert empty.one("SELECT count(*) FROM tenants_organization") == 1
    assert empty.one("SELECT count(*) FROM pg_namespace WHERE nspname = 'orbit_before_restore'") == 0
    assert "signed up to" in empty.run("audit", "verify")


def test_restore_beneath_a_running_gateway_is_refused(backed_up: BackedUp) -> None:
    source = backed_up.installation
    with running_gateway(environment=source.environment) as gateway:
        assert call(gateway.base_url, backed_up.key) in {200, 429}
        said = source.run("restore", "--from", str(backed_up.path), "--replace", code=2)
    assert "Stop the gateway" in said


def _unpacked(backed_up: BackedUp, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with tarfile.open(backed_up.path) as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_damaged_backup_changes_nothing(backed_up: BackedUp, empty: Installation, tmp_path: Path) -> None:
    folder = _unpacked(backed_up, tmp_path)
    with (folder / "database.dump").open("ab") as dump:
        dump.write(b"x")
    said = empty.run("restore", "--from", str(folder), "--keys", str(backed_up.keys), code=2)
    assert "database.dump is not what was written" in said
    assert empty.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_backup_holds_no_secret(backed_up: BackedUp) -> None:
    environment = backed_up.installation.environment
    with tarfile.open(backed_up.path) as packed:
        names = sorted(one.name for one in packed if one.isfile())
        whole = b"".join(file.read() for one in packed if (file := packed.extractfile(one)) is not None)
    assert names[0].startswith("checkpoints/checkpoints-")
    assert names[1:] == ["database.dump", "manifest.json"]
    kept = backed_up.keys.read_text()
    for name in ("ORBIT_SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY"):
        assert environment[name].encode() not in whole
        assert f"{name}={environment[name]}" in kept
    assert {path.stat().st_mode & 0o777 for path in (backed_up.path, backed_up.keys)} == {0o600}
    with pytest.raises(AssertionError, match="exists"):
        backed_up.installation.run("backup", "--to", str(backed_up.path))
