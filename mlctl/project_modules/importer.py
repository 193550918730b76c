"""Imports the modules of a project; installed modules take precedence, so that a project cannot replace them."""

import ctypes
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

# https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH
_SAFE_PATH = "PYTHONSAFEPATH"


class _Absent(MetaPathFinder):
    """Modules that Python has on other systems only, such as ``msvcrt``: libraries try to import them."""

    def __init__(self, folder: Path) -> None:
        # In whatever form: source, bytecode, an extension, a package, or a folder without __init__.
        names = {name.partition(".")[0] for name in _names_in(folder)} & sys.stdlib_module_names
        self._names = {name for name in names if name not in sys.modules and _is_absent(name)}

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for one of them; leave every other to the next finder."""
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def project_modules(folder: Path) -> Iterator[None]:
    """Within it, modules of the project's folder can be imported; of two of one name, the installed one is.

    Processes that are started within it do not import from their working directory either: joblib's workers are
    Python processes that would look there first, and get this process's path afterwards.

    What the project's code prints goes to standard error: standard output is for the result.
    """
    entry, safe_path, absent = str(folder), os.environ.get(_SAFE_PATH), _Absent(folder)
    sys.meta_path.insert(0, absent)
    sys.path.append(entry)
    os.environ[_SAFE_PATH] = "1"
    importlib.invalidate_caches()
    try:
        with stdout_apart():
            yield
    finally:
        sys.meta_path.remove(absent)
        # The last one: it may stand further up too, by the user's PYTHONPATH.
        if entry in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(entry)]
        if safe_path is None:
            os.environ.pop(_SAFE_PATH, None)
        else:
            os.environ[_SAFE_PATH] = safe_path


def hidden_modules(folder: Path) -> list[str]:
    """The names of modules at the top of a project that cannot be imported: an installed module has the name too."""
    names = {path.stem if path.suffix == ".py" else path.name for path in _importable(folder)}
    return sorted(name for name in names if is_installed(name, folder))


@contextmanager
def stdout_apart() -> Iterator[None]:
    """Within it, what is printed goes to standard error, also by C code and child processes."""
    with redirect_stdout(sys.stderr), _descriptor_of_stdout_apart():
        yield


@contextmanager
def _descriptor_of_stdout_apart() -> Iterator[None]:
    """The same for C code and child processes, which know descriptor 1 and not ``sys.stdout``."""
    sys.stderr.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        # What C has buffered belongs to the block.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _is_absent(name: str) -> bool:
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:
        return True  # by another _Absent: two of them may be in use, one in the other


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names alone
    except OSError:
        return []


def _importable(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())
    except OSError:
        return


def is_installed(name: str, folder: Path) -> bool:
    """Whether importing the top-level ``name`` would not reach ``folder``, which comes last on the path."""
    if not name.isidentifier():
        return False
    if name in sys.stdlib_module_names:
        return True
    elsewhere = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != folder.resolve()]
    try:
        spec = PathFinder.find_spec(name, elsewhere)
    except (ImportError, ValueError):
        return False
    # Without an origin it is a mere folder of that name, which a module comes before.
    return spec is not None and spec.origin is not None
