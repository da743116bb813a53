from __future__ import annotations

import pytest

from dlp.detectors import builtin
from dlp.detectors.scan import Detector


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector(builtin.rules())
