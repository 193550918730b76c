"""Lists the names and calls in a pickle or joblib file without loading it.

A pickle is a program for a small stack machine (``pickletools`` of the standard library describes its
operations). The program is followed here with stand-ins for the values: nothing that it names is imported,
called or built. joblib writes the bytes of a NumPy array into the middle of the program, after the BUILD of
a ``NumpyArrayWrapper``; they are skipped as ``joblib/numpy_pickle.py`` would read them.

Known names are not enough, since classes of scikit-learn can be put together in ways that run code. So the form is
audited too, by allow-lists: ``names.py`` says which names a fitted model holds and what each is for, ``calls.py``
which of them are called with which arguments, ``states.py`` which objects take which state, ``arrays.py`` what
NumPy's own state looks like, and ``operations.py`` what goes into containers. Whatever pickle, joblib, NumPy, SciPy
and scikit-learn do not write is a finding in ``Audit.calls``.

What could lead this reader and ``joblib.load`` to read the same bytes differently (a wrapper that is used
twice, a data type that changes its size, an array inside a frame) is refused, not guessed at. The answer
is about ``joblib.load``: it reads plain pickles too, and tells compression by the first bytes of the file.

All names are found as long as what is loaded is recognised: a type that is unknown may, once it is loaded, do
anything, which no audit of the file can tell. And a file in which everything is recognised is no safe file:

- Memory safety of the C code of NumPy, SciPy and scikit-learn is not promised. Sizes and types that they trust are
  compared, the content of arrays is not: a decision tree may point to a node that it does not have.
- How much memory and time loading takes is limited only by the size of the file.
- What the model does when it predicts is not audited.

Open such a file in a process of its own, with nothing in its reach.
"""

import lzma
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from mlctl.errors import MlctlError
from mlctl.pickle_audit.content import Source, decompressed
from mlctl.pickle_audit.names import GETATTR, PARTIAL, Name, is_dangerous, is_known
from mlctl.pickle_audit.operations import Operations
from mlctl.pickle_audit.refusal import printable, refusal

__all__ = ["Audit", "audit"]


@dataclass(frozen=True)
class Audit:
    """What a pickle names, found without opening it.

    ``types`` holds every ``module.qualname``, sorted, and is split in three: ``known`` is what a fitted model of
    scikit-learn consists of; ``dangerous`` is what no model needs and what runs code; ``unknown`` is the rest.
    ``dangerous`` also tells, in parentheses, of what cannot be audited ("(persistent id)").
    ``sklearn_version`` is the release that the outermost estimator says it was saved with.
    ``calls`` holds what is used in another form than models have, each "callable (why)", whatever its name:
    a call with other arguments, a state of another kind, a class kept as a value.
    """

    types: tuple[str, ...]
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    dangerous: tuple[str, ...]
    sklearn_version: str | None = None
    calls: tuple[str, ...] = ()

    @property
    def recognised(self) -> bool:
        """Whether every name and every call is one that mlctl recognises: no promise that the file is harmless."""
        return not (self.unknown or self.dangerous or self.calls)


def audit(path: Path) -> Audit:
    """What loading ``path`` (``pickle.dump`` or ``joblib.dump``, compressed or not) would import.

    Raises MlctlError, exit code 3: ``pickle_unreadable`` for a file that is no pickle, is cut off or
    cannot be followed, ``pickle_unsupported`` for formats that are not read (lz4, joblib before 0.10).
    """
    try:
        with path.open("rb") as file:
            machine = Operations(Source(decompressed(file)))
            machine.run()
    except MlctlError as error:
        error.message = f"{path}: {error.message}"
        error.args = (error.message,)
        raise
    # What the standard library's own parsers raise for bytes that make no sense, and what a full stack,
    # an empty one or a missing memo entry raise here.
    except (ValueError, ArithmeticError, LookupError, EOFError, OSError, MemoryError, struct.error, zlib.error,
            lzma.LZMAError) as error:  # fmt: skip
        message = f"{path}: no readable pickle or joblib file: {printable(str(error) or type(error).__name__)}"
        raise refusal(message) from error
    return _answer(machine)


def _answer(machine: Operations) -> Audit:
    """What the machine found, sorted."""

    def texts(names: set[Name]) -> set[str]:
        return {printable(f"{module}.{name}") for module, name in names}

    # getattr is what opens the machine, but for the one method of its own that a model of scikit-learn keeps.
    own = ({GETATTR} & machine.rightly) - machine.wrongly
    dangerous = {each for each in machine.names if is_dangerous(*each)} - own
    unknown = {each for each in machine.names if not is_known(*each) and each != PARTIAL} | machine.unknown
    unknown -= own
    bad, odd, every = texts(dangerous), texts(unknown - dangerous), texts(machine.names)
    return Audit(
        types=tuple(sorted(every)),
        known=tuple(sorted(every - bad - odd)),
        unknown=tuple(sorted(odd - bad)),
        dangerous=tuple(sorted(bad | machine.tricks)),
        sklearn_version=machine.version,
        calls=tuple(sorted(machine.odd_calls)),
    )
