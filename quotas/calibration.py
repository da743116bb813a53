"""Measured paddings: how many tokens a provider counts for each that we count.

Found by comparing our counts with the providers' and set here; where none is set, the family's own holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.families import plain_name
from quotas.models import TokenPadding
from tenants.models import ModelTarget
from tenants.services.saved import changing

LEAST, MOST = Decimal("0.5"), Decimal(5)
STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class PaddingSet:
    """What came of setting a padding."""

    before: Decimal | None
    factor: Decimal
    organizations: int  # that count with it from their next calls on

    @property
    def changed(self) -> bool:
        return self.before != self.factor


def set_padding(
    provider: str,
    model_prefix: str,
    factor: Decimal | float | str,
    source: str,
    *,
    actor: str = "manage.py estimates",
) -> PaddingSet:
    """Counts calls of the provider's models that begin so with this padding from now on.

    Organizations that route to such a model get a new version, so that their workers reload. Where the factor is
    in force already, no row is written but versions are raised all the same: what was cut short may be repeated.
    """
    exactly = _checked(provider, model_prefix, factor, source)
    with access.operator():
        row = _in_force().filter(provider=provider, model_prefix=model_prefix).first()
        before = row.factor if row is not None else None
        if before != exactly:
            TokenPadding.objects.create(
                provider=provider, model_prefix=model_prefix, factor=exactly, source=source
            )
        organizations = _routing_to(provider, model_prefix)
    for organization_id in organizations:
        with changing(organization_id, actor) as change:
            change.act(
                "padding.set",
                f"{provider}/{model_prefix}",
                {"factor": str(before)} if before is not None else None,
                {"factor": str(exactly), "source": source},
            )
            change.raise_version()
    return PaddingSet(before, exactly, len(organizations))


def paddings(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """The padding in force of each (provider, model) that has any, by the longest prefix of the model's plain name."""
    wanted = set(pairs)
    by_provider: dict[str, list[TokenPadding]] = {}
    for row in _in_force().filter(provider__in={provider for provider, _ in wanted}):
        by_provider.setdefault(row.provider, []).append(row)
    found = {}
    for provider, model in wanted:
        name = plain_name(model)
        fitting = [row for row in by_provider.get(provider, ()) if name.startswith(row.model_prefix)]
        if fitting:
            found[provider, model] = float(max(fitting, key=lambda row: len(row.model_prefix)).factor)
    return found


def in_force() -> list[TokenPadding]:
    """Every provider's and prefix's newest row."""
    return list(_in_force())


def _in_force() -> QuerySet[TokenPadding]:
    return (
        TokenPadding.objects.filter(valid_from__lte=datetime.now(UTC))
        .order_by("provider", "model_prefix", "-valid_from", "-pk")
        .distinct("provider", "model_prefix")
    )


def _routing_to(provider: str, model_prefix: str) -> list[UUID]:
    targets = ModelTarget.objects.filter(account__prices_as=provider)
    routed = set(targets.values_list("organization_id", "model"))
    return sorted({one for one, model in routed if plain_name(model).startswith(model_prefix)})


def _checked(provider: str, model_prefix: str, factor: Decimal | float | str, source: str) -> Decimal:
    for field, text, most in (
        ("provider", provider, 63),
        ("model", model_prefix, 200),
        ("source", source, 120),
    ):
        if not text.strip() or len(text) > most or not text.isprintable():
            raise InputError(field, f"must be 1 to {most} printable characters.")
    if plain_name(model_prefix) != model_prefix:
        raise InputError(
            "model",
            f"{model_prefix!r} is no beginning of a plain name.",
            f"Names are compared without route, date and fine-tuning: {plain_name(model_prefix)!r}.",
        )
    try:
        exactly = Decimal(str(factor))
    except ArithmeticError:
        exactly = Decimal("NaN")
    if not exactly.is_finite() or not LEAST <= exactly <= MOST:
        raise InputError("factor", f"must be a number from {LEAST} to {MOST}.")
    return exactly.quantize(STEP)
