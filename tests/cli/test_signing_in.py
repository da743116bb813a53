"""A credential is stored where only its owner reads it, and told nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orbit.cli.client import travels_openly
from tenants.models import Organization
from tests.cli.conftest import MakeKey, Orbit


def test_login_stores_a_key_that_works_in_a_private_file(
    stranger: Orbit, url: str, make_key: MakeKey, organization: Organization
) -> None:
    key = make_key("organization.read")
    said = stranger("login", url, stdin=f"{key}\n")
    assert said.code == 0
    assert stat.S_IMODE(stranger.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(stranger.file.parent.stat().st_mode) == 0o700
    me = stranger("whoami", "--json").json
    assert (me["organization"], me["scopes"]) == (organization.slug, ["organization.read"])
    assert key not in said.out + said.err


def test_login_refuses_a_key_that_the_gateway_does_not_know(stranger: Orbit, url: str) -> None:
    said = stranger("login", url, stdin="orbm_nothing\n")
    assert said.code == 4
    assert "`orbit login`" in said.err
    assert "orbm_nothing" not in said.out + said.err
    assert not stranger.file.exists()


def test_key_comes_from_the_environment_too(stranger: Orbit, url: str, make_key: MakeKey) -> None:
    assert stranger("login", url, ORBIT_MANAGEMENT_KEY=make_key()).code == 0
    assert stranger("whoami").code == 0


def test_no_option_takes_a_key(stranger: Orbit, url: str) -> None:
    """What stands in the arguments, everybody on the machine can read."""
    assert stranger("login", url, "--key", "orbm_x").code == 2
    assert stranger("login", url, "orbm_x").code == 2


def test_profiles_stand_beside_each_other(
    stranger: Orbit, url: str, make_key: MakeKey, operator_key: str, organization: Organization
) -> None:
    stranger("login", url, stdin=make_key())
    stranger("login", url, "--profile", "operator", stdin=operator_key)
    assert stranger("whoami", "--json").json["organization"] == organization.slug
    assert stranger("whoami", "--json", "--profile", "operator").json["organization"] is None
    assert stranger("whoami", "--json", ORBIT_PROFILE="operator").json["organization"] is None
    assert stranger("whoami", "--profile", "nobody").code == 2


def test_logout_forgets_one_profile(stranger: Orbit, url: str, make_key: MakeKey) -> None:
    keys = make_key(), make_key()
    stranger("login", url, stdin=keys[0])
    stranger("login", url, "--profile", "other", stdin=keys[1])
    assert stranger("logout").code == 0
    assert keys[0] not in stranger.file.read_text()
    assert stranger("whoami").code == 4
    assert stranger("whoami", "--profile", "other").code == 0
    assert "other" in stranger("logout").err


def test_environment_goes_before_the_stored_profile(
    stranger: Orbit, url: str, make_key: MakeKey, operator_key: str
) -> None:
    stranger("login", url, stdin=make_key())
    me = stranger("whoami", "--json", ORBIT_MANAGEMENT_KEY=operator_key).json
    assert me["organization"] is None
    # nor does the stored organization stand for a key that is not its own
    said = stranger("projects", "list", ORBIT_MANAGEMENT_KEY=operator_key)
    assert (said.code, "--organization" in said.err) == (2, True)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_file_that_others_can_read_is_not_used(
    stranger: Orbit, url: str, make_key: MakeKey, mode: int
) -> None:
    stranger("login", url, stdin=make_key())
    stranger.file.chmod(mode)
    said = stranger("whoami")
    assert (said.code, "chmod 600" in said.err) == (2, True)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"profiles": 1}', '{"profiles": {"default": {"a": 1}}}']
)
def test_file_of_something_else_is_named(stranger: Orbit, content: str) -> None:
    stranger.file.parent.mkdir(parents=True)
    stranger.file.write_text(content)
    stranger.file.chmod(0o600)
    said = stranger("whoami")
    assert (said.code, str(stranger.file) in said.err, "Traceback" in said.err) == (2, True, False)


def test_profile_does_not_show_its_key(stranger: Orbit, tmp_path: Path) -> None:
    from orbit.cli.profiles import Profile

    assert "orbm_secret" not in repr(Profile("https://x", "orbm_secret"))


def test_plain_http_is_told_unless_it_stays_on_this_machine() -> None:
    assert travels_openly("http://gateway.example.com")
    assert not travels_openly("https://gateway.example.com")
    assert not travels_openly("http://127.0.0.1:8080")
    assert not travels_openly("http://[::1]:8080")
