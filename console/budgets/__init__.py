"""Budgets and the alerts that watch them."""
