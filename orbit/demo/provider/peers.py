"""Kill the one process that owns the other end of a loopback connection (Linux, tests only)."""

import os
import signal
import socket
import struct
from pathlib import Path

_ESTABLISHED = "01"


class CannotKill(Exception):
    pass


def kill_owner(*, near: tuple[str, int], far: tuple[str, int]) -> int:
    """SIGKILL the process that holds the socket whose own address is `far` and whose peer is `near`."""
    holders = _holders(_inode(own=far, peer=near))
    if len(holders) != 1:
        raise CannotKill(f"{len(holders)} processes hold the other end")
    pid = holders.pop()
    if pid == os.getpid():
        raise CannotKill("the other end is this process")
    # The descriptor pins the process: a recycled pid cannot be hit between the look and the kill.
    descriptor = os.pidfd_open(pid)
    try:
        if pid not in _holders(_inode(own=far, peer=near)):
            raise CannotKill("the other end changed hands")
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)
    return pid


def _inode(*, own: tuple[str, int], peer: tuple[str, int]) -> str:
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        wanted = {(_hex(own, family), _hex(peer, family))}
        if family == socket.AF_INET6 and ":" not in own[0]:
            wanted = {(_mapped(own), _mapped(peer))}
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            columns = line.split()
            if (columns[1], columns[2]) in wanted and columns[3] == _ESTABLISHED:
                return columns[9]
    raise CannotKill("the other end is not on this machine")


def _hex(address: tuple[str, int], family: int) -> str:
    if (family == socket.AF_INET6) != (":" in address[0]):
        return ""
    packed = socket.inet_pton(family, address[0])
    return _words(packed) + f":{address[1]:04X}"


def _mapped(address: tuple[str, int]) -> str:
    packed = b"\0" * 10 + b"\xff\xff" + socket.inet_pton(socket.AF_INET, address[0])
    return _words(packed) + f":{address[1]:04X}"


def _words(packed: bytes) -> str:
    """The kernel prints addresses as 32-bit words in the machine's byte order."""
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed))


def _holders(inode: str) -> set[int]:
    wanted = f"socket:[{inode}]"
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _holds(entry / "fd", wanted):
            found.add(int(entry.name))
    return found


def _holds(folder: Path, wanted: str) -> bool:
    try:
        return any(_link(each) == wanted for each in folder.iterdir())
    except OSError:
        return False


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
