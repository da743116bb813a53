"""The management API's endpoints of this app: invitations, calls and events."""
