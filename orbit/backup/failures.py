from __future__ import annotations


class CannotBackUp(Exception):
    """A backup or a restore cannot be done, or not in this state; the message says what to do."""
