"""Pages of an organization's calls: the list that is filtered, one call in full, what was refused."""
