"""Pages of reconciliation: what providers billed, beside what the ledger says."""
