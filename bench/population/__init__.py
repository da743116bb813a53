"""A database full of tenants, and how long its lists and admin pages take then."""
