"""The audit trail to look at: what happened, each entry with its proof, and parts of it as files."""
