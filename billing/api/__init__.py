"""The management API of reports, alerts, prices and reconciliation."""
