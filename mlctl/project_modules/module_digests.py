"""Finds the project modules that given names would import, and their digests, without importing anything.

The search follows Python with the folder on its path: packages before modules, compiled modules before source. It
follows import statements in these modules; dynamic imports are unknown.
"""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path

from mlctl.files import sha256_of_file
from mlctl.project_modules import pinned
from mlctl.project_modules.importer import is_installed


def fingerprints(names: Iterable[str], folder: Path) -> dict[str, str]:
    """SHA-256 by path in ``folder`` of all that importing ``names`` would run there.

    ``names``: dotted ones, of modules or of what is in them; installed modules are passed over, for they come first.
    Raises OSError for a file that cannot be read.
    """
    importlib.invalidate_caches()
    installed: dict[str, bool] = {}
    found: dict[str, str] = {}
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if top not in installed:
            installed[top] = is_installed(top, folder)
        if installed[top]:
            continue
        for module, path in _modules(name, folder):
            key = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
            if key not in found:
                found[key] = sha256_of_file(path)
                todo += _imports(module, path)
    return found


def importable(folder: Path) -> list[str]:
    """The names of all modules and packages at the top of ``folder``."""
    return sorted(
        {
            entry.name.split(".")[0]
            for entry in folder.iterdir()
            if entry.suffix in (".py", ".pyc", ".so") or (entry.is_dir() and entry.name.isidentifier())
        }
    )


def imported(folder: Path) -> list[str]:
    """The names of the modules of ``folder`` that this process has imported, by whatever means."""
    names = {name for name, module in [*sys.modules.items()] if _lies_in(module, folder)}
    return sorted(name for name in names if not is_installed(name.partition(".")[0], folder))


@contextmanager
def only(digests: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Within it, of ``folder`` only the modules in ``digests`` can be imported, and only as they were.

    ``digests``: SHA-256 by path in ``folder``. Libraries look for modules that are not installed, such as numexpr: one
    in ``folder`` is not what they mean.
    """
    finder = pinned.hook(digests, str(folder))
    sys.path_hooks.insert(0, finder)
    _forget_finders(folder)
    try:
        yield
    finally:
        sys.path_hooks.remove(finder)
        _forget_finders(folder)


def _lies_in(module: object, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder)


def _forget_finders(folder: Path) -> None:
    for path in [path for path in sys.path_importer_cache if Path(path).is_relative_to(folder)]:
        del sys.path_importer_cache[path]


def _modules(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The modules on the way to ``name``, from the outermost package on, each with its file."""
    locations = [str(folder)]
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        if not part.isidentifier():
            return
        # By its last part alone: by its full one, Python would look for the imported parent.
        spec = PathFinder.find_spec(part, locations)
        if spec is None:
            return
        if spec.origin is not None:
            path = Path(spec.origin)
            yield ".".join(parts[:depth]) + (".__init__" if spec.submodule_search_locations else ""), path
        if spec.submodule_search_locations is None:
            return
        # A folder without __init__ is a package too.
        locations = [str(Path(each) / part) for each in locations if (Path(each) / part).is_dir()]


def _imports(module: str, path: Path) -> Iterator[str]:
    """The dotted names that the import statements of a module name, inside functions too."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
