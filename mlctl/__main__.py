"""``python -m mlctl``."""

from mlctl.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
