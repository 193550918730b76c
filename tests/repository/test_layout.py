"""Where modules and their tests are: the rules of CONTRIBUTING.md."""

from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "tests" / "unit"
UNIT_TESTS = sorted(path.relative_to(UNIT) for path in UNIT.rglob("test_*.py"))
# The handler runs these with the operations of other families.
ONLY_COMPILED = {"linear_classifiers", "selection"}
# Modules of handler/ops that several families share.
SHARED_OPERATIONS = {"link_functions", "tree_traversal", "validation"}
# Parity tests of all families at once.
ALL_FAMILIES = {"complete", "pythons"}


def modules(folder: str, pattern: str = "*.py") -> set[str]:
    """The names of the modules in a folder, without ``__init__``."""
    return {path.stem for path in (ROOT / folder).glob(pattern)} - {"__init__"}


def source_folder(test: Path) -> Path:
    """The source folder that the folder of a unit test mirrors."""
    return ROOT / test.parent if test.parts[0] == "handler" else ROOT / "mlctl" / test.parent


@pytest.mark.parametrize("test", UNIT_TESTS, ids=str)
def test_a_unit_test_is_where_its_module_is(test: Path) -> None:
    folder, name = source_folder(test), test.stem.removeprefix("test_")
    stems = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"] + [folder.name]
    assert any(name == stem or name.startswith(f"{stem}_") for stem in stems), f"{folder} has no module {name}"


def test_a_family_has_one_name_everywhere() -> None:
    compiled = modules("mlctl/portable/families")
    assert modules("handler/ops") - SHARED_OPERATIONS == compiled - ONLY_COMPILED
    parity = {name.removeprefix("test_") for name in modules("tests/parity", "test_*.py")}
    assert parity - ALL_FAMILIES == compiled


def test_folders_stay_small_enough_to_survey() -> None:
    # One file for each command, and one for each family of scikit-learn's classes.
    wide = {"mlctl/cli", "mlctl/core", "mlctl/portable/families", "handler/ops", "tests/unit", "tests/parity"}
    for folder in {path.parent for root in ("mlctl", "handler") for path in (ROOT / root).rglob("*.py")}:
        name = folder.relative_to(ROOT).as_posix()
        assert name in wide or len(list(folder.glob("*.py"))) <= 15, name
