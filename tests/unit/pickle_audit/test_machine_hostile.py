"""Files that try to mislead or exhaust the audit, and damaged files."""

import bz2
import io
import pickle
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlctl.errors import MlctlError
from mlctl.pickle_audit import Audit, audit
from tests.support.pickles import ARRAY, BEGIN, F8, PLAIN, WRAPPER, Runs, refused, state, written

HIDDEN = b"cos\nsystem\n"


def joblib_bytes(value: Any, tmp_path: Path) -> bytes:
    joblib.dump(value, str(tmp_path / "made"))
    return (tmp_path / "made").read_bytes()


def test_an_array_that_says_it_is_larger_is_refused(tmp_path: Path) -> None:
    # BININT1 12 in its shape: (12,) becomes (14,), which runs into what follows, or far past the end.
    data = joblib_bytes([np.arange(12.0), Runs(tmp_path / "mark")], tmp_path)
    place = data.index(b"K\x0c\x85")
    refused(written(tmp_path / "a", data[:place] + b"K\xff\x85" + data[place + 3 :]))
    huge = b"\x8a\x07" + (2**50).to_bytes(7, "little") + b"\x85"
    # In a file without frames (protocol 3), where lengths may change.
    joblib.dump([np.arange(12.0)], str(tmp_path / "b"), protocol=3)
    plain = (tmp_path / "b").read_bytes()
    assert b"K\x0c\x85" in plain
    refused(written(tmp_path / "b", plain.replace(b"K\x0c\x85", huge)))
    # 2**32 * 2**32 is 0 in 64 bits, which is what joblib would read.
    wide = b"\x8a\x05" + (2**32).to_bytes(5, "little")
    refused(written(tmp_path / "b", plain.replace(b"K\x0c\x85", wide + wide + b"\x86")))
    assert not (tmp_path / "mark").exists()


def test_a_wrapper_written_by_hand_is_followed(tmp_path: Path) -> None:
    content = BEGIN + WRAPPER + b")\x81" + state() + b"b" + b"12345678" + b"."
    assert joblib.load(io.BytesIO(content)).tolist() == np.frombuffer(b"12345678").tolist()
    assert audit(written(tmp_path / "file", content)).dangerous == ()
    # What follows the eight bytes is read as operations.
    assert audit(written(tmp_path / "file", content[:-1] + b"0" + HIDDEN + b".")).dangerous == ("os.system",)


@pytest.mark.parametrize(
    "content",
    [
        # the wrapper: made by a call, aliased, kept, put into a container, with another state or two of a key
        WRAPPER + b")R" + state() + b"b12345678.",
        WRAPPER + b")\x81\x94" + state() + b"b12345678h\x00" + state() + b"b12345678.",
        WRAPPER + b")\x81" + state() + b"\x94h\x000b12345678.",
        WRAPPER + b")\x812" + state() + b"b12345678.",
        WRAPPER + b")\x81\x85.",
        WRAPPER + b")\x81]b12345678.",
        WRAPPER + b")\x81}b12345678.",
        WRAPPER + b"\x85.",
        b"]" + WRAPPER + b"a.",
        b"}K\x01" + WRAPPER + b"s.",
        b"ccollections\ndefaultdict\n" + WRAPPER + b"\x85R.",
        WRAPPER + b")}\x92" + state() + b"b12345678.",
        b"(" + WRAPPER + b"o" + state() + b"b12345678.",
        b"(ijoblib.numpy_pickle\nNumpyArrayWrapper\n" + state() + b"b12345678.",
        WRAPPER + b")\x81" + state(more=b"\x8c\x05other\x89") + b"b12345678.",
        WRAPPER + b")\x81" + state(more=b"cbuiltins\nstr\n\x8c\x05shape\x85RK\x02\x85") + b"b12345678.",
        WRAPPER + b")\x81" + state(shape=b"\x88\x85") + b"b12345678.",
        WRAPPER + b")\x81" + state(shape=b"K\x01") + b"b12345678.",
        WRAPPER + b")\x81" + state(shape=b"J\xff\xff\xff\xff\x85") + b"b12345678.",
        # the wrapper by another name
        b"cjoblib.numpy_pickle_compat\nNumpyArrayWrapper\n.",
        b"\x8c\x06joblib\x8c\x1enumpy_pickle.NumpyArrayWrapper\x93.",
        # the data type: without a state, with two, by another way, with flags that lie, given away
        WRAPPER + b")\x81" + state(dtype=b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R") + b"b12345678.",
        F8 + F8[F8.index(b"(") :] + b".",
        F8.replace(b"K\x00tb", b"K\x3ftb") + b".",
        F8.replace(b"\x8c\x01<", b"\x8c\x01!") + b".",
        F8.replace(b"J\xff\xff\xff\xff", b"K\x10") + b".",
        b"cnumpy\ndtype\n\x8c\x02f8\x85R.",
        b"cnumpy\ndtype\n" + F8 + b"\x85\x81.",
        b"cnumpy\ndtype\n\x85.",
        b"cnumpy\nmaximum\n" + F8 + b"\x94h\x00\x86R}b.",
        b"cnumpy._core.multiarray\nscalar\n" + F8 + b"N\x86R}b.",
        # an array within a frame: joblib reads on after the frame, its unpickler in it
        b"\x95" + struct.pack("<Q", 400) + WRAPPER + b")\x81" + state() + b"b12345678" + b"N0" * 200 + b".",
        # frames within frames
        b"\x95" + struct.pack("<Q", 20) + b"\x95" + struct.pack("<Q", 20) + b"N.",
        # buffers kept elsewhere
        b"\x97.",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(written(tmp_path / "file", BEGIN + content)).code == "pickle_unreadable"


def test_a_structure_of_objects_that_says_it_has_none_is_refused(tmp_path: Path) -> None:
    # NumPy would take the bytes of the file for pointers.
    dtype = np.dtype([("a", "O")])
    data = pickle.dumps(dtype, protocol=2)
    audit(written(tmp_path / "good", data))
    flags = b"K\x1b" if b"K\x1b" in data else b"K\x3f"
    assert data.count(flags + b"t") == 1
    refused(written(tmp_path / "bad", data.replace(flags + b"t", b"K\x10t")))


def test_a_structure_must_fit_and_stay_as_it_is(tmp_path: Path) -> None:
    def structure(offset: bytes = b"K\x00", size: bytes = b"K\x08", base: bytes = b"N", more: bytes = b"") -> Path:
        fields = b"}\x94(\x8c\x01a" + F8 + offset + b"\x86u"
        names = b"\x8c\x01a\x85" + fields if base == b"N" else b"NN"
        content = b"cnumpy\ndtype\n\x8c\x02V8\x89\x88\x87R(K\x03\x8c\x01|" + base + names + size + b"K\x01K\x10tb"
        return written(tmp_path / "file", BEGIN + content + more + b".")

    assert audit(structure()).known == ("numpy.dtype",)
    assert audit(structure(base=F8 + b"K\x01\x85\x86")).known == ("numpy.dtype",)
    refused(structure(offset=b"K\x01"))
    refused(structure(size=b"K\x09"))
    refused(structure(base=F8 + b"K\x02\x85\x86"))
    # The dictionary of the fields, taken up again and changed.
    refused(structure(more=b"0h\x00\x8c\x01a" + F8 + b"K\x00\x86s"))


def test_a_nested_pickle_ends_where_its_frame_ends(tmp_path: Path) -> None:
    objects = F8.replace(b"f8", b"O8").replace(b"<NNN", b"|NNN").replace(b"K\x00tb", b"K\x3ftb")
    head = BEGIN + WRAPPER + b")\x81" + state(dtype=objects) + b"b"
    inner = b"\x80\x05\x95" + struct.pack("<Q", 2) + b"N."
    assert audit(written(tmp_path / "good", head + inner + b".")).dangerous == ()
    # joblib drops the rest of the frame of a nested pickle and reads on after it.
    inner = b"\x80\x05\x95" + struct.pack("<Q", 4) + b"N.N0"
    refused(written(tmp_path / "bad", head + inner + b"."))


@pytest.mark.parametrize(
    "content",
    [
        b"\x8e" + struct.pack("<Q", 2**62),  # BINBYTES8
        b"\x96" + struct.pack("<Q", 2**62),  # BYTEARRAY8
        b"\x8d" + struct.pack("<Q", 2**62),  # BINUNICODE8
        b"X" + struct.pack("<I", 2**32 - 1),
        b"\x8b" + struct.pack("<i", 2**31 - 1),  # LONG4
        b"T" + struct.pack("<i", -1),
        b"V" + b"a" * 100_000,
    ],
)
def test_declared_sizes_are_not_allocated(tmp_path: Path, content: bytes) -> None:
    import tracemalloc

    path = written(tmp_path / "file", BEGIN + content + b"rest")
    tracemalloc.start()
    refused(path)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_deep_data_needs_no_depth_here(tmp_path: Path) -> None:
    deep = 100_000
    for content in (
        b"(" * deep + b"t" * deep,
        b"]" * deep + b"a" * (deep - 1),
        b")" + b"\x85" * deep,
        b"N" + b"2\x86" * deep,
    ):
        assert audit(written(tmp_path / "file", BEGIN + content + b".")).types == ()


def test_bombs_end_at_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = zlib.compressobj(9)
    data = BEGIN + b"C\x01a" + b"B" + struct.pack("<I", 50 * 2**20) + b"\0" * (50 * 2**20) + b"."
    path = written(tmp_path / "bomb", engine.compress(data) + engine.flush())
    assert audit(path).types == ()
    monkeypatch.setattr("mlctl.pickle_audit.content.MAX_BYTES", 20 * 2**20)
    assert "more than 0 GiB" in refused(path).message
    assert "more than 0 GiB" in refused(written(tmp_path / "bomb2", bz2.compress(data))).message
    monkeypatch.setattr("mlctl.pickle_audit.machine.MAX_OPERATIONS", 100)
    assert "100 operations" in refused(written(tmp_path / "steps", BEGIN + b"N0" * 200 + b"N.")).message
    monkeypatch.setattr("mlctl.pickle_audit.machine.MAX_TEXT", 2**20)
    monkeypatch.setattr("mlctl.pickle_audit.machine.MAX_OPERATIONS", 10**6)
    assert (
        "1 MiB of text" in refused(written(tmp_path / "text", BEGIN + (b"\x8c\xc8" + b"a" * 200) * 6000 + b".")).message
    )


# --- chance -----------------------------------------------------------------------------------------------


def answers(path: Path) -> bool:
    """Whether the audit is an answer or a refusal, rather than an error that nobody expects."""
    try:
        return isinstance(audit(path), Audit)
    except MlctlError as error:
        return error.code in ("pickle_unreadable", "pickle_unsupported")


flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Small files: a model and a bit of everything, as joblib and pickle write them."""
    path = tmp_path_factory.mktemp("seeds") / "seed"
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)).fit(ARRAY, [0, 1, 1])
    made = []
    for value in (model, PLAIN, [ARRAY, Runs(path.parent / "mark")]):
        for protocol in (0, 2, 4):
            joblib.dump(value, str(path), protocol=protocol)
            made += [path.read_bytes(), pickle.dumps(value, protocol=protocol)]
        joblib.dump(value, str(path), compress=("zlib", 3))
        made.append(path.read_bytes())
    return made


@given(which=st.integers(0, 20), changes=flips, cut=st.integers(0, 10**6) | st.none())
def test_damaged_files_are_audited_or_refused(
    tmp_path: Path, seeds: list[bytes], which: int, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(seeds[which % len(seeds)])
    for place, value in changes:
        data[place % len(data)] = value
    path = written(tmp_path / "file", bytes(data[: cut % len(data)] if cut else data))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert answers(path)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_audited_or_refused(tmp_path: Path, content: bytes) -> None:
    for head in (b"", BEGIN, BEGIN + WRAPPER + b")\x81"):
        assert answers(written(tmp_path / "file", head + content + b"."))
