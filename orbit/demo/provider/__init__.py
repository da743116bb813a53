"""A pretend OpenAI and Anthropic on a loopback port, with its own books.

It imports neither Django nor the gateway, so that what it counts and charges is someone else's word.
Start it with `python -m orbit.demo.provider` or `manage.py demo_provider`; see docs/demo-provider.md.
"""
