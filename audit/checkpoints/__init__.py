"""Signed checkpoints of the ledger, kept outside the database (docs/audit.md)."""
