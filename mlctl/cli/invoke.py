"""The ``mlctl invoke`` command."""

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.options import JsonFlag, StageFlag, TokenFlag
from mlctl.cli.output.terminal import escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.invoke import Payload
    from mlctl.core.shared.api_response import Invoked
    from mlctl.settings import DataSettings

# More than a request can hold, because mlctl leaves out columns that the model does not use.
_MAX_BYTES = 100_000_000
# In these folders a path can name a file that is already open.
_DESCRIPTOR_FOLDERS = ("dev", "proc")
# Without this, Typer parses -1.0 as an option.
CONTEXT_SETTINGS = {"ignore_unknown_options": True}


def invoke(
    ctx: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VALUE]...", help="The features in order, or NAME=VALUE for each; - reads rows from stdin."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Rows as CSV (with or without a header), JSON or Parquet.")
    ] = None,
    stage: StageFlag = "local",
    token: TokenFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Request a prediction from the deployed API.

    By position: mlctl invoke 5.1 3.5 1.4 0.2. By name: mlctl invoke sepal_length=5.1 …. Many rows: mlctl invoke --file
    rows.csv. With auth = "iam", mlctl signs the request with your AWS credentials.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    payload = _payload(values or [], file, settings.data)
    from mlctl.core import invoke as core

    with session.progress() as report:
        invoked = core.run(session.folder, settings, stage, payload, report, token=token)
    error = invoked.error
    if error and invoked.document is None:
        raise error
    session.emit(invoked.document, lambda console: None if error else _render(console, invoked))
    if error:
        if len(invoked.problems) > 1 and not session.as_json:
            for problem in invoked.problems:
                session.err.print(f"  {escape(problem)}")
        session.fail_after_output(error)


def _payload(values: list[str], file: Path | None, data: "DataSettings") -> "Payload":
    from mlctl.core import invoke as core
    from mlctl.errors import ExitCode, MlctlError

    if file is not None and values:
        raise typer.BadParameter("Give values or --file, not both.")
    if values == ["-"] or file == Path("-"):
        return _from_text(sys.stdin.read(), "stdin", data)
    if file is not None:
        try:
            return _from_text(_read_text(file, data), str(file), data)
        except (OSError, UnicodeDecodeError, LookupError) as error:
            raise MlctlError(
                f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.",
                code="file_unreadable",
                exit_code=ExitCode.BAD_INPUT,
                hint="Use CSV, JSON, JSON lines or Parquet. Text must be UTF-8, or in the encoding of [data] encoding.",
            ) from None
    if not values:
        raise typer.BadParameter("Give the features of a row, or --file.")
    unknown_options = [value for value in values if value.startswith("-") and not _is_number(value)]
    if unknown_options:
        raise typer.BadParameter(f"No such option: {unknown_options[0]}")
    return lambda schema: core.payload_from_words(values, schema.get("features", ()))


def _from_text(text: str, name: str, data: "DataSettings") -> "Payload":
    from mlctl.core import invoke as core

    def payload(schema: dict[str, Any]) -> dict[str, Any]:
        target = schema.get("target", {})
        targets = [output["name"] for output in target.get("outputs", [target]) if "name" in output]
        return core.payload_from_text(text, name, schema.get("features", ()), data, targets=targets)

    return payload


def _read_text(file: Path, data: "DataSettings") -> str:
    """Return a file as text, and Parquet as CSV. Raises OSError for a file that is missing or too large."""
    content = _read_bytes(file)
    if content[:4] == b"PAR1":
        # Imported only here, because pandas is slow to import.
        import pandas

        return pandas.read_parquet(io.BytesIO(content)).to_csv(
            index=False, sep=data.delimiter or ",", decimal=data.decimal
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(data.encoding)


def _read_bytes(file: Path) -> bytes:
    # O_NONBLOCK, because opening a pipe blocks until there is a writer.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as opened:
        kind = os.fstat(opened.fileno()).st_mode
        # A pipe that a shell opened, such as `--file <(command)`, has a writer. A named pipe may never get one.
        if not stat.S_ISREG(kind) and not (stat.S_ISFIFO(kind) and file.absolute().parts[1] in _DESCRIPTOR_FOLDERS):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, not a file")
        os.set_blocking(opened.fileno(), True)
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MAX_BYTES // 1_000_000} MB; a request has at most 10 MB")
    return content


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _render(console: "Console", invoked: "Invoked") -> None:
    from mlctl.cli.views import tables

    document = invoked.document
    predictions = document.get("predictions") or [document]
    tables.predictions(console, predictions, invoked.class_names)
    for number, prediction in enumerate(predictions, start=1):
        for warning in prediction.get("warnings", []):
            row = f"row {number}: " if len(predictions) > 1 else ""
            console.print(f"[yellow]![/] {row}{escape(str(warning['feature']))}: {escape(str(warning['message']))}")
    headers = invoked.response.headers
    model, request = headers.get("x-model-version", ""), headers.get("x-request-id", "")
    console.print(
        f"\n[dim]{invoked.response.elapsed_ms:.0f} ms, including {document['latency_ms']:g} ms to predict; "
        f"model {tables.short(model)}; request {escape(request, 100)}[/]"
    )
