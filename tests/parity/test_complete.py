"""Every class of the registry has parity cases."""

import importlib
from pathlib import Path

from mlctl.portable.registry import ENTRIES


def test_every_entry_has_parity_cases() -> None:
    covered: set[type] = set()
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        covered |= set(getattr(importlib.import_module(f"tests.parity.{path.stem}"), "CASES", {}))
    assert {estimator.__name__ for estimator in set(ENTRIES) - covered} == set()
