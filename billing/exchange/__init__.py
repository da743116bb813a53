"""Rates of exchange: one currency in which reports are shown besides the organization's own."""
