"""Runs ``python -m mlctl``.

For ``-m``, Python puts the working directory first in ``sys.path``. Code in that folder must not run as part of mlctl,
so this module removes it before any other import. It cannot prevent what Python imports before this file: in a folder
with its own ``mlctl.py``, use the command ``mlctl``, or ``python -P -m mlctl``.
"""

import os
import sys

if __name__ == "__main__":
    try:
        working_directory = os.getcwd()  # noqa: PTH109  # pathlib must not be imported yet
    except OSError:
        working_directory = ""  # the folder was deleted
    if not sys.flags.safe_path and sys.path[:1] in ([""], [working_directory]):
        del sys.path[0]
    from mlctl.cli.app import main

    raise SystemExit(main())
