"""Where and of what the figures are."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench import nginx
from bench.stage import Stage
from orbit.launcher import state

PACKAGES = ("uvicorn", "uvloop", "httptools", "django", "djangorestframework", "hiredis")


def here() -> dict[str, str]:
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit(),
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
    }


def facts(stage: Stage, nginx_binary: str | None) -> dict[str, str]:
    return here() | {
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "Postgres": str(stage.database.info.parameter_status("server_version")),
        "Valkey": str(stage.store.info("server").get("valkey_version", "?")) + ", append-only file, everysec",
        "nginx": nginx.version(nginx_binary) if nginx_binary else "not found",
    }


def commit() -> str:
    """The commit, with a plus when the working copy differs from it; documents do not count."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", ":!docs", ":!*.md")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=state.PROJECT, check=True)
    return done.stdout.strip()


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
