"""Faults of every AWS call of a deploy, an update, a rollback and a destroy; then the same command again.

Bounded here; the whole, with every setting there is: ``pytest tests/integration/test_fault_matrix.py --faults all -s``.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.cloud.execution import Spell
from tests.cloud.faults import Kind
from tests.cloud.jobs import PROMISED, STORMS, Job, chosen, jobs
from tests.cloud.matrix import Matrix, hurry, two_versions


@pytest.fixture(scope="module")
def folder(iris_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the tests' own, with the first model version that all tests share."""
    found = tmp_path_factory.mktemp("matrix") / "project"
    shutil.copytree(iris_folder, found)
    return found


@pytest.fixture(scope="module")
def matrix(folder: Path) -> Iterator[tuple[Matrix, tuple[Job, ...]]]:
    with hurry(), Cloud() as cloud:
        old, new = two_versions(folder)
        yield Matrix(cloud, folder, (old, new)), jobs(old.id, new.id)


@pytest.mark.parametrize("number", range(len(jobs("", ""))), ids=lambda number: jobs("", "")[number].name)
def test_the_next_run_puts_right_what_any_fault_left(
    number: int, matrix: tuple[Matrix, tuple[Job, ...]], request: pytest.FixtureRequest
) -> None:
    """The end is that of an undisturbed run; ``live`` was never at an unverified release; requests were answered."""
    whole = request.config.getoption("--faults") == "all"
    if number >= PROMISED and not whole:
        pytest.skip("with --faults all")
    runs, all_jobs = matrix
    job = all_jobs[number]
    table, goal = runs.undisturbed(job)
    if job.name.startswith("destroy"):
        assert goal == {}
    table.cells += [runs.cell(job, fault, goal) for fault in chosen(table.calls, whole=whole)]
    print("\n".join(table.lines()))
    assert table.broken == []
    # Each call was there to be struck, and a fault that lasts was felt.
    assert all(cell.struck for cell in table.cells)
    assert any(cell.end != 0 for cell in table.cells)


@pytest.mark.parametrize("kind", STORMS)
@pytest.mark.parametrize("number", range(PROMISED), ids=lambda number: jobs("", "")[number].name)
def test_a_command_that_each_change_cuts_off_gets_there(
    number: int, kind: Kind, matrix: tuple[Matrix, tuple[Job, ...]]
) -> None:
    runs, all_jobs = matrix
    _, goal = runs.undisturbed(all_jobs[number])
    assert runs.storm(all_jobs[number], kind, goal) == []


@pytest.mark.parametrize("number", [0, 1], ids=lambda number: jobs("", "")[number].name)
def test_of_two_deploys_at_once_one_wins_and_the_other_says_so_and_changes_nothing(
    number: int,
    matrix: tuple[Matrix, tuple[Job, ...]],
    folder: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The other one runs on another machine, where no lock holds it, between any two calls of the first."""
    runs, all_jobs = matrix
    elsewhere = tmp_path / "project"
    shutil.copytree(folder, elsewhere)
    job, rival = all_jobs[number], runs.elsewhere(elsewhere)
    table, _ = runs.undisturbed(job)
    changes = {call.number for call in table.calls if call.mutates}
    whole = request.config.getoption("--faults") == "all"
    points = [call.number for call in table.calls if whole or {call.number, call.number + 1} & changes]
    other = replace(all_jobs[0].command, toml="[deploy]\nmemory = 640\n")
    found = {k: runs.race(job, rival, other, k) for k in points}
    assert {f"after call {k} ({table.calls[k - 1]})": wrong for k, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("spell", ["wrong", "crash", "timeout"])
def test_a_release_that_does_not_answer_rightly_gets_no_traffic_until_it_does(
    spell: Spell, matrix: tuple[Matrix, tuple[Job, ...]]
) -> None:
    runs, all_jobs = matrix
    for job, before in ((all_jobs[0], {}), (all_jobs[1], {"1": 1.0})):
        _, goal = runs.undisturbed(job)
        assert runs.spoilt(job, spell, str(len(before) + 1)) == (4, before, [])
        assert runs.run(job.command)[0] == 0
        assert runs.state() == goal
