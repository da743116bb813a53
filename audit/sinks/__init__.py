"""Where the ledger is sent on to: operator-configured sinks, each with a cursor of its own (docs/sinks.md)."""
