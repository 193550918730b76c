"""The modules of a project's folder that would be imported for given names, and their digests. Nothing is imported.

Names are looked for as Python does with the folder on its path: packages before modules, compiled ones before source.
What a module in turn imports by a statement is followed; what it imports by other means cannot be known.
"""

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType

from mlctl.files import sha256, sha256_of_file
from mlctl.model.modules import is_installed


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

    ``digests``: SHA-256 by path in ``folder``. The bytes that match are those that are compiled: bytecode in
    ``__pycache__`` may have come with the folder, and a file may change after it was compared. Libraries look for
    modules that are not installed, such as numexpr: one in ``folder`` is not what they mean.
    """

    def finder(path: str) -> FileFinder:
        # An environment in the folder is no part of the project.
        others = [entry for entry in sys.path if entry and Path(entry) != folder]
        if not Path(path).is_relative_to(folder) or any(Path(path).is_relative_to(entry) for entry in others):
            raise ImportError(path)
        return _Finder(digests, folder, path)

    sys.path_hooks.insert(0, finder)
    _forget_finders(folder)
    try:
        yield
    finally:
        sys.path_hooks.remove(finder)
        _forget_finders(folder)


class _Finder(FileFinder):
    def __init__(self, digests: Mapping[str, str], folder: Path, path: str) -> None:
        self._digests, self._folder = digests, folder
        super().__init__(path, (_Extension, EXTENSION_SUFFIXES), (_FromSource, SOURCE_SUFFIXES))

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module, if its file is one of those that may be imported."""
        spec = super().find_spec(fullname, target)
        if spec is None or spec.loader is None:
            return spec
        digest = self._digests.get(Path(spec.origin or "").relative_to(self._folder).as_posix())
        if digest is None:
            return None
        spec.loader.digest = digest  # type: ignore[attr-defined]  # it is one of the two below
        return spec


class _FromSource(SourceFileLoader):
    digest: str

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source alone, whose digest is compared."""
        source = self.get_data(self.path)
        _compare(source, self.digest, fullname, self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code


class _Extension(ExtensionFileLoader):
    digest: str

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, after the digest of its file was compared."""
        _compare(self.get_data(self.path), self.digest, spec.name, self.path)
        return super().create_module(spec)


def _compare(data: bytes, digest: str, name: str, path: str) -> None:
    if sha256(data) != digest:
        raise ImportError(f"{path} has changed meanwhile", name=name, path=path)


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
