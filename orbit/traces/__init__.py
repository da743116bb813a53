"""Spans of what is no call: a page, a request of the management API, a task. A task stands below what sent it."""
