"""The management API's endpoints of this app: usage, limits and prices."""
