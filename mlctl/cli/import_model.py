"""The ``mlctl import`` command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.options import JsonFlag, data_settings
from mlctl.cli.output.terminal import confirm, escape
from mlctl.cli.session import Session

if TYPE_CHECKING:
    from mlctl.core.shared.model_file import ExaminedFile

_SHOWN_NAMES = 12
_UNKNOWN = {
    "pickle": "not recognised by mlctl",
    "skops": "not recognised by mlctl, or not trusted by skops",
}
_REASON = {"pickle": "opening a pickle runs the code in it", "skops": "not all of its types are safe to load"}


def import_model(
    ctx: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(help="A fitted scikit-learn model, written by skops.io.dump, joblib.dump or pickle.dump."),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Rows with the features of the model and the target. Default: [data] source."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="The column that the model predicts. For several, in the model's order: A,B."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open the file without asking, because you know who made it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a model version of a fitted scikit-learn model.

    Opening a pickle or joblib file runs the code in it. mlctl first lists what it recognises in the file and what it
    does not. It opens the file only if you agree or give --trust, in a child process with limits, without your
    environment variables and, on Linux, without network. That process can still read your files. Without Landlock
    (macOS, Linux before 5.13) it can also write them. A file may run code even if mlctl recognises everything in it,
    so open only files from people you know.

    A .skops file is safer: it contains data and names of types, and mlctl asks for trust only if skops does not trust
    one of them. It needs an extra: pip install 'mlctl[skops]'.
    """
    session = Session(ctx, as_json)
    settings = session.settings(flags=data_settings(session.folder, data, target))
    with session.progress() as report:
        from mlctl.core import import_model as core
        from mlctl.core.shared import model_file

        examined = model_file.examine(model, report)
    _show_audit(session, examined)
    if examined.needs_trust:
        _require_trust(session, examined, trust)
    with session.progress() as report:
        imported = core.run(session.folder, settings, examined, report, trusted=trust or examined.needs_trust)
    from mlctl.cli.views.versions import render_version, version_document

    audit = examined.audit
    document = version_document(imported) | {
        "types": list(audit.types),
        "not_recognised": sorted({*audit.unknown, *audit.dangerous}),
        "calls_code": list(audit.calls),
    }
    session.emit(document, lambda console: render_version(console, imported))


def _show_audit(session: Session, examined: "ExaminedFile") -> None:
    from mlctl.cli.views import tables

    audit = examined.audit
    if session.as_json or session.log_is_json:
        return
    count = len(audit.types)
    session.err.print(f"{tables.path(examined.path)} names {count} type{'' if count == 1 else 's'}:")
    for title, names, mark in (
        ("recognised by mlctl", audit.known, " "),
        (_UNKNOWN[examined.kind], audit.unknown, "[yellow]![/]"),
        ("never needed by a model, and able to run anything", audit.dangerous, "[bold red]![/]"),
    ):
        if names:
            more = f", … ({len(names)} in total)" if len(names) > _SHOWN_NAMES else ""
            session.err.print(f"{mark} {title}: {escape(', '.join(names[:_SHOWN_NAMES]) + more)}")
    for call in audit.calls[:_SHOWN_NAMES]:
        session.err.print(f"[bold red]![/] calls code: {escape(call)}")
    if len(audit.calls) > _SHOWN_NAMES:
        session.err.print(f"[bold red]![/] calls code: … ({len(audit.calls)} in total)")
    session.err.print("  Opening a pickle may run code, even if mlctl recognises everything in it.")


def _require_trust(session: Session, examined: "ExaminedFile", trust: bool) -> None:
    """Ask whether the user trusts the file. Raises MlctlError (exit 2) if not."""
    from mlctl.errors import ExitCode, MlctlError

    if trust:
        return
    is_interactive = not session.as_json and sys.stdin.isatty()
    risk = "Opening it runs the code in it." if examined.kind == "pickle" else "Not all of its types are safe to load."
    if is_interactive and confirm(f"{risk} Do you trust the person who made it?"):
        return
    audit = examined.audit
    names = audit.dangerous or audit.unknown
    reason = f" It names {', '.join(names[:3])}{', …' if len(names) > 3 else ''}." if names else ""
    if audit.calls and not names:
        reason = f" It calls code: {audit.calls[0]}{', …' if len(audit.calls) > 1 else ''}."
    raise MlctlError(
        f"{examined.path.name} was not opened."
        if is_interactive
        else f"{examined.path.name} was not opened: {_REASON[examined.kind]}.{reason}",
        code="not_trusted",
        exit_code=ExitCode.USAGE,
        hint="Nothing was imported." if is_interactive else "Give --trust if you know who made it.",
    )
