"""The management API keeps the word of its own description: no 5xx, no answer and no shape that is not in it.

Every operation of the description is tried, with requests made of it and with ones that break it. New endpoints need nothing here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from django.core.wsgi import get_wsgi_application
from django.test import Client
from pytest_django import Settings

from orbit.lib import access
from tenants import services
from tenants.models import Organization
from tenants.rights import SCOPES, Right
from tests.management import found_ids
from tests.tenants.conftest import Apply, apply, entry, slug

__all__ = ["apply", "entry", "slug"]

pytestmark = pytest.mark.xdist_group("described_api")  # the tool takes seconds to load, once
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # what ends things comes last
VICTIMS = 15  # keys that are there to be revoked and rotated
CONDITIONS = ("If-Match", "If-None-Match", "Idempotency-Key")  # made-up ones are rarely fulfilled
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass
class Trial:
    """An organization, the credentials that ask for it, and what came of it."""

    organization: str
    tenants: str = field(repr=False)
    operators: str = field(repr=False)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def send(self, case: Any, secret: str) -> None:
        from schemathesis import checks
        from schemathesis.core.failures import FailureGroup

        answer = case.call(headers={"Authorization": f"Bearer {secret}"})
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=checks.CHECKS.get_by_names(CHECKS))
        except FailureGroup as group:
            self.failures += [f"{case.method} {case.formatted_path}: {one}" for one in group.exceptions]


@pytest.fixture
def trial(apply: Apply, entry: dict[str, Any], settings: Settings) -> Trial:
    """On an organization with something of everything that a file can say."""
    settings.ORBIT_API_RATE = 10**9
    settings.ALLOWED_HOSTS = ["*"]
    entry["projects"][0]["keys"] += [{"name": f"victim-{number}"} for number in range(VICTIMS)]
    assert apply(entry).code == 0
    with access.operator():
        made = Organization.objects.get(slug=entry["slug"])
    issue: dict[str, Any] = {"organization_id": made.pk, "actor": "test", "scopes": list(Right)}
    _, tenants = services.issue_management_key(name="ci", **issue)
    for number in range(VICTIMS):  # newer, so that they are found first
        services.issue_management_key(name=f"victim-{number}", **issue)
    _, operators = services.issue_operator_key(name=f"op-{made.slug}", scopes=list(SCOPES), actor="test")
    return Trial(made.slug, tenants, operators)


@pytest.mark.full
def test_nothing_undescribed_is_answered(trial: Trial) -> None:
    try_everything(trial, good=2, bad=1)


@pytest.mark.full
def test_a_longer_search_finds_nothing_undescribed_either(trial: Trial) -> None:
    try_everything(trial, good=6, bad=6)


def try_everything(trial: Trial, *, good: int, bad: int) -> None:
    """So many requests as the description wants them, by a tenant's key and by an operator's, and so many that break it."""
    from schemathesis import GenerationMode

    operations = _operations()
    for operation in operations:
        _try(trial, operation, GenerationMode.POSITIVE, good)
        if len(operation.body) or len(operation.query):  # else there is nothing to break
            _try(trial, operation, GenerationMode.NEGATIVE, bad)
    print(f"{len(operations)} operations, {trial.statuses.total()} requests: {dict(trial.statuses)}")
    assert trial.failures == []
    # else next to nothing was reached
    assert sum(trial.statuses[one] for one in (200, 201, 204)) > trial.statuses.total() / 5, trial.statuses


def _operations() -> list[Any]:
    import schemathesis  # takes seconds
    from schemathesis.config import (
        AnalysisConfig,
        ConstantsConfig,
        GenerationConfig,
        ProjectConfig,
        ProjectsConfig,
        SchemathesisConfig,
    )

    config = ProjectConfig(
        generation=GenerationConfig(with_security_parameters=False, deterministic=True),
        # else the words of whatever modules are loaded are tried
        analysis=AnalysisConfig(constants=ConstantsConfig(enabled=False)),
    )
    schema = schemathesis.openapi.from_wsgi(
        "/api/v1/schema",
        get_wsgi_application(),
        config=SchemathesisConfig(projects=ProjectsConfig(default=config)),
    )
    found: list[Any] = [one.ok() for one in cast("Any", schema).get_all_operations()]
    return sorted(found, key=lambda one: (METHODS.index(one.method.upper()), -one.path.count("/"), one.path))


def _try(trial: Trial, operation: Any, mode: Any, examples: int) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    client = Client(headers={"Authorization": f"Bearer {trial.tenants}"})
    known = found_ids(client, trial.organization, operation.path)
    wanted = mode.value == "positive"

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        if wanted or case.method.upper() in ("POST", "PUT", "PATCH"):
            case.path_parameters.update(known)
        if wanted:
            trial.send(case, trial.operators)
            for name in CONDITIONS:
                case.headers.pop(name, None)
        trial.send(case, trial.tenants)

    tried()
