"""The ``mlctl train`` command."""

import typer

from mlctl.cli.options import JsonFlag, ParamFlags, SourceFlag, TargetFlag, data_settings, param_settings
from mlctl.cli.session import Session


def train(
    ctx: typer.Context,
    param: ParamFlags = None,
    source: SourceFlag = None,
    target: TargetFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Cross-validate, fit and measure a model, and store a model version.

    mlctl splits the data into a training part and a test part. The folds and the fit use only the training part. The
    metrics come from the held-out rows. To train another estimator, set [model] in mlctl.toml.

    With [model] pipeline, this command and `up` import that module of the project folder and run its code as you. If
    the folder comes from someone else, read it first.
    """
    session = Session(ctx, as_json)
    data = data_settings(session.folder, source, target)
    settings = session.settings(flags=data | param_settings(param))
    with session.progress() as report:
        from mlctl.core import train as core

        trained = core.run(session.folder, settings, report, base=session.settings(flags=data).identity())
    from mlctl.cli.views.versions import render_version, version_document

    session.emit(version_document(trained), lambda console: render_version(console, trained))
