"""Lists the scikit-learn classes that the portable engine supports, for ``mlctl models support``."""

from mlctl.errors import ExitCode, MlctlError
from mlctl.portable import support
from mlctl.portable.support import Support


def run(name: str = "") -> tuple[Support, ...]:
    """Return the classes of the installed scikit-learn, each with its parity or the reason why it does not compile.

    ``name``: only classes whose dotted name contains this text, ignoring case. Raises MlctlError (exit 6) if there is
    none.
    """
    rows = tuple(row for row in support.table() if name.lower() in f"{row.module}.{row.name}".lower())
    if not rows:
        raise MlctlError(
            f"No class of scikit-learn has '{name}' in its name.",
            code="estimator_unknown",
            exit_code=ExitCode.NOT_FOUND,
            hint="`mlctl models support` lists all classes.",
        )
    return rows


def markdown(name: str = "") -> str:
    """Return the classes as Markdown tables. Without ``name``, this is the text in docs/PORTABLE.md."""
    tables = support.markdown(run(name))
    return tables if name else f"{support.summary()}\n\n{tables}"
