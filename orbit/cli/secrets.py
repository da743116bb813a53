"""What must not stand in the arguments, where everybody on the machine could read it."""

from __future__ import annotations

import getpass
import sys

from orbit.cli.failures import Failure


def secret_asked(prompt: str) -> str:
    """From the person without an echo, or the first line of standard input."""
    text = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    text = text.strip()
    if not text:
        raise Failure("there is nothing on standard input", "Paste it, or pipe it: … < file")
    return text
