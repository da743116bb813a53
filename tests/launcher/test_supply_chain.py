"""What the gateway is made of, under which licences, and what is known against it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orbit.launcher import components, licences, sbom, vulnerabilities
from orbit.launcher.hygiene import _pins
from orbit.launcher.state import PROJECT


def test_bill_of_materials_has_each_pinned_package_with_its_hashes() -> None:
    document = sbom.document(components.components())
    listed = {one["purl"]: one for one in document["components"]}
    assert len(listed) == len(document["components"])
    for lock in components.LOCKS:
        for name, version in _pins((PROJECT / f"requirements/{lock}.txt").read_text()).items():
            assert listed[f"pkg:pypi/{name}@{version}"]["externalReferences"][0]["hashes"]
    references = {one["bom-ref"] for one in document["components"]}
    own, *others = document["dependencies"]
    assert own["ref"] == document["metadata"]["component"]["bom-ref"]
    assert {one["ref"] for one in others} == references
    assert all(set(one["dependsOn"]) <= references for one in document["dependencies"])
    assert "pkg:pypi/asgiref" in json.dumps(next(one for one in others if "pypi/django@" in one["ref"]))
    assert sbom.document(components.components()) == document


def test_page_of_licences_is_in_step_and_all_fit() -> None:
    assert list(licences.faults(components.components(), licences.PAGE.read_text())) == []


def test_package_whose_licence_does_not_fit_is_refused() -> None:
    one = replace(components.components()[0], licence="AGPL-3.0-only")
    (fault,) = licences.faults([one], licences.text([one]))
    assert fault.startswith(f"requirements/base.txt: {one.name} is under AGPL-3.0-only")


CLEAN = {"name": "a", "version": "1", "vulns": []}
KNOWN = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("report", "known"),
    [
        ({"dependencies": [CLEAN]}, []),
        ({"dependencies": [CLEAN, KNOWN]}, ["b 2: CVE-1, mended in 3"]),
        ({"dependencies": [CLEAN, SKIPPED]}, None),
        ({"dependencies": []}, None),
        ("no answer", None),
    ],
)
def test_only_what_was_looked_up_counts_as_known(report: object, known: list[str] | None) -> None:
    assert vulnerabilities.told(json.dumps(report).encode()) == known
