"""A table with every kind of column, gaps included, for the tests to train on."""

import random
from pathlib import Path

CUSTOMERS = "customers.csv"
HEADER = "joined,age,plan,active,spend,churned"


def customers(rows: int = 60) -> list[str]:
    """The lines of a CSV: a date, a number with gaps, a category with gaps, a boolean, a number, yes or no."""
    generator = random.Random(3)
    lines = [HEADER]
    for at in range(rows):
        active = generator.random() < 0.5
        age = "" if at % 9 == 4 else str(generator.randint(18, 80))
        plan = "" if at % 11 == 5 else ("basic", "plus", "pro")[at % 3]
        spend = f"{(at * 7) % 50}.{at % 10}5"
        churned = "yes" if (not active) != (generator.random() < 0.2) else "no"
        lines.append(f"2024-0{at % 9 + 1}-1{at % 7},{age},{plan},{'true' if active else 'false'},{spend},{churned}")
    return lines


def write_customers(folder: Path, rows: int = 60) -> Path:
    """``customers.csv`` in ``folder``."""
    path = folder / CUSTOMERS
    path.write_text("\n".join(customers(rows)) + "\n")
    return path


def write_settings(folder: Path, target: str = "churned", *, data: str = "", model: str = "", more: str = "") -> None:
    """An ``mlctl.toml`` for that table, quick to train by: five trees, two folds."""
    params = (
        "" if "params" in model or "pipeline" in model or "estimator" in model else "params = { n_estimators = 5 }\n"
    )
    (folder / "mlctl.toml").write_text(
        f'project = "shop"\n[data]\nsource = "{CUSTOMERS}"\ntarget = "{target}"\n{data}\n'
        f"[model]\n{params}{'' if 'cv =' in model else 'cv = 2'}\n{model}\n{more}\n"
    )
