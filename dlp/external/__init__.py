"""Inspectors that are asked over HTTP: a vendor's service, one's own, or any that speaks the documented webhook.

A kind translates and does no I/O; `client` asks, with a deadline, within bounds and by the one way out.
"""
