"""What holds for every test: torch's random numbers do not depend on the tests that ran before."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def seeded() -> None:
    """A test draws the same weights alone, in any order and on any worker."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
