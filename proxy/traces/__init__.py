"""Traces of calls: a span for the call, one for each attempt at a provider, one for RESERVE and one for SETTLE."""
