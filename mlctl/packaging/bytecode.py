"""Compiles bytecode for the zip, so that a cold start compiles nothing.

The zip has fixed times, which would make ``.pyc`` files that are checked by time stale, and Lambda's code folder is
read-only. Python uses unchecked hash-based files (PEP 552) as they are.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

# Runs in a fresh interpreter, because marshalled bytes depend on shared objects of the process: the same sources in the
# same Python must give the same zip.
_COMPILER = """
import base64, importlib.util, json, marshal, sys
def bare(code):
    inner = tuple(bare(each) if isinstance(each, type(code)) else each for each in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=inner)
files = {}
sources, without_lines = json.load(sys.stdin)
for path, source in sources.items():
    source = source.encode()
    folder, _, name = path.rpartition("/")
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    if path == without_lines:
        code = bare(code)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    data = head + marshal.dumps(code)
    target = f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
    files[target] = base64.b64encode(data).decode()
json.dump({"python": "%d.%d" % sys.version_info[:2], "files": files}, sys.stdout)
"""


def compile_sources(sources: Mapping[str, bytes], python: str, *, without_lines: str = "") -> dict[str, bytes]:
    """The ``__pycache__`` files of ``sources``; empty if Python ``python`` (a minor version) is not installed.

    ``without_lines`` is the path of a generated file, whose line numbers would be half of its bytecode.
    """
    interpreter = _interpreter(python)
    if interpreter is None:
        return {}
    texts = {path: source.decode() for path, source in sorted(sources.items())}
    finished = subprocess.run(
        # Without column numbers, which are a third of the bytecode and only underline code in tracebacks.
        [interpreter, "-I", "-S", "-X", "no_debug_ranges", "-c", _COMPILER],
        input=json.dumps([texts, without_lines]),
        capture_output=True,
        text=True,
        check=False,
    )
    # A command on PATH may be a shim for a version that is not installed, or another version.
    if finished.returncode != 0:
        return {}
    answer = json.loads(finished.stdout)
    if answer["python"] != python:
        return {}
    return {path: base64.b64decode(data) for path, data in answer["files"].items()}


def _interpreter(python: str) -> str | None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python == running:
        return sys.executable
    path = shutil.which(f"python{python}")
    # An empty or relative entry of PATH means the current folder, which may come from anyone.
    return path if path and os.path.isabs(path) else None  # noqa: PTH117  # path is a str
