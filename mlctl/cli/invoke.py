"""``mlctl invoke``."""

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlctl.cli.output.terminal import escape
from mlctl.cli.session import JsonFlag, Session, StageName, TokenFlag

if TYPE_CHECKING:
    from rich.console import Console

    from mlctl.core.invoke import Payload
    from mlctl.core.shared.api_response import Invoked
    from mlctl.settings import DataSettings

# A table of which a request holds a part: columns that the model does not take are left out.
_MAX_BYTES = 100_000_000
# Below these folders a path can name a file that is open already.
_OF_DESCRIPTORS = ("dev", "proc")
# Without this, -1.0 would be taken for an option.
CONTEXT = {"ignore_unknown_options": True}


def invoke(
    ctx: typer.Context,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VALUE]...", help="The features in order, or NAME=VALUE each; - reads rows from stdin."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Rows in CSV (with a header or without) or JSON.")] = None,
    stage: StageName = "local",
    token: TokenFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask the deployed API for a prediction.

    mlctl invoke 5.1 3.5 1.4 0.2, or by name: mlctl invoke sepal_length=5.1 …, or many rows:
    mlctl invoke --file rows.csv. With auth = "iam" the request is signed with your AWS credentials.
    """
    session = Session(ctx, as_json)
    settings = session.settings(stage=stage)
    payload = _payload(values or [], file, settings.data)
    from mlctl.core import invoke as core

    with session.progress() as report:
        invoked = core.run(session.folder, settings, stage, payload, report, token=token)
    refused = invoked.refused
    if refused and invoked.document is None:
        raise refused
    session.emit(invoked.document, lambda console: None if refused else _render(console, invoked))
    if refused:
        if len(invoked.problems) > 1 and not session.as_json:
            for problem in invoked.problems:
                session.err.print(f"  {escape(problem)}")
        session.fail_after_output(refused)


def _payload(values: list[str], file: Path | None, data: "DataSettings") -> "Payload":
    from mlctl.core import invoke as core
    from mlctl.errors import ExitCode, MlctlError

    if file is not None and values:
        raise typer.BadParameter("Give values or --file, not both.")
    if values == ["-"] or file == Path("-"):
        return _from_text(sys.stdin.read(), "stdin", data)
    if file is not None:
        try:
            return _from_text(_text_of(file, data), str(file), data)
        except (OSError, UnicodeDecodeError, LookupError) as error:
            raise MlctlError(
                f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.",
                code="file_unreadable",
                exit_code=ExitCode.BAD_INPUT,
                hint="Give --file CSV, JSON, JSON lines or Parquet; text in UTF-8, or as [data] encoding says.",
            ) from None
    if not values:
        raise typer.BadParameter("Give the features of a row, or --file.")
    strange = [word for word in values if word.startswith("-") and not _is_number(word)]
    if strange:
        raise typer.BadParameter(f"No such option: {strange[0]}")
    return lambda schema: core.payload_from_words(values, schema.get("features", ()))


def _from_text(text: str, name: str, data: "DataSettings") -> "Payload":
    from mlctl.core import invoke as core

    def payload(schema: dict[str, Any]) -> dict[str, Any]:
        target = schema.get("target", {})
        targets = [each["name"] for each in target.get("outputs", [target]) if "name" in each]
        return core.payload_from_text(text, name, schema.get("features", ()), data, targets=targets)

    return payload


def _text_of(file: Path, data: "DataSettings") -> str:
    """The rows of a file as text; those of Parquet as CSV. Raises OSError for no file, or too large a one."""
    content = _bytes_of(file)
    if content[:4] == b"PAR1":
        # Only here: what a request needs otherwise must not wait for pandas.
        import pandas

        return pandas.read_parquet(io.BytesIO(content)).to_csv(
            index=False, sep=data.delimiter or ",", decimal=data.decimal
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(data.encoding)


def _bytes_of(file: Path) -> bytes:
    # Without waiting: a pipe would block until somebody writes to it.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as opened:
        kind = os.fstat(opened.fileno()).st_mode
        # What a shell opened, such as `--file <(command)`, has or had a writer; a pipe in a folder may never get one.
        if not stat.S_ISREG(kind) and not (stat.S_ISFIFO(kind) and file.absolute().parts[1] in _OF_DESCRIPTORS):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, not a file")
        os.set_blocking(opened.fileno(), True)
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MAX_BYTES // 1_000_000} MB, and a request at most 10 MB")
    return content


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _render(console: "Console", invoked: "Invoked") -> None:
    from mlctl.cli.views import tables

    document = invoked.document
    predictions = document.get("predictions") or [document]
    tables.predictions(console, predictions, invoked.class_names)
    for number, each in enumerate(predictions, start=1):
        for warning in each.get("warnings", []):
            row = f"row {number}: " if len(predictions) > 1 else ""
            console.print(f"[yellow]![/] {row}{escape(str(warning['feature']))}: {escape(str(warning['message']))}")
    headers = invoked.response.headers
    model, request = headers.get("x-model-version", ""), headers.get("x-request-id", "")
    console.print(
        f"\n[dim]{invoked.response.elapsed_ms:.0f} ms, of them {document['latency_ms']:g} ms to predict; "
        f"model {tables.short(model)}; request {escape(request, 100)}[/]"
    )
