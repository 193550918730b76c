"""Every class of the registry has cases that are held against scikit-learn."""

import importlib
from pathlib import Path

from mlctl.portable.registry import ENTRIES


def test_every_entry_is_held_against_scikit_learn() -> None:
    found: set[type] = set()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        found |= set(getattr(importlib.import_module(f"tests.parity.{path.stem}"), "CASES", {}))
    assert {each.__name__ for each in set(ENTRIES) - found} == set()
