"""The automatic preprocessing: a ColumnTransformer for the kinds of the columns."""

from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlctl.data.columns import Column
from mlctl.data.dataset import Dataset

# A category with more values than this becomes one column of codes instead of one column per value.
ONE_HOT_AT_MOST = 20
UNKNOWN, MISSING = -1, -2


@dataclass(frozen=True)
class ColumnGroup:
    """Columns with the same transformer: the name of the step, a description, the columns and the transformer."""

    name: str
    what: str
    columns: tuple[str, ...]
    transformer: BaseEstimator


def blocks(dataset: Dataset) -> tuple[ColumnGroup, ...]:
    """Group the columns by their transformer.

    Numbers and dates: missing values become the median, then the column is standardised. Booleans: missing values
    become the most frequent value. Categories: one-hot encoded (missing is a separate value, unknown values are zero
    in all columns), or one column of codes above ONE_HOT_AT_MOST values.
    """
    made = []
    for name, what, transformer in _PLAN:
        columns = tuple(column.name for column in dataset.features if _block(column) == name)
        if columns:
            made.append(ColumnGroup(name, what, columns, transformer()))
    return tuple(made)


def auto(dataset: Dataset) -> ColumnTransformer:
    """The unfitted ColumnTransformer of ``blocks``."""
    return ColumnTransformer(
        [(block.name, block.transformer, list(block.columns)) for block in blocks(dataset)],
        sparse_threshold=0.0,
        verbose_feature_names_out=False,
    )


def _block(column: Column) -> str:
    if column.kind == "category":
        return "categories" if len(column.texts()) <= ONE_HOT_AT_MOST else "codes"
    gaps = "_with_gaps" if column.missing else ""
    return ("booleans" if column.kind == "boolean" else "numbers") + gaps


def _imputed_numbers() -> Pipeline:
    # keep_empty_features: a column may have its only values in the rows that are held out.
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("imputer", imputer), ("scaler", StandardScaler())])


def _imputed_booleans() -> SimpleImputer:
    return SimpleImputer(strategy="most_frequent", keep_empty_features=True)


def _one_hot() -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def _ordinal() -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=UNKNOWN, encoded_missing_value=MISSING)


_PLAN = (
    ("numbers", "standardised", StandardScaler),
    ("numbers_with_gaps", "median where missing, standardised", _imputed_numbers),
    ("booleans", "0 or 1", lambda: "passthrough"),
    ("booleans_with_gaps", "the more frequent where missing", _imputed_booleans),
    ("categories", "a column a value (one-hot)", _one_hot),
    ("codes", f"codes (ordinal): more than {ONE_HOT_AT_MOST} values", _ordinal),
)
