"""The management API: what its endpoints share, and the endpoints of what this app owns.

Apps to the left add their own endpoints by the same classes; `orbit/api.py` puts all of them under /api/v1/.
"""
