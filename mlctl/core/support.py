"""``mlctl models support``: what of scikit-learn the portable engine runs."""

from mlctl.errors import ExitCode, MlctlError
from mlctl.portable import support
from mlctl.portable.support import Support


def run(name: str = "") -> tuple[Support, ...]:
    """The classes of the installed scikit-learn, each with its parity or the reason why it does not compile.

    ``name``: only those whose dotted name holds it, in any case. Raises MlctlError (exit 6) when there is none.
    """
    found = tuple(row for row in support.table() if name.lower() in f"{row.module}.{row.name}".lower())
    if not found:
        raise MlctlError(
            f"No class of scikit-learn has '{name}' in its name.",
            code="estimator_unknown",
            exit_code=ExitCode.NOT_FOUND,
            hint="`mlctl models support` lists them all.",
        )
    return found


def markdown(name: str = "") -> str:
    """The same as tables in Markdown; those of all classes, with what they come to, stand in docs/PORTABLE.md."""
    tables = support.markdown(run(name))
    return tables if name else f"{support.summary()}\n\n{tables}"
