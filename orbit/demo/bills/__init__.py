"""A pretend provider's billing: reports of usage and costs in the documented shapes, from a file that says what was counted.

It runs as a process of its own and knows nothing of what reads it.
"""
