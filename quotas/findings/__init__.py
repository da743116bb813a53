"""How often what was found in calls, by type, project, direction and action: sums of the ledger's events over time."""
