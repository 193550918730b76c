"""What the unit tests share."""

import pytest

from mlctl.model_loading import process
from tests.support.forked_loading import ForkedSubprocess


@pytest.fixture(autouse=True)
def _model_files_are_opened_in_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "subprocess", ForkedSubprocess)
