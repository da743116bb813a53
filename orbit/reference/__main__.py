"""`python -m orbit.reference`: whether the pages are in step; with --write puts them in step, with --site FOLDER makes the site's own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m orbit.reference", description=__doc__)
    parser.add_argument("--write", action="store_true", help="writes what the code says into the pages")
    parser.add_argument("--site", type=Path, metavar="FOLDER", help="writes the site's own pages there")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")

    import django

    django.setup()
    from orbit.reference import marks, site  # need the apps

    if given.site is not None:
        site.write(given.site)
        return
    stale = marks.stale(write=given.write)
    for one in stale:
        print(f"{one} is not what the code says; run `make reference`", file=sys.stderr)
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
