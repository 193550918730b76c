"""How many rows fit in a request, from the time of one row."""

from pathlib import Path
from typing import Any

import pytest

from mlctl.core.shared.request_size import MAX_ROWS, too_many
from mlctl.packaging import build, proof
from mlctl.settings.deploy import DeploySettings
from tests.conftest import ROOT, Cli


def test_the_most_rows_are_those_of_the_handler() -> None:
    assert f"MAX_ROWS = {MAX_ROWS:_}\n" in (ROOT / "handler" / "features.py").read_text()


@pytest.mark.parametrize(
    ("row_seconds", "memory", "timeout", "told"),
    [
        # 10,000 rows with one CPU: 1 s; 256 MB have 256/1769 of it.
        (0.0001, 256, 10, None),
        (
            0.0002,
            256,
            10,
            "A request of 10,000 rows takes about 14 s at 256 MB, more than the timeout of 10 s: about 7,200 rows fit. "
            "For more, send fewer rows per request, or set [deploy] memory = 384, or set [deploy] timeout = 14.",
        ),
        (0.0002, 384, 10, None),
        (
            0.0009,
            1769,
            5,
            "A request of 10,000 rows takes about 9.0 s at 1769 MB, more than the timeout of 5 s: about 5,500 rows "
            "fit. For more, send fewer rows per request, or set [deploy] timeout = 9.",
        ),
        # More than one CPU helps nobody.
        (0.0009, 10_240, 5, "A request of 10,000 rows takes about 9.0 s at 10240 MB"),
        (
            0.01,
            256,
            10,
            "A request of 10,000 rows takes about 691 s at 256 MB, more than the timeout of 10 s: about 140 rows fit. "
            "For more, send fewer rows per request.",
        ),
        (100.0, 256, 10, "about 1 rows fit"),
    ],
)
def test_what_is_told(row_seconds: float, memory: int, timeout: int, told: str | None) -> None:
    text = too_many(row_seconds, DeploySettings(memory=memory, timeout=timeout))
    assert text == told if told is None or told.endswith(".") else told in str(text)


def test_package_tells_it_and_the_zip_does_not_depend_on_it(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = proof.run_package
    documents, told = [], []
    for seconds in (1e-9, 0.01, None):

        def slow(*words: Any, seconds: float | None = seconds, **more: Any) -> Any:
            return proof.Proof(ask(*words, **more).answers, seconds)

        monkeypatch.setattr(proof, "run_package", slow)
        result = cli("package", "--json")
        assert result.code == 0
        documents.append(result.json)
        told.append("! A request of 10,000 rows takes about 691 s at 256 MB" in result.err)
    assert told == [False, True, False]
    assert documents[0] == documents[1] == documents[2]


def test_deploy_tells_it_on_aws_and_not_of_the_emulator(
    trained: Path, cloud: object, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = proof.run_package
    monkeypatch.setattr(proof, "run_package", lambda *words: proof.Proof(ask(*words).answers, 0.01))
    result = cli("deploy", "--stage", "prod")
    assert result.code == 0
    assert "A request of 10,000 rows takes about 691 s at 256 MB" in result.err


def test_the_proof_measures_a_row(iris_package: build.Package) -> None:
    assert iris_package.row_seconds is not None
    assert 0 < iris_package.row_seconds < 1
