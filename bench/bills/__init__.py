"""Planted differences, and what reconciliation finds of them."""
