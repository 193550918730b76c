"""Estimates the size of a pipeline's libraries in a zip, from the installed distributions.

The estimate leaves out bytecode, tests and commands, as you would for a small zip. The wheels for Lambda's Linux differ
a little.
"""

import re
import sys
import zlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath

_LEVEL = 6
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# A requirement with one of these in its condition does not apply to Lambda, or belongs to an extra.
_ELSEWHERE = re.compile(r"\b(extra|sys_platform|platform_system|os_name)\b")
_TESTS = {"test", "tests"}
# Each file has a local header (30 bytes) and a directory entry (46 bytes), both with its path. The zip ends with 22
# bytes. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3
_HEADERS, _END = 30 + 46, 22


@dataclass(frozen=True)
class Weight:
    """The size of files in bytes, and of their zip."""

    unzipped: int
    zipped: int


def needed(modules: Collection[str]) -> list[metadata.Distribution]:
    """scikit-learn, the distributions that contain ``modules`` (top-level names), and all their requirements."""
    owners = metadata.packages_distributions()
    pending = ["scikit-learn", *(name for module in sorted(modules) for name in owners.get(module, ()))]
    distributions: dict[str, metadata.Distribution] = {}
    while pending:
        name = _canonical(pending.pop())
        if name in distributions:
            continue
        try:
            distributions[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            # Required on other versions of Python only, or vendored.
            continue
        pending += [name for requirement in distributions[name].requires or () if (name := _required(requirement))]
    return [distributions[name] for name in sorted(distributions)]


def others(distributions: Collection[metadata.Distribution]) -> list[str]:
    """Top-level modules of all other installed distributions.

    Libraries import optional modules if they are installed (pandas imports pyarrow, joblib psutil). These would be
    missing from a zip of ``distributions``.
    """
    names = {distribution.name for distribution in distributions}
    installed = metadata.packages_distributions().items()
    return sorted(
        module for module, owners in installed if not names & {*owners} and module not in sys.stdlib_module_names
    )


def weigh(
    distributions: Collection[metadata.Distribution], advance: Callable[[int], None] = lambda done: None
) -> Weight | None:
    """The size of distributions; None if one does not list its files. ``advance`` receives the number that is done."""
    unzipped = zipped = 0
    with ThreadPoolExecutor() as pool:
        for done, distribution in enumerate(distributions, start=1):
            if distribution.files is None:
                return None
            located = {str(file): Path(str(file.locate())) for file in distribution.files if _counts(file)}
            paths = {name: path for name, path in located.items() if path.is_file()}
            for size, deflated in pool.map(_weigh_file, paths.values()):
                unzipped, zipped = unzipped + size, zipped + deflated
            zipped += _headers(paths)
            advance(done)
    return Weight(unzipped, zipped)


def weigh_content(files: Mapping[str, bytes]) -> Weight:
    """The size of files by their paths in the zip."""
    deflated = sum(map(_deflated, files.values()))
    return Weight(sum(map(len, files.values())), deflated + _headers(files) + _END)


def _weigh_file(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    return len(data), _deflated(data)


def _deflated(data: bytes) -> int:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(compressor.compress(data)) + len(compressor.flush())


def _headers(names: Collection[str]) -> int:
    return sum(_HEADERS + 2 * len(name.encode()) for name in names)


def _counts(file: PurePath) -> bool:
    return file.suffix != ".pyc" and ".." not in file.parts and not _TESTS & set(file.parts)


def _required(requirement: str) -> str:
    """The name in a requirement; empty if its condition excludes Lambda."""
    specifier, _, condition = requirement.partition(";")
    name = _NAME.match(specifier)
    return name.group() if name and not _ELSEWHERE.search(condition) else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
