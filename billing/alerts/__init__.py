"""Alerts of budgets: by mail and webhook, each once."""
