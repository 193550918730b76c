"""The contract of the columns, ``schema.json``: what the API takes and answers."""

from typing import Any

from mlctl.data.dataset import Dataset, Integers

FORMAT = 1


def build(dataset: Dataset, rows: Integers) -> dict[str, Any]:
    """The schema of ``dataset`` with the ranges found in ``rows`` (row numbers of the training part)."""
    part = dataset.features[rows]
    return {
        "format": FORMAT,
        "task": "binary" if len(dataset.labels) == 2 else "multiclass",
        "features": [
            {
                "name": name,
                "kind": "number",
                "nullable": False,
                "min": float(part[:, column].min()),
                "max": float(part[:, column].max()),
            }
            for column, name in enumerate(dataset.feature_names)
        ],
        "target": {
            "name": dataset.target_name,
            "labels": list(dataset.labels),
            "class_names": list(dataset.class_names),
        },
    }
