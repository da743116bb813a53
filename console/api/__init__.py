"""The management API's endpoints of this app: calls and events."""
