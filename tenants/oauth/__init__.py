"""Tokens for the management API by OAuth 2.0's client credentials (RFC 6749, 4.4), on allauth's provider.

Nothing else of that provider is served: no sign-in by us for others, no ID tokens, no registration by strangers.
"""
