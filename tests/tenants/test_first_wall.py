"""The first wall alone: every scoped query names its organization, whatever Postgres would hide."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from orbit.lib import access
from orbit.lib.access import ScopedManager
from tenants.models import Organization

SCOPED = [model for model in apps.get_models() if isinstance(model._default_manager, ScopedManager)]


def test_there_are_scoped_models() -> None:
    assert len(SCOPED) >= 14


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)
def test_query_is_filtered_by_the_organization_in_scope(
    model: type[models.Model], organization: Organization
) -> None:
    with access.scope(organization_id=organization.pk):
        _, given = model._default_manager.all().query.sql_with_params()
    assert str(organization.pk) in [str(value) for value in given]


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)
def test_query_outside_a_scope_is_refused(model: type[models.Model]) -> None:
    with pytest.raises(access.AccessDenied):
        model._default_manager.all()
