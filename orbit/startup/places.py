"""Files and sockets that a process needs on its own machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings


def problems() -> list[str]:
    return [*_data_dir(), *_authority()]


def warnings() -> list[str]:
    return [*_names()]


def _data_dir() -> Iterator[str]:
    folder = Path(settings.ORBIT_DATA_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")
            probe.flush()
    except OSError as error:
        yield (
            f"ORBIT_DATA_DIR is {folder}, where nothing can be written ({error.strerror}): journals of calls go there. "
            "Let this user write there, or name another folder."
        )


def _authority() -> Iterator[str]:
    for name in ("ORBIT_TRACES_CA_FILE", "ORBIT_GRAFANA_CA_FILE"):
        file = getattr(settings, name)
        try:
            if file:
                Path(file).read_bytes()
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror}). Name a file of certificates, or leave it out."


def _names() -> Iterator[str]:
    if not settings.ORBIT_NAMES_SOCKET_GIVEN or settings.ORBIT_NAMES_WORKERS:
        return
    if not settings.ORBIT_NAMES_SOCKET.is_socket():
        yield (
            "ORBIT_NAMES_SOCKET names a socket at which nobody answers, and ORBIT_NAMES_WORKERS is 0: policies that look "
            "for names will say that they could not. Set ORBIT_NAMES_WORKERS, or start the processes at that socket."
        )
