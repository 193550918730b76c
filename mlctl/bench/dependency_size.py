"""What the libraries that a pipeline needs would weigh in a zip, as they are installed here.

Bytecode, tests and commands are left out, as whoever wants a small zip would; the wheels for Lambda's Linux
differ a little.
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
# A requirement with one of these in its condition is none on Lambda, or of an extra that nobody asked for.
_ELSEWHERE = re.compile(r"\b(extra|sys_platform|platform_system|os_name)\b")
_TESTS = {"test", "tests"}
# Of each file a local header (30 bytes) and one in the directory (46), both with its path; at the end 22 bytes.
# https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3
_HEADERS, _END = 30 + 46, 22


@dataclass(frozen=True)
class Weight:
    """Bytes of files, and of the zip of them."""

    unzipped: int
    zipped: int


def needed(modules: Collection[str]) -> list[metadata.Distribution]:
    """scikit-learn, the distributions that ``modules`` (top-level names) belong to, and all that these require."""
    owners = metadata.packages_distributions()
    waiting = ["scikit-learn", *(name for module in sorted(modules) for name in owners.get(module, ()))]
    found: dict[str, metadata.Distribution] = {}
    while waiting:
        name = _canonical(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            # Required on other versions of Python, or vendored by whoever requires it.
            continue
        waiting += [required for each in found[name].requires or () if (required := _required(each))]
    return [found[name] for name in sorted(found)]


def others(than: Collection[metadata.Distribution]) -> list[str]:
    """Top-level modules of everything else that is installed here.

    Libraries import what they find, pandas pyarrow and joblib psutil: in a zip of ``than`` they would not find it.
    """
    names = {each.name for each in than}
    every = metadata.packages_distributions().items()
    return sorted(module for module, owners in every if not names & {*owners} and module not in sys.stdlib_module_names)


def weigh(
    distributions: Collection[metadata.Distribution], advance: Callable[[int], None] = lambda done: None
) -> Weight | None:
    """The weight of distributions; None where one does not tell its files. ``advance`` is told how many are done."""
    unzipped = zipped = 0
    with ThreadPoolExecutor() as pool:
        for done, distribution in enumerate(distributions, start=1):
            if distribution.files is None:
                return None
            located = {str(file): Path(str(file.locate())) for file in distribution.files if _counts(file)}
            paths = {name: path for name, path in located.items() if path.is_file()}
            for whole, deflated in pool.map(_weigh_file, paths.values()):
                unzipped, zipped = unzipped + whole, zipped + deflated
            zipped += _headers(paths)
            advance(done)
    return Weight(unzipped, zipped)


def weigh_content(files: Mapping[str, bytes]) -> Weight:
    """The weight of files by their paths in the zip."""
    deflated = sum(map(_deflated, files.values()))
    return Weight(sum(map(len, files.values())), deflated + _headers(files) + _END)


def _weigh_file(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    return len(data), _deflated(data)


def _deflated(data: bytes) -> int:
    squeezer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(squeezer.compress(data)) + len(squeezer.flush())


def _headers(names: Collection[str]) -> int:
    return sum(_HEADERS + 2 * len(name.encode()) for name in names)


def _counts(file: PurePath) -> bool:
    return file.suffix != ".pyc" and ".." not in file.parts and not _TESTS & set(file.parts)


def _required(requirement: str) -> str:
    """The name in a requirement; empty where it holds elsewhere alone."""
    wanted, _, condition = requirement.partition(";")
    name = _NAME.match(wanted)
    return name.group() if name and not _ELSEWHERE.search(condition) else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
