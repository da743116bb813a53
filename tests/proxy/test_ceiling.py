"""The operator's ceiling: every new organization is under it, and no member gets out."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from orbit.lib import access
from quotas.contracts import set_contract_price
from quotas.status import organization_limits
from tenants import services
from tenants.models import Organization
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import ApiOf, code_of
from tests.tenants.conftest import export, run
from tests.tenants.guarded import make_person

CEILING = {
    "limits": [
        {"name": "two", "meter": "requests", "per": "day", "limit": 2},
        {"name": "one-key", "meter": "requests", "per": "week", "limit": 50, "of": "each_key"},
    ],
    "caps": {"max_output_tokens": 5},
}


@pytest.fixture
def under(make_tenant: MakeTenant, settings: Any) -> Tenant:
    """A new organization whose own policy allows much more."""
    platform = make_tenant()
    services.save_policy(organization_id=platform.id, name="starter", document=CEILING, actor="test")
    settings.ORBIT_CEILING = f"{platform.slug}/starter"
    return make_tenant(limits=[{"name": "many", "meter": "requests", "per": "day", "limit": 100}])


def test_new_organization_is_under_it_whatever_its_own_policy_says(under: Tenant, api_of: ApiOf) -> None:
    api = api_of(under)
    first = api.chat(max_tokens=100)
    assert first.status_code == 200
    assert first.json()["usage"]["completion_tokens"] <= 5
    services.save_policy(organization_id=under.id, name="default", document={}, actor="test")
    assert api.chat().status_code == 200
    assert code_of(api.chat()) == (429, "insufficient_quota")
    assert under.events()[0]["policy_version"] == "ceiling@1,default@1"


def test_it_opens_nothing(under: Tenant, api_of: ApiOf) -> None:
    services.update_organization(organization_id=under.id, policy=None, actor="test")
    assert code_of(api_of(under).chat()) == (403, "no_policy")


def test_operator_changes_it_for_the_next_call(under: Tenant, api_of: ApiOf, settings: Any) -> None:
    api = api_of(under)
    for _ in range(2):
        assert api.chat().status_code == 200
    assert api.chat().status_code == 429
    assert run("ceiling", under.slug, "--none").out == f"{under.slug} has no ceiling.\n"
    assert api.chat().status_code == 200
    named = settings.ORBIT_CEILING
    said = run("ceiling", under.slug, "--policy", named).out
    assert said == f"{under.slug} has the ceiling {named}.\n"
    assert run("ceiling", under.slug, "--policy", named).out.endswith("already.\n")
    assert code_of(api.chat()) == (429, "insufficient_quota")
    assert "max_output_tokens: 5" in run("ceiling", under.slug).out
    for wrong in (("no-such", "--none"), (under.slug, "--policy", "no-such/starter")):
        assert run("ceiling", *wrong).code == 2


def test_its_limits_are_shown_beside_the_organizations_own(under: Tenant) -> None:
    with access.scope(organization_id=under.id):
        found = {(one.level, one.name): one.limit for one in organization_limits(under.id)}
    # "many" counts on the same counter and is implied
    assert found == {("organization", "two"): 2, ("key", "one-key"): 50}


def test_later_words_of_the_named_policy_change_nobody(under: Tenant, settings: Any) -> None:
    slug, _, name = settings.ORBIT_CEILING.partition("/")
    with access.operator():
        platform = Organization.objects.get(slug=slug)
        assert platform.ceiling is None
    services.save_policy(organization_id=platform.pk, name=name, document={}, actor="test")
    with access.operator():
        ceiling = Organization.objects.get(pk=under.id).ceiling
    assert ceiling is not None
    assert ceiling["caps"]["max_output_tokens"] == 5


def test_the_file_neither_tells_nor_prunes_it(under: Tenant, tmp_path: Any) -> None:
    assert "starter" not in str(export(under.slug))
    file = tmp_path / "orbit.yaml"
    file.write_text(run("export", "--organization", under.slug).out)
    answer = run("apply", "-f", str(file), "--prune")
    assert "Nothing to change" in answer.out
    with access.operator():
        assert Organization.objects.get(pk=under.id).ceiling is not None


def test_members_change_nothing_that_it_counts_by(
    under: Tenant, make_tenant: MakeTenant, settings: Any
) -> None:
    settings.ORBIT_CEILING = ""
    free = make_tenant()
    for tenant in (under, free):
        where: dict[str, Any] = {"organization_id": tenant.id}
        owner = services.add_member(**where, person=make_person(), role="owner", actor="test").row
        rates = {"input": 1, "output": 1}
        for change in (
            lambda where=where, owner=owner: services.update_organization(
                **where, time_zone="Asia/Tokyo", actor=owner
            ),
            lambda where=where, owner=owner: services.update_organization(
                **where, month_starts_on=9, actor=owner
            ),
            lambda where=where, owner=owner, rates=rates: set_contract_price(
                **where, provider="openai", model="gpt-4o", rates=rates, actor=owner
            ),
        ):
            if tenant is free:
                change()
                continue
            with pytest.raises(PermissionDenied, match="ceiling"):
                change()
        services.update_organization(**where, name="Other", actor=owner)


def test_a_ceiling_that_is_not_there_lets_nobody_in(settings: Any) -> None:
    settings.ORBIT_CEILING = "no-such/policy"
    with pytest.raises(ValueError, match="there is no policy 'no-such/policy'"):
        services.create_organization(slug="t-never", actor="test")
    with access.operator():
        assert not Organization.objects.filter(slug="t-never").exists()
