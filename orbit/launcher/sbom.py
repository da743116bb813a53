"""The software bill of materials in CycloneDX's JSON: `python -m orbit.launcher.sbom`. Of one set of pins always the same."""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from typing import Any

from orbit.launcher.components import Component, components
from orbit.launcher.state import PROJECT

_SPACE = uuid.UUID("6f5c1f0e-8f5b-5d0c-9d55-3a7b3f1f6f0a")  # of serial numbers that are made of contents


def main() -> None:
    json.dump(document(components()), sys.stdout, indent=1)
    sys.stdout.write("\n")


def document(found: list[Component]) -> dict[str, Any]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    own = f"pkg:generic/{project['name']}@{project['version']}"
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.name, []).append(one.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, own + ''.join(one.purl for one in found))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [_component(one) for one in found],
        "dependencies": [
            {"ref": own, "dependsOn": [one.purl for one in found if one.lock == "base"]},
            *({"ref": one.purl, "dependsOn": _purls(one, names)} for one in found),
        ],
    }


def _purls(one: Component, names: dict[str, list[str]]) -> list[str]:
    return sorted({purl for name in one.needs for purl in names.get(name, [])})


def _component(one: Component) -> dict[str, Any]:
    # A package has several files, for systems and Pythons; CycloneDX has hashes of a component that is one file.
    files = {
        "type": "distribution",
        "url": f"https://pypi.org/project/{one.name}/{one.version}/#files",
        "hashes": [{"alg": "SHA-256", "content": each} for each in one.hashes],
    }
    named = one.licence == "BSD" or " " in one.licence.replace(" AND ", "").replace(" OR ", "")
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "scope": "required" if one.lock == "base" and not one.marker else "optional",
        "licenses": [{"license": {"name": one.licence}}] if named else [{"expression": one.licence}],
        "externalReferences": [files],
    }


if __name__ == "__main__":
    main()
