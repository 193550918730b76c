"""Small data sets for the parity tests: ``(X, y)``, numeric unless stated otherwise."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, make_regression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

Data = tuple[NDArray[np.float64], Any]


@cache
def binary() -> Data:
    """Two classes with text names, 10 columns of very different sizes."""
    x, y = load_breast_cancer(return_X_y=True)
    return np.ascontiguousarray(x[:300, :10]), np.where(y[:300] == 1, "benign", "malignant")


@cache
def three() -> Data:
    """Iris: three classes, 4 columns, many equal values."""
    x, y = load_iris(return_X_y=True)
    return x, y


@cache
def many() -> Data:
    """Ten classes, 20 columns of small whole numbers."""
    x, y = load_digits(return_X_y=True)
    return np.ascontiguousarray(x[:400, 18:38]), y[:400]


@cache
def numbers() -> Data:
    """One numeric target, 10 columns."""
    x, y = load_diabetes(return_X_y=True)
    return x[:200], y[:200]


@cache
def positive() -> Data:
    """One positive target, like a count or a cost, 5 columns."""
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 5))
    return x, random.gamma(2.0, np.exp(0.3 * x[:, 0] - 0.2 * x[:, 1]))


@cache
def outputs() -> Data:
    """Three numeric targets, 3 columns."""
    x, y = load_linnerud(return_X_y=True)
    return x, y


@cache
def wide() -> Data:
    """One numeric target, 40 columns of sizes from 1e-6 to 1e6, few of them informative."""
    x, y = make_regression(n_samples=120, n_features=40, n_informative=5, noise=1.0, random_state=0)
    return np.ascontiguousarray(x * np.logspace(-6, 6, 40)), y


@cache
def class_outputs() -> Data:
    """Two outputs, one of three classes and one of two."""
    x, y = three()
    return x, np.column_stack([y, x[:, 1] > 3]).astype(int)


@cache
def gaps() -> Data:
    """Three classes, 4 columns with missing values (NaN)."""
    x, y = three()
    random = np.random.default_rng(1)
    return np.where(random.random(x.shape) < 0.15, np.nan, x), y


@cache
def table() -> tuple[pd.DataFrame, NDArray[Any]]:
    """Two text columns (one with a rare value, one with missing values), two numeric columns, two classes."""
    random = np.random.default_rng(2)
    size = 240
    frame = pd.DataFrame(
        {
            "city": random.choice(["Lima", "Quito", "La Paz", "Cusco"], size=size, p=[0.5, 0.3, 0.18, 0.02]),
            "age": np.round(random.uniform(18, 80, size=size)),
            "plan": random.choice(["basic", "plus", ""], size=size, p=[0.6, 0.3, 0.1]),
            "income": np.where(random.random(size) < 0.1, np.nan, random.lognormal(10, 1, size=size)),
        }
    )
    frame["city"] = frame["city"].astype(object)
    frame["plan"] = frame["plan"].astype(object).where(frame["plan"] != "", np.nan)
    target = (frame["age"] + 10 * (frame["city"] == "Lima") + random.normal(0, 10, size=size) > 55).to_numpy()
    return frame, np.where(target, "yes", "no")


@cache
def costs() -> Data:
    """One numeric target, 4 positive columns of very different sizes: one has few values, one is very skewed."""
    random = np.random.default_rng(3)
    size = 160
    x = np.column_stack(
        [
            random.lognormal(0, 1, size),
            random.lognormal(10, 0.2, size),
            random.integers(1, 5, size).astype(np.float64),
            random.gamma(0.3, 1e-3, size) + 1e-9,
        ]
    )
    return x, np.log(x[:, 0]) + x[:, 2]


@cache
def counts() -> Data:
    """Three classes, 4 columns of whole numbers with many zeros, suitable for a sparse matrix."""
    random = np.random.default_rng(4)
    x = random.poisson([0.4, 2.0, 0.1, 5.0], size=(160, 4)).astype(np.float64)
    return x, random.integers(0, 3, 160)


def sparse(*parts: Any, width: int = 4) -> Pipeline:
    """``parts`` after a sparse matrix: the first of ``width`` numeric columns one-hot encoded, and the others."""
    encoded = ("encoded", OneHotEncoder(handle_unknown="ignore"), [0])
    stored = ColumnTransformer([encoded, ("stored", "passthrough", list(range(1, width)))], sparse_threshold=1.0)
    return make_pipeline(stored, *parts)


@cache
def mixed() -> tuple[pd.DataFrame, NDArray[Any]]:
    """The table with text in pandas' category dtype and a column of codes, some negative. Three classes."""
    frame, _ = table()
    random = np.random.default_rng(5)
    frame = frame.assign(
        city=frame["city"].astype("category"),
        plan=frame["plan"].astype("category"),
        shop=pd.Categorical(random.choice(["a", "b", "c", "d", "e"], size=len(frame))),
        code=random.choice([-3.0, 0.0, 2.5, 7.0, 300.0, np.nan], size=len(frame)),
    )
    size = frame["age"] / 20 + 2 * frame["shop"].isin(["b", "e"]) + (frame["code"] > 1) + (frame["city"] == "Lima")
    return frame, np.digitize(size, [3.0, 4.5])
