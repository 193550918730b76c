"""``.skops`` files, in the child process: a zip archive of arrays, and of JSON that names types.

The format is skops's (https://skops.readthedocs.io, "Secure persistence"); skops is the extra ``mlctl[skops]``.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from mlctl.errors import first_line
from mlctl.model_loading.answers import LONGEST_NAME, MAX_TYPES, Contents
from mlctl.model_loading.refusals import Unusable, printable

SCHEMA = "schema.json"
# Limits: members of the archive, bytes of the schema, and how often larger the content may be than the archive
# where it is more than a few bytes.
MAX_MEMBERS = 500_000
MAX_SCHEMA = 256 * 2**20
MAX_RATIO = 100
FEW_BYTES = 64 * 2**20
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_MEMBER = re.compile(r"[\w.-]{1,255}", re.ASCII)
_NAME = re.compile(r"[\w.<>-]+", re.ASCII)
_HINT = "Save the fitted model again: skops.io.dump(model, 'model.skops')"


def inspect(file: str, memory: int) -> Contents:
    """What the file names, and which of it skops does not trust, found without building any of it.

    ``memory``: bytes that this process may use. Raises Unusable.
    """
    schema = _schema(file, memory)
    io = _skops()
    try:
        untrusted = io.get_untrusted_types(file=file)
    except MemoryError:
        raise
    except Exception as error:
        # The schema is somebody's text; skops reads it without checking its form.
        raise _unreadable(error) from error
    types, version = _names(schema)
    return Contents(tuple(sorted(types | _valid(untrusted))), tuple(sorted(untrusted)), version)


def load(file: str, trusted: list[str], memory: int) -> Any:
    """The object in the file, if it consists of what skops trusts and of the ``trusted`` names.

    Raises Unusable for a broken file, and whatever the types raise when they are built.
    """
    _schema(file, memory)
    return _skops().load(file, trusted=trusted)


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise Unusable(
            "is a .skops file, and skops is not installed",
            "Run: pip install 'mlctl[skops]'",
            "extra_missing",
        ) from error
    return skops.io


def _schema(file: str, memory: int) -> dict[str, Any]:
    """The schema, after the archive was checked."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, Path(file).stat().st_size, memory)
            schema = json.loads(archive.read(SCHEMA))
    except (MemoryError, Unusable):
        raise
    except Exception as error:
        # zipfile and its decompressors raise what they like for a broken archive.
        raise _unreadable(error) from error
    if not isinstance(schema, dict):
        raise _unreadable(f"{SCHEMA} does not hold an object")
    return schema


def _check(archive: zipfile.ZipFile, packed: int, memory: int) -> None:
    """Refuse an archive that skops would not write, or whose content is out of proportion to its ``packed`` bytes."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if SCHEMA not in names:
        raise Unusable(f"is a zip archive without {SCHEMA}, so it is not a .skops file", "Give a saved model.")
    if len(members) > MAX_MEMBERS:
        raise _unreadable(f"it holds more than {MAX_MEMBERS:,} members")
    if len(names) < len(members):
        raise _unreadable("two members have the same name")
    for member in members:
        if not _MEMBER.fullmatch(member.filename) or member.filename in (".", ".."):
            raise _unreadable(f"invalid member name '{printable(member.filename, 60)}'")
        if member.flag_bits & 1:
            raise _unreadable(f"its member {member.filename} is encrypted")
        if member.compress_type not in _COMPRESSIONS:
            raise _unreadable(f"its member {member.filename} is compressed in an unknown way")
    # A member is never read beyond the size that is checked here.
    size = sum(member.file_size for member in members)
    if archive.getinfo(SCHEMA).file_size > MAX_SCHEMA:
        raise _unreadable(f"{SCHEMA} holds more than {MAX_SCHEMA // 2**20} MiB")
    # Members may overlap, so the sizes that the archive tells of itself say nothing.
    if size > memory or size > max(FEW_BYTES, MAX_RATIO * packed):
        raise _unreadable(f"it unpacks to {size:,} bytes, which is too much")


def _names(schema: dict[str, Any]) -> tuple[set[str], str | None]:
    """Every name in the schema, and the release of scikit-learn that saved its outermost estimator."""
    types: set[str] = set()
    version = None
    level: list[Any] = [schema]
    # Level by level, so that the outermost comes first.
    while level:
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                module, name = each.get("__module__"), each.get("__class__")
                if isinstance(module, str) and isinstance(name, str):
                    types |= _valid([f"{module}.{name}"])
                    if len(types) > MAX_TYPES:
                        raise _unreadable(f"it names more than {MAX_TYPES:,} types")
                release = each.get("_sklearn_version")
                if version is None and isinstance(release, dict):
                    version = str(release.get("content")).strip('"')[:LONGEST_NAME]
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        level = below
    return types, version


def _valid(names: Any) -> set[str]:
    """Those names, which are plain text and short enough to be shown whole."""
    found = {each for each in names if isinstance(each, str)}
    for each in found:
        if len(each) > LONGEST_NAME or not _NAME.fullmatch(each):
            raise _unreadable(f"it names an invalid type '{printable(each, 60)}'")
    return found


def _unreadable(error: BaseException | str) -> Unusable:
    why = error if isinstance(error, str) else f"{type(error).__name__}: {first_line(error)}"
    return Unusable(f"is not a readable .skops file: {why}", _HINT)
