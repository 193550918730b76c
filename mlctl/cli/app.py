"""The ``mlctl`` command line: registers the commands and turns their errors into output and exit codes."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mlctl import __version__
from mlctl.cli import (
    bench,
    compare,
    config,
    data,
    deploy,
    destroy,
    doctor,
    evaluate,
    export,
    import_model,
    init,
    invoke,
    local,
    logs,
    models,
    package,
    promote,
    releases,
    rollback,
    status,
    support,
    train,
    up,
)
from mlctl.cli.help import MAX_WIDTH, GroupedHelp, help_without_command
from mlctl.cli.output import terminal
from mlctl.cli.output.errors import interrupted, output_failed, to_mlctl_error
from mlctl.cli.output.streams import discard_output, output_error, standard_streams
from mlctl.cli.session import Globals, LogFormat
from mlctl.errors import ExitCode, MlctlError

app = typer.Typer(
    name="mlctl",
    cls=GroupedHelp,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": MAX_WIDTH},
)
app.command("up")(up.up)
app.command("init")(init.init)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("import")(import_model.import_model)
app.command("compare")(compare.compare)
models.app.command("support")(support.support)
app.add_typer(models.app, name="models")
app.command("package")(package.package)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("deploy")(deploy.deploy)
app.command("promote")(promote.promote)
app.command("rollback")(rollback.rollback)
app.command("releases")(releases.releases)
app.command("export")(export.export)
app.command("invoke", context_settings=invoke.CONTEXT_SETTINGS)(invoke.invoke)
app.command("logs")(logs.logs)
app.command("status")(status.status)
app.command("destroy")(destroy.destroy)
app.add_typer(local.app, name="local")
app.add_typer(config.app, name="config")


def _show_version(is_set: bool) -> None:
    if is_set:
        terminal.echo(f"mlctl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    project_dir: Annotated[
        Path | None,
        typer.Option(
            "--project-dir",
            "-C",
            envvar="MLCTL_PROJECT_DIR",
            show_envvar=True,
            help="The project folder, whoever owns it. Default: the current folder or the nearest parent with "
            "mlctl.toml.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option("--log-format", help="The format of progress on stderr: text, or one JSON object per line."),
    ] = LogFormat.text,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, deploy and operate scikit-learn models on AWS Lambda.

    Start with `mlctl up`: it trains, packages and deploys a model on this machine, without an AWS account.
    """
    ctx.obj = Globals(project_dir=project_dir, debug=debug, log_format=log_format)
    help_without_command(ctx)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Errors become one or two lines on stderr, or JSON."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    if "--debug" in words:
        # Accept it anywhere, because you usually add it to the end of a command that failed.
        words = ["--debug", *(word for word in words if word != "--debug")]
    with standard_streams():
        terminal.guard_warnings()
        code, error = _run(words)
        write_error = output_error()
        if write_error is not None:
            discard_output()
            as_json = False
            # The reader of a pipe, such as `head`, may close it early. That is no error.
            if not isinstance(write_error, BrokenPipeError):
                error = output_failed(write_error)
        return code if error is None else _fail(error, as_json, debug="--debug" in words)


def _run(words: list[str]) -> tuple[int, MlctlError | None]:
    """Run the command line. Return its exit code and its error."""
    try:
        code = app(words, prog_name="mlctl", standalone_mode=False)
    except (BrokenPipeError, SystemExit):
        # rich and Typer raise SystemExit when the reader of a pipe closes it.
        discard_output()
        return ExitCode.OK, None
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED, interrupted()
    except Exception as exception:  # any other exception becomes one line; --debug shows the traceback
        error = to_mlctl_error(exception)
        return error.exit_code, error
    # Typer turns Ctrl-C into this exit code, without a message.
    return int(code or ExitCode.OK), interrupted() if code == ExitCode.INTERRUPTED else None


def _fail(error: MlctlError, as_json: bool, *, debug: bool) -> int:
    if debug:
        terminal.echo_traceback(error)
    # If neither stream is writable, the exit code still reports the error.
    with contextlib.suppress(OSError):
        terminal.echo_error(error.lines, error.hint, coloured=not os.environ.get("NO_COLOR"))
    if as_json:
        try:
            terminal.echo_json({"error": error.to_document()})
        except OSError:
            discard_output()
    return int(error.exit_code)
