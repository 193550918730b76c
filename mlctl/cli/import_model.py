"""``mlctl import``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlctl.cli.output.terminal import confirm, escape
from mlctl.cli.session import JsonFlag, Session

if TYPE_CHECKING:
    from mlctl.core.shared.model_file import Examined

_SHOWN = 12
_UNKNOWN = {
    "pickle": "what mlctl does not recognise",
    "skops": "what mlctl does not recognise, or skops does not trust",
}
_REASON = {"pickle": "opening a pickle runs the code in it", "skops": "not all of its types are safe to load"}


def import_model(
    ctx: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(help="A fitted scikit-learn model, as skops.io.dump, joblib.dump or pickle.dump wrote it."),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Rows with the model's features and the target; default: [data] source."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The column that the model predicts; several in its order: A,B.")
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Open the file without asking: you know who made it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a model version of a scikit-learn model that exists already.

    Opening a pickle or joblib file runs the code in it. mlctl first lists what it recognises in the file and what it
    does not, and opens it only if you agree or give --trust: in a child process, with limits, without your
    environment and, on Linux, without network. That process can still read and write your files. A file may run code
    even if mlctl recognises everything in it: open only files from people you know.

    A .skops file is the safer way: it holds data and names of types, and mlctl asks for trust only if skops does
    not trust one of them. It needs an extra: pip install 'mlctl[skops]'.
    """
    from mlctl.cli.train import data_flags, render_version, to_document

    session = Session(ctx, as_json)
    settings = session.settings(flags=data_flags(session, data, target))
    with session.progress() as report:
        from mlctl.core import import_model as core
        from mlctl.core.shared import model_file

        examined = model_file.examine(model, report)
    _tell(session, examined)
    if examined.needs_trust:
        _agree(session, examined, trust)
    with session.progress() as report:
        kept = core.run(session.folder, settings, examined, report, trusted=trust or examined.needs_trust)
    audit = examined.audit
    document = to_document(kept) | {
        "types": list(audit.types),
        "not_recognised": sorted({*audit.unknown, *audit.dangerous}),
        "calls_code": list(audit.calls),
    }
    session.emit(document, lambda console: render_version(console, kept))


def _tell(session: Session, examined: "Examined") -> None:
    from mlctl.cli.views import tables

    audit = examined.audit
    if session.as_json or session.log_is_json:
        return
    count = len(audit.types)
    session.err.print(f"{tables.path(examined.path)} names {count} type{'' if count == 1 else 's'}:")
    for title, names, mark in (
        ("what mlctl recognises", audit.known, " "),
        (_UNKNOWN[examined.kind], audit.unknown, "[yellow]![/]"),
        ("never needed by a model, and able to run anything", audit.dangerous, "[bold red]![/]"),
    ):
        if names:
            shown = ", ".join(names[:_SHOWN]) + (f", … ({len(names)} in all)" if len(names) > _SHOWN else "")
            session.err.print(f"{mark} {title}: {escape(shown)}")
    for call in audit.calls[:_SHOWN]:
        session.err.print(f"[bold red]![/] calls code: {escape(call)}")
    if len(audit.calls) > _SHOWN:
        session.err.print(f"[bold red]![/] calls code: … ({len(audit.calls)} in all)")
    session.err.print("  Opening a pickle may run code, even if mlctl recognises everything in it.")


def _agree(session: Session, examined: "Examined", trust: bool) -> None:
    """Go on only with the user's word."""
    from mlctl.errors import ExitCode, MlctlError

    if trust:
        return
    asked = not session.as_json and sys.stdin.isatty()
    risk = "Opening it runs the code in it." if examined.kind == "pickle" else "Not all of its types are safe to load."
    if asked and confirm(f"{risk} Do you trust the person who made it?"):
        return
    audit = examined.audit
    names = audit.dangerous or audit.unknown
    found = f" It names {', '.join(names[:3])}{', …' if len(names) > 3 else ''}." if names else ""
    if audit.calls and not names:
        found = f" It calls code: {audit.calls[0]}{', …' if len(audit.calls) > 1 else ''}."
    raise MlctlError(
        f"{examined.path.name} was not opened."
        if asked
        else f"{examined.path.name} was not opened: {_REASON[examined.kind]}.{found}",
        code="not_trusted",
        exit_code=ExitCode.USAGE,
        hint="Nothing was imported." if asked else "Give --trust if you know who made it.",
    )
