"""Writes reproducible zips: sorted entries with one time and one mode."""

import hashlib
import io
import zipfile
from collections.abc import Mapping

# The earliest time in a zip. Lambda ignores it.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644


def write(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The zip of ``files`` (content by path). The same Python and zlib give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=_TIME)
            entry.create_system = 3  # Unix, so that the mode applies
            entry.external_attr = (0o100000 | _MODE) << 16
            archive.writestr(entry, files[path], compress_type=method, compresslevel=9)
    return buffer.getvalue()


def identity(files: Mapping[str, bytes]) -> str:
    """SHA-256 of the sorted list of paths, modes and content digests: the identity of a package on any machine."""
    lines = (f"{path} {_MODE:o} {hashlib.sha256(files[path]).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
