"""A table of which two numbers are to be predicted at once."""

from pathlib import Path

import numpy as np
import pandas as pd

from mlctl import settings
from mlctl.data import loading
from mlctl.data.dataset import Dataset

FEATURES = ["age", "height", "plan"]
TARGETS = ["waist", "weight"]
SETTINGS = """project = "body"
[data]
source = "body.csv"
target = ["waist", "weight"]
{data}
[model]
cv = 2
{model}
"""
FOREST = "params = { n_estimators = 5 }"


def body(rows: int = 60) -> pd.DataFrame:
    """Two numbers and a category, and two numbers that follow them loosely; a day and a group beside them."""
    dice = np.random.default_rng(3)
    frame = pd.DataFrame({"age": dice.integers(18, 80, rows), "height": dice.normal(175, 9, rows).round(1)})
    frame["plan"] = np.array(["a", "b", "c"])[dice.integers(0, 3, rows)]
    frame["waist"] = (frame.age * 0.3 + dice.normal(20, 2, rows)).round(2)
    frame["weight"] = (frame.height * 1.1 + dice.normal(0, 9, rows)).round(2)
    return frame


def write(folder: Path, frame: pd.DataFrame | None = None, *, data: str = "", model: str = FOREST) -> None:
    (body() if frame is None else frame).to_csv(folder / "body.csv", index=False)
    (folder / "mlctl.toml").write_text(SETTINGS.format(data=data, model=model))


def load(folder: Path) -> Dataset:
    return loading.load(settings.load(folder), folder)
