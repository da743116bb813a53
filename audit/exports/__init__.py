"""Parts of an organization's ledger as files: which events, in which format, and how large ones are made piece by piece."""
