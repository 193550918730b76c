"""Held-out rows and folds: stratified, plain, by group, by time."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlctl.data import split, target
from mlctl.data.columns import Column, numbers
from mlctl.data.dataset import Dataset
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import DataSettings

ROWS = 200
CHANCE = np.random.default_rng(3)
GROUPS = CHANCE.integers(0, 25, ROWS)
TIMES = CHANCE.permutation(ROWS) * 1_000
CLASSES = np.arange(ROWS) % 10 // 8  # one in five
NUMBERS = CHANCE.normal(size=ROWS)


def make(rows: int = ROWS, y: Any = None, **columns: Column) -> tuple[Dataset, Any]:
    """A dataset maker: settings in, dataset out."""
    target_column = numbers("y", np.asarray(CLASSES[:rows] if y is None else y))
    table = Table("rows", {"a": numbers("a", np.arange(rows)), **columns, "y": target_column})

    def settled(**data: Any) -> tuple[Dataset, DataSettings]:
        settings = DataSettings(target="y", **data)
        return target.dataset(table, settings), settings

    return settled()[0], settled


def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(MlctlError) as raised:
        call()
    assert (raised.value.code, raised.value.exit_code) == ("split_impossible", ExitCode.BAD_INPUT)
    return raised.value.message, raised.value.hint


def folds(dataset: Dataset, settings: DataSettings, count: int = 4) -> list[tuple[Any, Any]]:
    return list(split.folds(dataset, split.hold_out(dataset, settings), settings, count))


def assert_whole(dataset: Dataset, settings: DataSettings, found: split.Split) -> None:
    """The parts make up the rows, in order; the folds make up the training part, where they are not by time."""
    assert np.array_equal(np.sort(np.concatenate([found.train, found.test])), np.arange(dataset.rows))
    assert np.all(np.diff(found.train) > 0)
    assert np.all(np.diff(found.test) > 0)
    pairs = folds(dataset, settings)
    assert len(pairs) == 4
    for fit, check in pairs:
        assert not set(fit) & set(check)
        assert set(fit) | set(check) <= set(found.train)
    checked = [row for _, check in pairs for row in check]
    assert len(checked) == len(set(checked))
    if found.strategy != "time":
        assert sorted(checked) == found.train.tolist()


def test_stratified() -> None:
    dataset, settled = make()
    for choice in ("auto", "stratified"):
        _, settings = settled(split=choice)
        found = split.hold_out(dataset, settings)
        assert found.strategy == "stratified"
        assert Counter(dataset.classes[found.test].tolist()) == {0: 32, 1: 8}
        assert_whole(dataset, settings, found)
        for _, check in folds(dataset, settings):
            assert Counter(dataset.classes[check].tolist()) == {0: 32, 1: 8}


def test_plain() -> None:
    dataset, settled = make(y=NUMBERS)
    assert dataset.is_regression
    for choice in ("auto", "plain"):
        _, settings = settled(split=choice, test_size=0.25)
        found = split.hold_out(dataset, settings)
        assert (found.strategy, len(found.test)) == ("plain", 50)
        assert_whole(dataset, settings, found)
    classes, settled = make()
    _, settings = settled(split="plain")
    assert split.hold_out(classes, settings).strategy == "plain"


@pytest.mark.parametrize("y", [CLASSES, NUMBERS], ids=["classes", "regression"])
@pytest.mark.parametrize("kind", ["number", "category"])
def test_groups_stay_together(y: Any, kind: str) -> None:
    names = pa.array([f"group {at}" for at in range(25)])
    who = numbers("who", GROUPS) if kind == "number" else Column("who", "category", GROUPS.astype(np.int8), names)
    _, settled = make(y=y, who=who)
    dataset, settings = settled(split="group", split_by="who")
    assert dataset.feature_names == ("a",)
    found = split.hold_out(dataset, settings)
    assert found.strategy == "group"
    assert len(set(GROUPS[found.test])) == 5
    assert not set(GROUPS[found.train]) & set(GROUPS[found.test])
    assert_whole(dataset, settings, found)
    for fit, check in folds(dataset, settings):
        assert not set(GROUPS[fit]) & set(GROUPS[check])
    assert split.group_count(dataset) == 25


@pytest.mark.parametrize("y", [CLASSES, NUMBERS], ids=["classes", "regression"])
@pytest.mark.parametrize("kind", ["number", "date"])
def test_the_latest_rows_are_held_out(y: Any, kind: str) -> None:
    at = numbers("at", TIMES) if kind == "number" else Column("at", "date", TIMES.astype(np.int64))
    _, settled = make(y=y, at=at)
    dataset, settings = settled(split="time", split_by="at", test_size=0.1)
    assert dataset.feature_names == ("a", "at")
    found = split.hold_out(dataset, settings)
    assert (found.strategy, len(found.test)) == ("time", 20)
    assert TIMES[found.train].max() < TIMES[found.test].min()
    assert_whole(dataset, settings, found)
    for fit, check in folds(dataset, settings):
        assert TIMES[fit].max() < TIMES[check].min()


def test_rows_of_one_time_keep_their_order() -> None:
    _, settled = make(10, y=NUMBERS[:10], at=numbers("at", np.zeros(10, dtype=np.int64)))
    dataset, settings = settled(split="time", split_by="at")
    assert split.hold_out(dataset, settings).test.tolist() == [8, 9]


@pytest.mark.parametrize("way", ["stratified", "plain", "group"])
def test_the_same_seed_gives_the_same_rows(way: str) -> None:
    _, settled = make(who=numbers("who", GROUPS))
    more = {"split_by": "who"} if way == "group" else {}

    def rows(seed: int) -> tuple[list[int], list[list[int]]]:
        dataset, settings = settled(split=way, seed=seed, **more)
        return split.hold_out(dataset, settings).test.tolist(), [c.tolist() for _, c in folds(dataset, settings)]

    assert rows(1) == rows(1)
    assert rows(1)[0] != rows(2)[0]


def test_a_split_that_the_data_does_not_allow() -> None:
    regression, settled = make(y=NUMBERS)
    _, settings = settled(split="stratified")
    assert refused(lambda: split.hold_out(regression, settings)) == (
        "A stratified split needs classes, but y is numeric.",
        'Set [data] split = "plain".',
    )
    names = Column("who", "category", GROUPS.astype(np.int8), pa.array([f"g{at}" for at in range(25)]))
    _, settled = make(who=names)
    dataset, settings = settled(split="time", split_by="who")
    assert refused(lambda: split.hold_out(dataset, settings)) == (
        "rows: rows cannot be ordered by who, which is of kind category.",
        "Set [data] split_by to a column of ISO 8601 dates or numbers.",
    )
    gaps = GROUPS.astype(float)
    gaps[[4, 7]] = np.nan
    _, settled = make(who=numbers("who", gaps))
    for way in ("group", "time"):
        dataset, settings = settled(split=way, split_by="who")
        assert refused(lambda: split.hold_out(dataset, settings)) == (  # noqa: B023  # called at once
            "rows: the split_by column who has no value in 2 rows (first: row 5).",
            "Fill in the values, or split by another column.",
        )
    plain, settled = make()
    settings = DataSettings(split="time", split_by="at")
    assert refused(lambda: split.hold_out(plain, settings)) == (
        "The dataset 'rows' has no column to split by.",
        "Built-in datasets have neither groups nor times; remove [data] split and split_by.",
    )


@pytest.mark.parametrize(
    ("rows", "data"),
    [
        (4, {"test_size": 0.1}),
        (1, {"split": "plain"}),
        (1, {"split": "time", "split_by": "a"}),
        (3, {"split": "group", "split_by": "same"}),
    ],
)
def test_too_few_rows_to_hold_some_out(rows: int, data: dict[str, Any]) -> None:
    y = NUMBERS[:rows] if data.get("split") in ("plain", "time") else np.arange(rows) % 2
    _, settled = make(rows, y=y, same=numbers("same", np.zeros(rows, dtype=np.int64)))
    dataset, settings = settled(**data)
    message, hint = refused(lambda: split.hold_out(dataset, settings))
    assert message.startswith("The rows cannot be split into training and test: ")
    assert hint == "Set a [data] test_size that leaves enough rows in each part, or add rows."


@pytest.mark.parametrize(
    ("rows", "data", "told"),
    [
        (6, {"split": "plain"}, "4 rows"),
        (6, {"split": "time", "split_by": "a"}, "4 rows"),
        (6, {"split": "group", "split_by": "who"}, "2 groups"),
        (10, {"split": "stratified"}, "4 rows of class 0"),
        (2, {"split": "plain", "test_size": 0.5}, "1 row"),
    ],
)
def test_too_few_rows_for_the_folds(rows: int, data: dict[str, Any], told: str) -> None:
    y = np.arange(rows) % 2 if data["split"] == "stratified" else NUMBERS[:rows]
    _, settled = make(rows, y=y, who=numbers("who", np.arange(rows) // 2))
    dataset, settings = settled(**data)
    assert refused(lambda: folds(dataset, settings, 5)) == (
        f"rows: the training part has {told}, too few for 5 folds of cross-validation.",
        "Add rows, or lower [data] test_size or [model] cv.",
    )


def test_a_class_that_could_not_be_in_every_fold() -> None:
    y = np.zeros(ROWS, dtype=np.int64)
    y[[0, 50, 100]] = 1
    _, settled = make(y=y, who=numbers("who", GROUPS))
    for data in ({"split": "stratified"}, {"split": "group", "split_by": "who"}):
        dataset, settings = settled(**data)
        message, _ = refused(lambda: folds(dataset, settings))  # noqa: B023  # called at once
        assert message.endswith("of class 1, too few for 4 folds of cross-validation.")


def test_a_part_of_one_class_is_refused_and_a_missing_class_is_reported() -> None:
    t = numbers("t", np.arange(ROWS))
    _, settled = make(y=np.repeat([0, 1], [170, 30]), t=t)
    dataset, settings = settled(split="time", split_by="t")
    message, _ = refused(lambda: split.hold_out(dataset, settings))
    assert message == "rows: the training part of a time split has only one class, 0."
    # The classes meet late: the first folds would be fitted on one of them.
    _, settled = make(y=np.repeat([0, 1, 2], [100, 70, 30]), t=t)
    dataset, settings = settled(split="time", split_by="t")
    parts = split.hold_out(dataset, settings)
    message, _ = refused(lambda: list(split.folds(dataset, parts, settings, 4)))
    assert message == "rows: the training part of cross-validation fold 1 has only one class, 0."
    assert list(split.missing_classes(dataset, parts)) == [
        "The training part has no row of class 2: the model cannot predict it.",
        "The test part has no row of class 0: the metrics do not cover it.",
    ]
    regression, settled = make(y=NUMBERS)
    assert list(split.missing_classes(regression, split.hold_out(*settled()))) == []
