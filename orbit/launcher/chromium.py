"""Finds a Chromium for the browser tests: the system's, else one that Playwright fetched."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_PATHS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_FETCHED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
_FETCH_TIMEOUT_S = 180
_RETRY_S = 24 * 3600


@functools.cache
def find_chromium() -> Path | None:
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    for path in map(Path, _MAC_PATHS):
        if path.exists():
            return path
    for folder in _playwright_folders():
        for pattern in _FETCHED:
            for found_path in sorted(folder.glob(pattern), reverse=True):
                return found_path
    return None


def how_to_get_one() -> str:
    return "Install one (Debian: `apt-get install chromium`) or run `.venv/bin/playwright install chromium`."


def _playwright_folders() -> list[Path]:
    given = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if given and given != "0":
        return [Path(given)]
    return [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]


def main() -> None:
    """Lets Playwright fetch one where there is none; a failure is remembered for a day."""
    failed = Path(sys.prefix) / "chromium.failed"
    if find_chromium() or (failed.exists() and time.time() - failed.stat().st_mtime < _RETRY_S):
        return
    print("Fetching a Chromium for the browser tests ...", end="", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_FETCH_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        failed.touch()
        print(f" not done. {how_to_get_one()}", flush=True)
    else:
        print(" done.", flush=True)


if __name__ == "__main__":
    main()
