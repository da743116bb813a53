"""Builds the documentation as a site: `make docs`. Asks nobody else while it does, and neither does the site.

The pages lie in build/pages as they lie in the repository, so that their links hold in both. What the site alone has is
made of the code (`orbit.reference`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from orbit.launcher.state import PROJECT

PAGES, SITE = PROJECT / "build/pages", PROJECT / "build/site"
MKDOCS = PROJECT / ".venv-docs/bin/mkdocs"
TAKEN = (
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
    "docs",
    "examples",
    "audit/standalone/verify_ledger.py",
)


def main() -> None:
    try:
        build(SITE)
    except subprocess.CalledProcessError as error:
        sys.exit(f"The site was not built: {error.cmd[0]} ended with code {error.returncode}.")
    print(
        f"Built {SITE.relative_to(PROJECT)}. Look at it: python3 -m http.server --directory build/site 8000"
    )


def build(site: Path) -> None:
    """CalledProcessError where a link or an anchor leads nowhere, or a page is in no navigation."""
    lay_out(PAGES)
    environ = {**os.environ, "ORBIT_SECRET_KEY": "unused", "DJANGO_SETTINGS_MODULE": "orbit.settings.dev"}
    made = [sys.executable, "-m", "orbit.reference", "--site", str(PAGES / "made")]
    subprocess.run(made, cwd=PROJECT, env=environ, check=True)
    command = [str(MKDOCS), "build", "--strict", "--clean", "--site-dir", str(site)]
    subprocess.run(command, cwd=PROJECT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)


def lay_out(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in TAKEN:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(PROJECT / name)


if __name__ == "__main__":
    main()
