"""``python -m mlctl``.

Python puts the working directory first on the path for ``-m``. A folder that happens to be the current one must not
run as part of mlctl, so it is taken off before anything else is imported. What Python itself imports before this
file is beyond reach: in a folder with an ``mlctl.py`` of its own, use the command ``mlctl``, or ``python -P -m mlctl``.
"""

import os
import sys

if __name__ == "__main__":
    try:
        here = os.getcwd()  # noqa: PTH109  # pathlib is not imported yet
    except OSError:
        # A folder that is gone; Python then puts an empty text there.
        here = ""
    if not sys.flags.safe_path and sys.path[:1] in ([""], [here]):
        del sys.path[0]
    from mlctl.cli.app import main

    raise SystemExit(main())
