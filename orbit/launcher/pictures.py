"""Draws docs/pictures/*.dot into docs/images/*.svg: `make pictures`. With --check, whether each is as drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orbit.launcher.state import PROJECT

SOURCES, IMAGES = PROJECT / "docs/pictures", PROJECT / "docs/images"
DOT = PROJECT / ".venv-docs/bin/graphviz-pure"


def main() -> None:
    stale = []
    for source in sorted(SOURCES.glob("*.dot")):
        image, wanted = IMAGES / f"{source.stem}.svg", drawn(source)
        if "--check" not in sys.argv[1:]:
            image.write_bytes(wanted)
        elif not image.exists() or image.read_bytes() != wanted:
            stale.append(image.relative_to(PROJECT))
    for one in stale:
        print(f"{one} is not of its source; run `make pictures`", file=sys.stderr)
    sys.exit(1 if stale else 0)


def drawn(source: Path) -> bytes:
    command = [str(DOT), "-Tsvg", str(source)]
    return subprocess.run(command, capture_output=True, check=True).stdout


if __name__ == "__main__":
    main()
