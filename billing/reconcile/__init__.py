"""Our ledger against what a provider says that it billed: pulled, compared, classified, settled by a person."""
