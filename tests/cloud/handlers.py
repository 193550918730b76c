"""Runs what is deployed: the zip is unpacked, its modules are imported apart from all others, its handler is called."""

import contextlib
import importlib
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.conftest import LambdaContext


class Failed(Exception):
    """A function that did not return: its error document and its log."""

    def __init__(self, document: dict[str, Any], log: str) -> None:
        super().__init__(document)
        self.document = document
        self.log = log


class Runner:
    """One per test run: packages stay imported under the digest of their zip."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, dict[str, ModuleType]] = {}

    def run(self, digest: str, code: bytes, handler: str, event: Any) -> tuple[Any, str]:
        """What the handler returns for ``event``, and what it wrote. Raises Failed when it raises."""
        log = io.StringIO()
        module, _, name = handler.rpartition(".")
        with contextlib.redirect_stdout(log), self._apart(digest, code):
            try:
                answer = getattr(importlib.import_module(module), name)(event, LambdaContext())
            except Exception as error:  # whatever the package raises is its answer
                document = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
                raise Failed(document, log.getvalue()) from error
        return answer, log.getvalue()

    @contextlib.contextmanager
    def _apart(self, digest: str, code: bytes) -> Iterator[None]:
        # A digest in base64 may hold a slash.
        folder = self._folder / digest.encode().hex()[:32]
        if not folder.exists():
            zipfile.ZipFile(io.BytesIO(code)).extractall(folder)
        tops = {path.stem for path in folder.iterdir()}
        outside = _taken(tops)
        sys.modules.update(self._modules.get(digest, {}))
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(str(folder))
            self._modules[digest] = _taken(tops)
            sys.modules.update(outside)


def _taken(tops: set[str]) -> dict[str, ModuleType]:
    """The modules under those names, taken out of ``sys.modules``."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in tops}
