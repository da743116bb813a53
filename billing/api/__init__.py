"""The management API of reports and alerts."""
