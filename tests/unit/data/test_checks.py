"""Targets, tasks and labels of a dataset; its problems and warnings."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder

from mlctl.data import checks, loading, target
from mlctl.data.checks import Findings
from mlctl.data.columns import Column
from mlctl.data.dataset import Dataset
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError
from mlctl.settings import DataSettings, ModelSettings, Settings


def load(folder: Path, content: str, **data: Any) -> Dataset:
    (folder / "rows.csv").write_text(content)
    return loading.load(Settings(data=DataSettings(source="rows.csv", **{"target": "y", **data})), folder)


def table(columns: dict[str, Any]) -> str:
    """CSV of some columns."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join(
        [",".join(columns), *(",".join("" if each is None else str(each) for each in row) for row in rows)]
    )


def refused(folder: Path, content: str, **data: Any) -> tuple[str, str]:
    with pytest.raises(MlctlError) as raised:
        load(folder, content, **data)
    assert raised.value.exit_code == ExitCode.BAD_INPUT
    return raised.value.message, raised.value.hint


def findings(folder: Path, columns: dict[str, Any], cv: int = 2, **data: Any) -> Findings:
    dataset = load(folder, table(columns), **data)
    settings = Settings(data=DataSettings(target="y", **data), model=ModelSettings(cv=cv))
    return checks.check(dataset, settings)


def noise(rows: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(size=rows).round(3).tolist()  # type: ignore[no-any-return]


# The target


def test_a_target_that_is_not_set(tmp_path: Path) -> None:
    told = refused(tmp_path, "a,b\n1,2\n", target=None)
    assert told == (
        "rows.csv: no target column is set.",
        "Set [data] target to one of: a, b; `mlctl init FILE` suggests one.",
    )
    wide = table({f"c{at}": [1] for at in range(20)})
    assert "c11, … (20 in all);" in refused(tmp_path, wide, target=None)[1]


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path, "churned,b\n1,2\n", target="churn") == (
        "rows.csv has no column 'churn', which [data] target names.",
        "It has: churned, b. Did you mean 'churned'?",
    )


def test_a_target_with_gaps(tmp_path: Path) -> None:
    hint = "Training needs a target in every row: fill in the value, or remove the row."
    assert refused(tmp_path, "a,y\n1,0\n2,\n3,1\n4,\n") == (
        "rows.csv has no value of the target y in 2 of 4 rows (first: row 2).",
        hint,
    )
    assert refused(tmp_path, "a,y\n1,\n2,\n") == ("rows.csv has no value of the target y in any row.", hint)


def test_one_class_only(tmp_path: Path) -> None:
    hint = "A classifier needs rows of at least two classes."
    for value, shown in (("yes", "yes"), ("1", "1"), ("true", "true"), ("True", "true")):
        assert refused(tmp_path, table({"a": [1, 2], "y": [value] * 2})) == (
            f"rows.csv has only one class: y is '{shown}' in every row.",
            hint,
        )


@pytest.mark.parametrize("values", [["1", "inf", "2"], ["1.5", "-inf", "2"]])
@pytest.mark.parametrize("task", ["auto", "multiclass", "regression"])
def test_an_infinite_target(tmp_path: Path, values: list[str], task: str) -> None:
    assert refused(tmp_path, table({"a": [1, 2, 3], "y": values}), task=task) == (
        "rows.csv has an infinite target y in row 2.",
        "Correct or remove that row.",
    )


def test_a_target_that_cannot_be_one(tmp_path: Path) -> None:
    dates = table({"a": [1, 2], "y": ["2024-01-01", "2024-01-02"]})
    assert refused(tmp_path, dates) == (
        "rows.csv has dates in the target y.",
        "Predict a number or a class instead.",
    )
    names = table({"a": [1, 2], "y": ["x", "z"]})
    assert refused(tmp_path, names, task="regression") == (
        "rows.csv has a target y of kind category, but a regression needs a number.",
        'Set [data] task = "multiclass", or choose another target.',
    )
    three = table({"a": [1, 2, 3], "y": ["x", "z", "w"]})
    assert refused(tmp_path, three, task="binary") == (
        "rows.csv has 3 classes in y, not two.",
        'Set [data] task = "multiclass".',
    )


def test_only_the_target(tmp_path: Path) -> None:
    told = ("rows.csv has no column but the target y.", "A model needs features to predict from.")
    assert refused(tmp_path, "y\n1\n2\n") == told
    assert refused(tmp_path, "a,y\n1,1\n2,2\n", ignore=("a",)) == told


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("kinds", {"kinds": {"colour": "category"}}),
        ("ignore", {"ignore": ("id", "colour")}),
        ("split_by", {"split": "group", "split_by": "colour"}),
    ],
)
def test_settings_that_name_no_column(tmp_path: Path, key: str, data: dict[str, Any]) -> None:
    if "ignore" not in data:
        data = {"ignore": ("id",), **data}
    assert refused(tmp_path, "id,color,y\n1,x,0\n2,z,1\n", **data) == (
        f"rows.csv has no column 'colour', which [data] {key} names.",
        "It has: color, y, id. Did you mean 'color'?",
    )


def test_settings_that_name_columns(tmp_path: Path) -> None:
    content = "id,color,who,y\n1,1,a,0\n2,2,b,1\n"
    found = load(tmp_path, content, ignore=("id",), kinds={"id": "number", "color": "category"})
    assert [(each.name, each.kind) for each in found.features] == [("color", "category"), ("who", "category")]
    # A group is no feature; a time may be one.
    grouped = load(tmp_path, content, split="group", split_by="who")
    assert grouped.feature_names == ("id", "color")
    assert grouped.split_by is not None
    assert load(tmp_path, content, split="time", split_by="id").feature_names == ("id", "color", "who")
    assert load(tmp_path, content, split="time", split_by="id", ignore=("id",)).feature_names == ("color", "who")
    assert refused(tmp_path, content, ignore=("y",))[0] == "rows.csv has the target y, but [data] ignore excludes it."


# The task and the labels


@pytest.mark.parametrize(
    ("values", "task", "labels", "names"),
    [
        (["yes", "no"], "binary", ("no", "yes"), ("no", "yes")),
        (["b", "a", "c"], "multiclass", ("a", "b", "c"), ("a", "b", "c")),
        (["true", "FALSE"], "binary", (False, True), ("false", "true")),
        (["1", "0"], "binary", (0, 1), ("0", "1")),
        (["2.0", "-1", "10"], "multiclass", (-1, 2, 10), ("-1", "2", "10")),
        ([str(at) for at in range(10)], "multiclass", tuple(range(10)), tuple("0123456789")),
        ([str(at) for at in range(11)], "regression", (), ()),
        (["0.5", "1", "2"], "regression", (), ()),
        (["1.5", "2.5"], "regression", (), ()),
    ],
)
def test_the_task_is_inferred_from_the_target(
    tmp_path: Path, values: list[str], task: str, labels: tuple[Any, ...], names: tuple[str, ...]
) -> None:
    found = load(tmp_path, table({"a": range(len(values)), "y": values}))
    assert (found.task, found.labels, found.class_names) == (task, labels, names)
    assert [type(each) for each in found.labels] == [type(each) for each in labels]
    if task == "regression":
        assert found.answers().tolist() == [float(value) for value in values]
        assert len(found.classes) == 0
    else:
        assert [found.class_names[each] for each in found.classes] == [
            str(value).removesuffix(".0").lower() for value in values
        ]


def test_the_task_that_is_set(tmp_path: Path) -> None:
    halves = table({"a": [1, 2, 3], "y": ["1.5", "0.5", "1.5"]})
    found = load(tmp_path, halves, task="binary")
    assert (found.task, found.labels, found.class_names) == ("binary", (0.5, 1.5), ("0.5", "1.5"))
    assert found.answers().tolist() == [1.5, 0.5, 1.5]
    # Two classes are two, whatever they are called.
    assert load(tmp_path, halves, task="multiclass").task == "binary"
    assert load(tmp_path, table({"a": [1, 2], "y": [0, 1]}), task="regression").task == "regression"
    codes = load(tmp_path, table({"a": [1, 2], "y": ["01", "1"]}), kinds={"y": "category"})
    assert codes.labels == ("01", "1")


@given(st.lists(st.text(min_size=1).filter(lambda text: "\0" not in text), min_size=2, max_size=8, unique=True))
def test_labels_ascend_as_in_scikit_learn(texts: list[str]) -> None:
    texts = [text for text in texts if text.isprintable()] + ["Z", "a", "É", "é", "10", "9"]
    texts = list(dict.fromkeys(texts))
    codes = np.array([*range(len(texts)), 0, 1], dtype=np.int8)
    whole = Table(
        "rows",
        {
            "a": Column("a", "number", codes),
            "y": Column("y", "category", codes, pa.array(texts)),
        },
    )
    found = target.dataset(whole, DataSettings(target="y"))
    told = [texts[code] for code in codes]
    assert found.labels == tuple(np.unique(told).tolist()) == tuple(LabelEncoder().fit(told).classes_.tolist())
    assert found.answers().tolist() == told
    assert [found.labels[each] for each in found.classes] == told


# Problems


def test_more_folds_than_the_rows_allow(tmp_path: Path) -> None:
    few = {"a": [1, 2, 3], "b": [2, 1, 3], "y": [0, 1, 0]}
    assert findings(tmp_path, few, cv=5).problems == ("3 rows are fewer than the 5 folds of cross-validation.",)
    rare = {"a": noise(20), "y": ["yes"] * 3 + ["no"] * 16 + ["maybe"]}
    assert findings(tmp_path, rare, cv=5).problems == (
        "class maybe has 1 row, fewer than the 5 folds of cross-validation.",
        "class yes has 3 rows, fewer than the 5 folds of cross-validation.",
    )
    groups = {"a": noise(20), "who": [at % 5 for at in range(20)], "y": [at % 2 for at in range(20)]}
    assert findings(tmp_path, groups, cv=5, split="group", split_by="who").problems == (
        "who has 5 groups, too few for 5 folds and a test part.",
    )


def test_values_that_cannot_be_learned_from(tmp_path: Path) -> None:
    rows = 30
    y = [at % 2 for at in range(rows)]
    good = noise(rows)
    empty = [None] * rows
    assert findings(tmp_path, {"a": empty, "b": empty, "y": y}).problems == ("no row has a value in any feature.",)
    assert findings(tmp_path, {"a": empty, "b": good, "y": y}).problems == ("a has no value in any row.",)
    one = ["inf", *range(1, rows)]
    assert findings(tmp_path, {"a": one, "y": y}).problems == ("a is infinite in row 1.",)
    assert findings(tmp_path, {"a": [*range(1, rows), "-inf"], "y": y}).problems == ("a is infinite in row 30.",)
    assert findings(tmp_path, {"a": ["inf"] * 3 + good[3:], "y": y}).problems == ("a is infinite in row 1 and 2 more.",)
    constant = findings(tmp_path, {"a": good, "y": [1.5] * rows})
    assert constant.problems == ("the target y is 1.5 in every row: nothing can be learned.",)


def test_the_first_problem_is_raised(tmp_path: Path) -> None:
    dataset = load(tmp_path, table({"a": [1, 2], "y": [0, 1]}))
    for problems, message in (
        (("it is bad.",), "rows.csv: it is bad."),
        (("it is bad.", "b"), "rows.csv: it is bad. (1 more problem.)"),
        (("it is bad.", "b", "c"), "rows.csv: it is bad. (2 more problems.)"),
    ):
        with pytest.raises(MlctlError) as raised:
            checks.refuse(dataset, Findings(problems, ()))
        assert raised.value.message == message
        assert raised.value.hint == "Correct the data, or exclude the column with [data] ignore."
        assert raised.value.exit_code == ExitCode.BAD_INPUT
    checks.refuse(dataset, Findings((), ("a warning",)))


# Warnings

ROWS = 40
LABELS = ["yes" if at % 3 else "no" for at in range(ROWS)]


def warned(folder: Path, feature: list[Any], y: list[Any] | None = None, **data: Any) -> tuple[str, ...]:
    """The warnings for a dataset of one feature under question and an ordinary one."""
    columns = {"my col": feature, "b": noise(ROWS, 9), "y": y or LABELS}
    found = findings(folder, columns, **data)
    assert found.problems == ()
    return found.warnings


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        ([7] * ROWS, "7, in every row"),
        ([0.5] * ROWS, "0.5, in every row"),
        (["red"] * ROWS, "'red', in every row"),
        (["true"] * ROWS, "true, in every row"),
        (["2024-01-01"] * ROWS, "'2024-01-01', in every row"),
        ([None, *[7] * (ROWS - 1)], "7, in every row that has one"),
        ([None, *["red"] * (ROWS - 1)], "'red', in every row that has one"),
    ],
)
def test_a_constant_column(tmp_path: Path, feature: list[Any], told: str) -> None:
    assert warned(tmp_path, feature) == (f"my col has the same value, {told}: it does not help a model.",)


@pytest.mark.parametrize(
    "feature",
    [
        [f"customer {at}" for at in range(ROWS)],
        [f"customer {max(at, 4)}" for at in range(ROWS)],
        list(range(1000, 1000 + ROWS)),
        list(range(ROWS))[::-1],
        [at * 2 for at in range(ROWS)],
    ],
)
def test_a_column_that_names_its_rows(tmp_path: Path, feature: list[Any]) -> None:
    assert warned(tmp_path, feature) == (
        "my col looks like an identifier, with a different value in nearly every row: "
        'it does not help a model. Exclude it with [data] ignore = ["my col"].',
    )


@pytest.mark.parametrize(
    "feature",
    [
        noise(ROWS),
        # Amounts differ in every row, too; but they do not lie close together.
        [at * 37 % 1009 for at in range(ROWS)],
        [at * 0.5 for at in range(ROWS)],
        [*range(ROWS - 1), None],
        [*range(ROWS - 1), 0],
        [f"town {at % 30}" for at in range(ROWS)],
        [f"2024-01-{at % 28 + 1:02}" for at in range(ROWS)],
        [at % 2 == 0 for at in range(ROWS)],
        [at % 7 for at in range(ROWS)],
    ],
)
def test_ordinary_columns_are_not_warned_of(tmp_path: Path, feature: list[Any]) -> None:
    assert warned(tmp_path, feature) == ()


def test_few_rows_name_nothing(tmp_path: Path) -> None:
    columns = {"a": [f"x{at}" for at in range(19)], "b": noise(19), "y": LABELS[:19]}
    assert findings(tmp_path, columns).warnings == ()


def leak(name: str = "my col") -> str:
    return (
        f"{name} determines y exactly. Is it known before y is? "
        f'If not, the model is useless: exclude it with [data] ignore = ["{name}"].'
    )


@pytest.mark.parametrize(
    "feature",
    [
        LABELS,
        ["left" if each == "yes" else "stayed" for each in LABELS],
        [int(each == "yes") for each in LABELS],
        [each == "no" for each in LABELS],
        [7.5 if each == "yes" else -1 for each in LABELS],
    ],
    ids=["the same", "renamed", "numbered", "negated", "any two numbers"],
)
def test_a_column_that_is_the_target(tmp_path: Path, feature: list[Any]) -> None:
    assert warned(tmp_path, feature) == (leak(),)


def test_a_leak_of_many_classes(tmp_path: Path) -> None:
    y = [f"class {at % 4}" for at in range(ROWS)]
    assert warned(tmp_path, [at % 4 * 10 for at in range(ROWS)], y) == (leak(),)
    # Coarser or finer than the classes is none.
    assert warned(tmp_path, [at % 2 for at in range(ROWS)], y) == ()
    assert warned(tmp_path, [at % 8 for at in range(ROWS)], y) == ()


def test_a_column_that_nearly_is_the_target(tmp_path: Path) -> None:
    nearly = [int(each == "yes") for each in LABELS]
    nearly[0] = 1 - nearly[0]
    assert warned(tmp_path, nearly) == ()
    assert warned(tmp_path, [*LABELS[:-1], None]) == ()


@pytest.mark.parametrize("factor", [(1, 0), (-3, 1000), (1e-6, 0)])
def test_a_number_that_is_the_target(tmp_path: Path, factor: tuple[float, float]) -> None:
    y = noise(ROWS, 5)
    scaled = [repr(factor[0] * each + factor[1]) for each in y]
    assert warned(tmp_path, scaled, y) == (leak(),)
    noisy = [factor[0] * (each + extra * 0.01) + factor[1] for each, extra in zip(y, noise(ROWS, 6), strict=True)]
    assert warned(tmp_path, noisy, y) == ()
    assert warned(tmp_path, [each**3 for each in y], y) == ()


def test_rows_that_repeat(tmp_path: Path) -> None:
    warning = " another row: copies of a row can be in both the training and the test part."
    content: dict[str, list[Any]] = {
        "a": [1, 1, 1, 2, 2, 3],
        "b": ["x", None, "x", "x", "z", "x"],
        "y": [0, 1, 0, 1, 0, 1],
    }
    assert findings(tmp_path, content).warnings == ("1 row repeats" + warning,)
    content = {name: values * 2 for name, values in content.items()}
    assert findings(tmp_path, content).warnings == ("7 rows repeat" + warning,)
    # The same values in other columns, another target, a zero with a sign: what differs and what does not.
    swapped = {"a": [1, 2, 3, 4], "b": [2, 1, 4, 3], "y": [0, 0, 1, 1]}
    assert findings(tmp_path, swapped).warnings == ()
    twins = {"a": [1, 1, 2, 2], "b": [5, 5, 6, 6], "y": [0, 1, 0, 1]}
    assert findings(tmp_path, twins).warnings == ()
    zeros = {"a": ["0.0", "-0.0", 1.5, 2.5], "b": [5, 5, 6, 8], "y": [0, 0, 1, 1]}
    assert findings(tmp_path, zeros).warnings == ("1 row repeats" + warning,)


def test_decimal_commas_that_are_not_read(tmp_path: Path) -> None:
    lines = "".join(f"{at % 9},{at % 5};{noise(ROWS)[at]};{LABELS[at]}\n" for at in range(ROWS))
    dataset = load(tmp_path, "price;b;y\n" + lines, delimiter=";")
    assert checks.check(dataset, Settings(data=DataSettings(target="y"), model=ModelSettings(cv=2))).warnings == (
        "price looks like numbers written with decimal commas ('0,0'): it is read as categories. "
        'Set [data] decimal = ",", or write plain numbers.',
    )
    mended = load(tmp_path, "price;b;y\n" + lines, delimiter=";", decimal=",")
    assert mended.features[0].for_request()[:2] == [0.0, 1.1]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{at},148.50", "10,148.50"),
        ("{at},148", "10,148"),
        ("1,{at},148", "1,10,148"),
        ("1.2{at},50", "1.210,50"),
        ("1.2{at}.000", "1.210.000"),
        ("1 2{at},5", "1 210,5"),
        ("1\u00a02{at}", "1\u00a0210"),
        ("1'2{at}.50", "1'210.50"),
        ("${at}.99", "$10.99"),
        ("-${at}", "-$10"),
        ("US$ {at}", "US$ 10"),
        ("{at},00 €", "10,00 €"),
        ("EUR {at}", "EUR 10"),
        ("{at}%", "10%"),
        ("{at}.5 %", "10.5 %"),
    ],
)
def test_numbers_in_another_notation(tmp_path: Path, form: str, shown: str) -> None:
    texts = [form.format(at=at) for at in range(10, 10 + ROWS)]
    quoted = [f'"{text}"' for text in texts]
    warning = (
        f"my col looks like numbers written with separators or signs ('{shown}'): "
        "it is read as categories. Write plain numbers."
    )
    assert warned(tmp_path, quoted) == (warning,)
    # A few texts of another kind do not make them names; more do.
    assert warned(tmp_path, [*quoted[:-4], *["none"] * 4]) == (warning,)
    mixed = [*texts[:-8], *(f"no {at}" for at in range(8))]
    assert "identifier" in warned(tmp_path, [f'"{text}"' for text in mixed])[0]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{day:02}.06.20{at}", "11.06.2010"),
        ("6/{day}/20{at}", "6/11/2010"),
        ("{day}-6-{at}", "11-6-10"),
        ("20{at}/06/{day:02}", "2010/06/11"),
        ("20{at}-6-{day}", "2010-6-11"),
        ("{day}/06/20{at} 12:30", "11/06/2010 12:30"),
        ("6/{day}/20{at}, 9:05:01 PM", "6/11/2010, 9:05:01 PM"),
        ("{day} June 20{at}", "11 June 2010"),
        ("{day}-Jun-{at}", "11-Jun-10"),
        ("Jun {day}, 20{at}", "Jun 11, 2010"),
    ],
)
def test_dates_in_another_notation(tmp_path: Path, form: str, shown: str) -> None:
    feature = [f'"{form.format(at=at, day=at % 28 + 1)}"' for at in range(10, 10 + ROWS)]
    assert warned(tmp_path, feature) == (
        f"my col looks like dates that are not ISO 8601 ('{shown}'): "
        "it is read as categories. Write dates like 2022-06-07.",
    )


@pytest.mark.parametrize(
    "form",
    [
        "0{at}-555-1234",
        "192.168.0.{at}",
        "AB {at}",
        "{at}-77-99",
        "#{at}",
        "A${at}B",
        "{at} m",
        "v1.{at}.3",
        "1{at}-20",
    ],
)
def test_names_with_figures_in_them_are_identifiers(tmp_path: Path, form: str) -> None:
    (warning,) = warned(tmp_path, [form.format(at=at) for at in range(10, 10 + ROWS)])
    assert warning.startswith("my col looks like an identifier")


def test_a_kind_that_is_set_and_plain_codes_are_not_warned_of(tmp_path: Path) -> None:
    prices = [f"${at % 9}.99" for at in range(ROWS)]
    assert warned(tmp_path, prices, kinds={"my col": "category"}) == ()
    assert warned(tmp_path, [f"0{at % 9}" for at in range(ROWS)], kinds={"my col": "category"}) == ()


def test_a_target_in_another_notation(tmp_path: Path) -> None:
    (warning,) = warned(tmp_path, noise(ROWS), [f"${at % 4}" for at in range(ROWS)])
    assert warning.startswith("y looks like numbers written with separators or signs ('$0')")


def test_numbers_that_the_api_will_refuse_are_reported(tmp_path: Path) -> None:
    columns = {"a": [1.5, 3.5e38, 2.5, 4e38], "b": [1, 2, 3, 5], "y": ["p", "q", "p", "q"]}
    assert findings(tmp_path, columns).warnings == (
        "a has numbers outside the range of float32 in 2 rows (first: row 2): the API rejects them. Use a larger unit.",
    )
