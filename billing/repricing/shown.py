"""What re-pricing came to, as the API and `--json` have it."""

from __future__ import annotations

from typing import Any

from billing.repricing.reading import Selection
from billing.repricing.trial import Trial
from orbit.lib import money
from orbit.lib.clock import rfc3339
from tenants.models import Organization


def as_json(
    organization: Organization, selection: Selection, trial: Trial, posted: int | None = None
) -> dict[str, Any]:
    """`posted` None: nothing was changed."""
    return {
        "organization": organization.slug,
        "currency": organization.currency,
        "since": rfc3339(selection.since),
        "until": rfc3339(selection.until),
        "calls": trial.calls,
        "changed": trial.changed,
        "difference_nano": trial.nano,
        "difference": money.amount(trial.nano),
        "posted": posted,
        "rows": [
            {
                "account": account,
                "model": model,
                "calls": sums.calls,
                "changed": sums.changed,
                "before_nano": sums.before_nano,
                "after_nano": sums.after_nano,
                "difference_nano": sums.nano,
            }
            for (account, model), sums in sorted(trial.sums.items())
        ],
        "left": [{"why": why, "calls": count} for why, count in sorted(trial.left.items())],
    }
