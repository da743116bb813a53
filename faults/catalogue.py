"""All scenarios, in the order of the report."""

from __future__ import annotations

from faults import (
    absent,
    attack,
    backlogs,
    clusters,
    fuzz,
    hangups,
    kills,
    learned,
    leases,
    rolling,
    stampedes,
    stores,
    storms,
    streams,
    trails,
)
from faults.scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for family in (
        stampedes,
        learned,
        kills,
        trails,
        backlogs,
        stores,
        clusters,
        hangups,
        storms,
        fuzz,
        leases,
        rolling,
        attack,
        streams,
        absent,
    )
    for scenario in family.SCENARIOS
}
