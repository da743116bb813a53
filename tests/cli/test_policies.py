"""Policies from the command line: saved from files, compared, tried, rolled back, asked for more."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.conftest import Orbit


def _file(folder: Path, limit: int, **more: object) -> str:
    path = folder / f"policy-{limit}.yaml"
    document = {"limits": [{"name": "daily", "meter": "requests", "per": "day", "limit": limit}], **more}
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_a_policy_from_file_to_rollback(orbit: Orbit, tmp_path: Path) -> None:
    first = orbit("policies", "save", "default", "-f", _file(tmp_path, 5), "--reason", "begin", "--json").json
    assert (first["revision"], first["reason"]) == (1, "begin")
    compared = orbit("policies", "diff", "default", "-f", _file(tmp_path, 9))
    assert "limits.daily.limit" in compared.out
    assert orbit("policies", "save", "default", "--file", _file(tmp_path, 9), "--json").json["revision"] == 2
    assert "limits.daily.limit" in orbit("policies", "diff", "default").out
    assert orbit("policies", "diff", "default", "--revision", "1", "--json").json["diff"] == []
    back = orbit("policies", "rollback", "default", "--revision", "1", "--reason", "too much", "--json").json
    assert (back["revision"], back["document"]["limits"][0]["limit"]) == (3, 5)
    assert "too much" in orbit("policies", "history", "default").out
    assert "default" in orbit("policies", "list").out


def test_what_is_shown_can_be_saved_again(orbit: Orbit, tmp_path: Path) -> None:
    orbit("policies", "save", "default", "-f", _file(tmp_path, 5))
    again = tmp_path / "again.yaml"
    again.write_text(orbit("policies", "show", "default").out)
    assert orbit("policies", "save", "default", "-f", str(again), "--json").json["revision"] == 1
    assert orbit("policies", "show", "default", "--json").json["revision"] == 1


def test_draft_comes_by_standard_input_too(orbit: Orbit) -> None:
    said = orbit("policies", "check", "-f", "-", "--json", stdin="caps: {max_output_tokens: 5}")
    assert said.json["document"]["caps"]["max_output_tokens"] == 5


def test_mistake_is_told_by_its_place(orbit: Orbit, tmp_path: Path) -> None:
    said = orbit("policies", "save", "default", "-f", _file(tmp_path, 5, lmits=[]))
    assert (said.code, "document.lmits: " in said.err) == (2, True)


def test_unknown_models_of_a_draft_are_told(orbit: Orbit, tmp_path: Path) -> None:
    orbit("policies", "save", "default", "-f", _file(tmp_path, 5))
    draft = _file(tmp_path, 6, allow={"models": ["gpt-9"]})
    assert "gpt-9" in orbit("policies", "diff", "default", "-f", draft).err


def test_simulation_without_calls_refuses_none(orbit: Orbit, tmp_path: Path) -> None:
    orbit("policies", "save", "default", "-f", _file(tmp_path, 5))
    said = orbit("policies", "simulate", "default", "-f", _file(tmp_path, 1), "--days", "7")
    assert (said.code, "would have refused 0" in said.out) == (0, True)
    asked = ("policies", "simulate", "default", "-f", _file(tmp_path, 1), "--days", "7", "--json")
    assert orbit(*asked).json["calls"] == 0


def test_policy_that_is_not_used_can_go(orbit: Orbit, tmp_path: Path) -> None:
    orbit("policies", "save", "spare", "-f", _file(tmp_path, 5))
    assert orbit("policies", "delete", "spare", "--yes").err == "deleted\n"
    assert orbit("policies", "show", "spare").code == 5


def test_requests_are_made_and_decided(operator: Orbit, orbit: Orbit, tmp_path: Path) -> None:
    orbit("policies", "save", "default", "-f", _file(tmp_path, 5))
    ask = ("requests", "ask", "--policy", "default", "--limit", "daily", "--until", "7d", "--json")
    more = orbit(*ask, "--amount", "50", "--reason", "launch").json
    less = orbit(*ask, "--amount", "60", "--reason", "greed").json
    assert len(orbit("requests", "list", "--state", "open", "--json").json["data"]) == 2
    assert orbit("requests", "approve", more["id"]).code == 4  # whoever asks does not approve
    slug = orbit("whoami", "--json").json["organization"]
    approved = operator("requests", "approve", more["id"], "-o", slug, "--json").json
    assert approved["state"] == "approved"
    refused = orbit("requests", "refuse", less["id"], "--reason", "no", "--json").json
    assert (refused["state"], refused["decision"]) == ("refused", "no")
    assert "launch" in orbit("requests", "show", more["id"]).out


def test_ceiling(operator: Orbit, orbit: Orbit, tmp_path: Path) -> None:
    slug = orbit("whoami", "--json").json["organization"]
    assert operator("ceiling", "set", slug, "-f", _file(tmp_path, 5), "--json").json["revision"] == 1
    assert "daily" in operator("ceiling", "show", slug).out
    assert orbit("ceiling", "remove", slug, "--yes").code == 4
    assert operator("ceiling", "remove", slug, "--yes").code == 0
    assert operator("ceiling", "show", slug).code == 5
