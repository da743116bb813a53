"""What a killed database leaves behind in its clients."""

from __future__ import annotations

import socket
from contextlib import closing

from django.db import connections


def hang_up(alias: str) -> None:
    """The connection of this thread is dead, and nobody has noticed."""
    connections[alias].ensure_connection()
    descriptor = connections[alias].connection.fileno()
    with closing(socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
