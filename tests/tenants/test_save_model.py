"""A model's route: several targets, fallbacks, settings; what it may not be, and what stands in its way."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import ModelAlias, ModelFallback, ModelTarget, Organization
from tenants.services import NewTarget, Saved, delete_model, delete_models, save_account, save_model
from tests.tenants.conftest import Apply, export

MAIN, SPARE = NewTarget("main", "gpt-4o-mini", 3), NewTarget("own", "claude-haiku-4-5", 0)


@pytest.fixture
def place(organization: Organization) -> Organization:
    for name, kind in (("main", "openai"), ("own", "anthropic")):
        save_account(organization_id=organization.id, name=name, kind=kind, actor="test")
    return organization


def _save(place: Organization, alias: str = "fast", **fields: Any) -> Saved[ModelAlias]:
    usual: dict[str, Any] = {"alias": alias, "targets": [MAIN, SPARE], "actor": "test"}
    return save_model(organization_id=place.id, **(usual | fields))


def _last_act(place: Organization) -> dict[str, Any]:
    with access.scope(organization_id=place.id):
        act: dict[str, Any] = OutboxEntry.objects.latest("id").event["detail"]
    return act


def _version(place: Organization) -> int:
    with access.scope(organization_id=place.id):
        return Organization.objects.get().version


def _targets(place: Organization) -> list[tuple[str, str, int, int]]:
    with access.scope(organization_id=place.id):
        rows = ModelTarget.objects.filter(alias__alias="fast").order_by("position")
        return list(rows.values_list("account__name", "model", "weight", "position"))


def test_targets_keep_their_order_and_weights(place: Organization) -> None:
    assert _save(place).created
    assert _targets(place) == [("main", "gpt-4o-mini", 3, 0), ("own", "claude-haiku-4-5", 0, 1)]
    assert _save(place, targets=[SPARE, MAIN]).fields == ("targets",)
    assert _targets(place) == [("own", "claude-haiku-4-5", 0, 0), ("main", "gpt-4o-mini", 3, 1)]


def test_the_same_again_changes_nothing(place: Organization) -> None:
    _save(place, "steady")
    route: dict[str, Any] = {
        "fallbacks": ["steady"],
        "retries": 0,
        "affinity": "key",
        "timeouts": {"total_s": 600},
        "context_window": 8_000,
        "max_output_tokens": 1_000,
        "deprecated": "Use steady.",
    }
    _save(place, **route)
    before = _version(place)
    assert not _save(place, **route).changed
    assert _version(place) == before


def test_an_act_tells_what_was_and_what_is(place: Organization) -> None:
    _save(place, "steady")
    _save(place)
    _save(place, fallbacks=["steady"], timeouts={"gap_s": 20})
    act = _last_act(place)
    assert (act["action"], act["target"]) == ("model.update", "fast")
    assert act["before"] == {"fallbacks": [], "gap_s": None}
    assert act["after"] == {"fallbacks": ["steady"], "gap_s": 20}


def test_what_is_not_given_is_no_longer_so(place: Organization) -> None:
    _save(place, "steady")
    _save(place, fallbacks=["steady"], deprecated="Use steady.", timeouts={"gap_s": 20})
    assert set(_save(place).fields) == {"fallbacks", "deprecated", "gap_s"}
    with access.scope(organization_id=place.id):
        assert not ModelFallback.objects.exists()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"alias": "*"}, "alias"),
        ({"targets": []}, "targets"),
        ({"targets": [MAIN, SPARE, NewTarget("main", "gpt-4o-mini", 1)]}, "targets[2]"),
        ({"targets": [SPARE]}, "targets"),
        ({"targets": [NewTarget("main", f"m{n}") for n in range(9)]}, "targets[8]"),
        ({"targets": [MAIN, NewTarget("mian", "gpt-4o")]}, "targets[1].account"),
        ({"targets": [NewTarget("main", "two words")]}, "targets[0].model"),
        ({"targets": [NewTarget("main", "gpt-4o", 1001)]}, "targets[0].weight"),
        ({"fallbacks": ["fast"]}, "fallbacks[0]"),
        ({"fallbacks": ["stedy"]}, "fallbacks[0]"),
        ({"retries": 6}, "retries"),
        ({"timeouts": {"connect_s": 61}}, "timeouts.connect_s"),
        ({"deprecated": ""}, "deprecated"),
    ],
)
def test_a_mistake_names_its_field_and_changes_nothing(
    place: Organization, fields: dict[str, Any], path: str
) -> None:
    _save(place, "steady")
    _save(place)
    before = _targets(place)
    with pytest.raises(InputError) as caught:
        _save(place, **fields)
    assert caught.value.path == path
    assert _targets(place) == before


def test_a_fallback_stays_until_it_is_let_go(place: Organization) -> None:
    _save(place, "steady")
    _save(place, fallbacks=["steady"])
    with pytest.raises(InputError, match="'steady' is a fallback of model 'fast'"):
        delete_model(organization_id=place.id, alias="steady", actor="test")
    _save(place)
    delete_model(organization_id=place.id, alias="steady", actor="test")


def test_models_that_fall_back_to_each_other_go_together(place: Organization) -> None:
    _save(place, "steady")
    _save(place, fallbacks=["steady"])
    _save(place, "steady", fallbacks=["fast"])
    delete_models(organization_id=place.id, aliases=["fast", "steady"], actor="test")
    with access.scope(organization_id=place.id):
        assert not ModelAlias.objects.exists()


def test_a_model_with_fallbacks_can_go(place: Organization) -> None:
    _save(place, "steady")
    _save(place, fallbacks=["steady"])
    delete_model(organization_id=place.id, alias="fast", actor="test")
    with access.scope(organization_id=place.id):
        assert [row.alias for row in ModelAlias.objects.all()] == ["steady"]


def test_prune_removes_models_that_name_each_other(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    entry["models"] = [{"alias": "only", "targets": [{"account": "main", "model": "gpt-4o"}]}]
    entry["policies"][0]["allow"]["models"] = ["only"]
    entry["policies"][0]["limits"][2]["models"] = ["only"]
    answer = apply(entry, options=("--json", "--prune"))
    assert answer.code == 0, answer.out
    assert {(step["op"], step["path"]) for step in answer.json["plan"] if step["kind"] == "model"} == {
        ("create", f"{slug}/only"),
        ("delete", f"{slug}/fast"),
        ("delete", f"{slug}/steady"),
    }


def test_prune_takes_no_fallback_that_the_file_does_not_name(apply: Apply, entry: dict[str, Any]) -> None:
    apply(entry)
    del entry["models"][1]
    entry["policies"][0]["allow"]["models"] = ["fast"]
    answer = apply(entry, options=("--json", "--prune"))
    assert (
        answer.error_at("organizations[0].models[0].fallbacks[0]")["message"] == "there is no model 'steady'"
    )


def test_a_fallback_may_be_a_model_that_the_file_does_not_repeat(
    apply: Apply, entry: dict[str, Any], slug: str
) -> None:
    apply(entry)
    only = {"slug": slug, "models": [entry["models"][0] | {"alias": "other"}]}
    assert apply(only).code == 0
    assert next(one for one in export(slug)["models"] if one["alias"] == "other")["fallbacks"] == ["steady"]


def test_an_export_leaves_out_what_is_as_usual(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    fast, steady = export(slug)["models"]
    assert fast["targets"] == [
        {"account": "main", "model": "gpt-4o-mini", "weight": 3},
        {"account": "own", "model": "llama"},
        {"account": "own", "model": "mistral", "weight": 0},
    ]
    assert fast == entry["models"][0]
    assert steady == {
        "alias": "steady",
        "targets": [{"account": "own", "model": "llama"}],
        "fallbacks": ["fast"],
        "timeouts": {"gap_s": 300},
    }


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"retries": 6}, "route_retries"),
        ({"affinity": "none "}, "route_affinity"),
        ({"connect_s": 0}, "route_connect_s"),
        ({"total_s": 7201}, "route_total_s"),
        ({"context_window": 0}, "route_context_window"),
    ],
)
def test_the_database_holds_the_bounds_of_a_route(
    place: Organization, broken: dict[str, Any], constraint: str
) -> None:
    _save(place)
    with pytest.raises(IntegrityError, match=constraint), access.scope(organization_id=place.id):
        ModelAlias.objects.update(**broken)


@pytest.mark.parametrize(
    ("broken", "constraint"), [({"weight": -1}, "target_weight"), ({"position": 8}, "target_count")]
)
def test_the_database_holds_the_bounds_of_a_target(
    place: Organization, broken: dict[str, int], constraint: str
) -> None:
    _save(place)
    with pytest.raises(IntegrityError, match=constraint), access.scope(organization_id=place.id):
        ModelTarget.objects.filter(position=0).update(**broken)


def test_no_target_stands_twice_in_the_database_either(place: Organization) -> None:
    _save(place, targets=[MAIN, NewTarget("main", "gpt-4o")])
    with pytest.raises(IntegrityError, match="target_once"), access.scope(organization_id=place.id):
        ModelTarget.objects.filter(position=1).update(model=MAIN.model)


def test_a_fallback_stays_inside_its_organization(place: Organization, other: Organization) -> None:
    save_account(organization_id=other.id, name="main", kind="openai", actor="test")
    theirs = _save(other, targets=[MAIN]).row
    mine = _save(place).row
    with pytest.raises(IntegrityError, match="same_org"), access.scope(organization_id=place.id):
        ModelFallback.objects.create(organization=place, alias=mine, fallback=theirs)


def test_no_model_falls_back_to_itself_in_the_database_either(place: Organization) -> None:
    mine = _save(place).row
    with pytest.raises(IntegrityError, match="fallback_not_itself"), access.scope(organization_id=place.id):
        ModelFallback.objects.create(organization=place, alias=mine, fallback=mine)
