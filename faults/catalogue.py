"""All scenarios, in the order of the report."""

from __future__ import annotations

from faults import clusters, hangups, kills, learned, leases, stampedes, stores
from faults.scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for family in (stampedes, learned, kills, stores, clusters, hangups, leases)
    for scenario in family.SCENARIOS
}
