"""Pages of an organization's prices: its contracts, by two people where that is asked for, and what they make of the past."""
