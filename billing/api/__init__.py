"""The management API of reconciliation."""
