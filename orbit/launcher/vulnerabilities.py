"""Looks the pinned packages up in OSV, the database of known vulnerabilities, with pip-audit: `make vulnerabilities`.

Exit code 1 when one is known. Where neither the tool nor the database can be reached nothing is known either way: it is skipped with a
word. Asks OSV alone: of a mirror of the index that knows no vulnerabilities, pip-audit would say that there are none.
Runs before anything is installed, so with the standard library only.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

PROJECT = Path(__file__).resolve().parents[2]
LOCKS = ("base", "aws", "azure", "kafka", "names")
TIMEOUT_S = 10


def main() -> None:
    setup = [sys.executable, str(PROJECT / "orbit/launcher/bootstrap.py"), "audit"]
    if subprocess.call(setup, cwd=str(PROJECT)):
        skip("pip-audit could not be installed")
    known = asked(str(PROJECT / ".venv-audit/bin/pip-audit"))
    if known is None:
        skip("OSV cannot be reached")
    for one in known or []:
        print(one)
    print("Vulnerabilities: %d known." % len(known or []))
    sys.exit(1 if known else 0)


def asked(tool: str) -> Optional[List[str]]:
    """The vulnerabilities that are known, in words; None when not every package could be looked up."""
    argv = [tool, "--vulnerability-service", "osv", "--timeout", str(TIMEOUT_S), "--progress-spinner", "off"]
    argv += ["--format", "json", "--disable-pip", "--require-hashes"]
    argv += [word for name in LOCKS for word in ("--requirement", "requirements/%s.txt" % name)]
    done = subprocess.run(argv, cwd=str(PROJECT), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return told(done.stdout)


def told(report: bytes) -> Optional[List[str]]:
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    if not packages or any("skip_reason" in one for one in packages):
        return None
    return [
        "%s %s: %s, mended in %s"
        % (one["name"], one["version"], each["id"], ", ".join(each["fix_versions"]) or "no version yet")
        for one in packages
        for each in one["vulns"]
    ]


def skip(why: str) -> None:
    print("Vulnerabilities: skipped, %s. Run `make vulnerabilities` where the internet is." % why)
    sys.exit(0)


if __name__ == "__main__":
    main()
