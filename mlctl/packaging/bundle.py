"""Where the handler's source is: the one place that knows."""

from pathlib import Path

import mlctl


def handler_folder() -> Path:
    """The folder of the ``handler`` package.

    In an installed wheel it travels as ``mlctl/_bundle/handler``, so it shadows nobody's own
    ``handler``; in a checkout it lies beside ``mlctl``.
    """
    package = Path(mlctl.__file__).parent
    installed = package / "_bundle" / "handler"
    return installed if installed.is_dir() else package.parent / "handler"


def handler_sources() -> dict[str, bytes]:
    """The handler's Python files by their path in the zip."""
    folder = handler_folder()
    return {
        f"handler/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in sorted(folder.rglob("*.py"))
    }
