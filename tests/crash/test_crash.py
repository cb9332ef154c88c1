"""The crash campaign in its short form; `make crash` runs it at any length."""

import random
from pathlib import Path

import pytest

from crash.campaign import campaign

CYCLES = 20


@pytest.mark.timeout(300)
def test_nothing_answered_is_lost_and_nothing_is_invented(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    outcome = campaign(tmp_path, CYCLES, seed)
    assert outcome.faults == [], f"seed {seed}"
    assert outcome.answered > CYCLES
