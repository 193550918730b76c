"""Imports modules of one folder only if their digests match.

``bench/worker.py`` executes this file in a process without mlctl that measures its start time. It therefore uses
only the standard library, and imports at the top only modules that an interpreter always imports.
"""

import os
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from types import CodeType, ModuleType


def hook(digests: Mapping[str, str], folder: str) -> Callable[[str], FileFinder]:
    """A function for ``sys.path_hooks``: of ``folder`` only the modules in ``digests`` are found.

    ``digests``: SHA-256 by path in ``folder``. The bytes that match are those that are compiled: bytecode in
    ``__pycache__`` may have come with the folder, and a file may change after it was compared.
    """

    def finder(path: str) -> FileFinder:
        # An environment in the folder is no part of the project.
        others = [entry for entry in sys.path if entry and os.path.normpath(entry) != os.path.normpath(folder)]
        if not _lies_in(path, folder) or any(_lies_in(path, entry) for entry in others):
            raise ImportError(path)
        return _Finder(digests, folder, path)

    return finder


class _Finder(FileFinder):
    def __init__(self, digests: Mapping[str, str], folder: str, path: str) -> None:
        self._digests, self._folder = digests, folder
        super().__init__(path, (_Extension, EXTENSION_SUFFIXES), (_FromSource, SOURCE_SUFFIXES))

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module, if its file is one of those that may be imported."""
        spec = super().find_spec(fullname, target)
        if spec is None or spec.loader is None:
            return spec
        digest = self._digests.get(os.path.relpath(spec.origin or "", self._folder))
        if digest is None:
            return None
        spec.loader.digest = digest  # type: ignore[attr-defined]  # it is one of the two below
        return spec


class _FromSource(SourceFileLoader):
    digest: str

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source alone, whose digest is compared."""
        source = self.get_data(self.path)
        compare(source, self.digest, fullname, self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code


class _Extension(ExtensionFileLoader):
    digest: str

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, after the digest of its file was compared."""
        compare(self.get_data(self.path), self.digest, spec.name, self.path)
        return super().create_module(spec)


def compare(data: bytes, digest: str, name: str, path: str) -> None:
    """Raise ImportError for a file that is not what it was."""
    from hashlib import sha256

    if sha256(data).hexdigest() != digest:
        raise ImportError(f"{path} has changed meanwhile", name=name, path=path)


def _lies_in(path: str, folder: str) -> bool:
    above = os.path.normpath(folder).rstrip("/")
    return f"{os.path.normpath(path)}/".startswith(f"{above}/")
