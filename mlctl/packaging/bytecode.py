"""Bytecode for the zip, so that a cold start compiles nothing.

``.pyc`` files checked by time would always be stale once the zip's times are fixed, and Lambda's
code folder cannot be written; unchecked hash-based ones (PEP 552) are taken as they are.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

# A fresh interpreter, because the bytes also tell which objects the compiling process shares:
# the same sources in the same Python must give the same zip.
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


def compiled(sources: Mapping[str, bytes], python: str, *, without_lines: str = "") -> dict[str, bytes]:
    """``__pycache__`` files for ``sources``; empty when no Python ``python`` (a minor version) is at hand.

    ``without_lines``: the path of a generated file, whose line numbers would be half of its bytecode.
    """
    interpreter = _interpreter(python)
    if interpreter is None:
        return {}
    texts = {path: source.decode() for path, source in sorted(sources.items())}
    finished = subprocess.run(
        # Without the columns of each instruction, which only underline tracebacks: a third of the bytecode.
        [interpreter, "-I", "-S", "-X", "no_debug_ranges", "-c", _COMPILER],
        input=json.dumps([texts, without_lines]),
        capture_output=True,
        text=True,
        check=False,
    )
    # A name on PATH may be a shim for a version that is not installed, or another version altogether.
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
    # An empty or relative part of PATH leads into the current folder, which may be anybody's.
    return path if path and os.path.isabs(path) else None  # noqa: PTH117  # of a str
