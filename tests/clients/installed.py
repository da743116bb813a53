"""Client libraries that do not live beside the gateway: for Node, and for Python with other versions of what we use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys

from tests.gateway import ROOT

BIN = ROOT / ".venv-clients" / "bin"
NODE = ROOT / "tests" / "clients" / "node"


def install_python_clients() -> None:
    """Once for each state of requirements/clients.txt; processes that come together wait for one of them."""
    command = [sys.executable, str(ROOT / "orbit" / "launcher" / "bootstrap.py"), "clients"]
    subprocess.run(command, cwd=ROOT, check=True)


def install_node_clients() -> None:
    """Once for each state of the lock file, which names every package by its hash."""
    install_python_clients()  # brings Node itself
    wanted = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()
    mark = NODE / "node_modules" / ".installed"
    with open(BIN / "npm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text() == wanted:
            return
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(
            [BIN / "npm", "ci", "--ignore-scripts", "--silent"], cwd=NODE, env=environment, check=True
        )
        mark.write_text(wanted)


if __name__ == "__main__":
    install_node_clients()
