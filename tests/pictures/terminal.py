"""The picture of a terminal session at the top of the README, in a dark and a light variant.

    .venv/bin/python -m tests.pictures.terminal [--into docs/images]

Runs the real ``mlctl up`` and ``mlctl invoke`` in a temporary project on the local stage, in a pseudo-terminal, and
draws what they leave on the screen as ``terminal-dark.svg`` and ``terminal-light.svg``. The pictures load nothing from
the network: rich's own template names a web font, this one does not.
"""

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.conftest import ROOT

IMAGES = ROOT / "docs" / "images"
MLCTL = Path(sys.executable).with_name("mlctl")
COMMANDS = ("mlctl up", "mlctl invoke 6.7 3.0 5.2 2.3")
COLUMNS = 100
TIMEOUT = 600

# The colours of GitHub's own pages: background, text, the eight colours, and the bright ones.
THEMES = {
    "dark": TerminalTheme(
        (13, 17, 23),
        (230, 237, 243),
        [
            (72, 79, 88),
            (255, 123, 114),
            (63, 185, 80),
            (210, 153, 34),
            (88, 166, 255),
            (188, 140, 255),
            (57, 197, 207),
            (177, 186, 196),
        ],
    ),
    "light": TerminalTheme(
        (255, 255, 255),
        (31, 35, 40),
        [
            (36, 41, 47),
            (207, 34, 46),
            (17, 99, 41),
            (125, 78, 0),
            (9, 105, 218),
            (130, 80, 223),
            (27, 124, 131),
            (110, 119, 129),
        ],
    ),
}
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# What a progress display writes to move the cursor and clear lines, and the line ends.
_CONTROL = re.compile(r"\x1b\[(\d*)A|\x1b\[2?K|\x1b\[\?25[lh]|\r|\n")


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=IMAGES, metavar="FOLDER", help="where the pictures go")
    folder: Path = parser.parse_args().into
    lines = session()
    folder.mkdir(parents=True, exist_ok=True)
    for name, theme in THEMES.items():
        picture = folder / f"terminal-{name}.svg"
        picture.write_text(svg(lines, theme, unique_id=f"mlctl-{name}"), encoding="utf-8")
        print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def session() -> list[str]:
    """The lines that the commands leave on the screen, with their colours, each command before its output."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        project, state = Path(name, "project"), Path(name, "state")
        project.mkdir()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MLCTL_"))}
        environment |= {
            "MLCTL_STATE_DIR": str(state),
            "TERM": "xterm-256color",
            "PATH": f"{MLCTL.parent}:/usr/bin:/bin",
        }
        environment.pop("NO_COLOR", None)
        # The emulator's environment is made before, so that the picture does not depend on whether it was there.
        in_terminal("mlctl local start", project, environment)
        try:
            for command in COMMANDS:
                found += [
                    f"\x1b[1;32m$\x1b[0m \x1b[1m{command}\x1b[0m",
                    *screen(in_terminal(command, project, environment)),
                ]
        finally:
            in_terminal("mlctl local stop", project, environment)
    return found


def in_terminal(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What ``command`` writes to a terminal of ``COLUMNS`` columns. Raises CalledProcessError when it fails."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command.split(), cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = io.BytesIO()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                written.write(part)
        except OSError:
            pass  # Linux's word for the end of a terminal that nobody has open any more.
    text = written.getvalue().decode("utf-8")
    if code := process.wait(TIMEOUT):
        raise subprocess.CalledProcessError(code, command, text)
    return text


def screen(written: str) -> list[str]:
    """The lines that ``written`` leaves on a screen; colours stay in them.

    Only what a progress display of rich writes is understood: it clears a line before it writes it again.
    """
    lines, row, at = [""], 0, 0
    for control in _CONTROL.finditer(written):
        lines[row] += written[at : control.start()]
        at = control.end()
        match control[0]:
            case "\n":
                row += 1
                lines += [""] * (row == len(lines))
            case "\x1b[2K" | "\x1b[K":
                lines[row] = ""
            case _ if control[0].endswith("A"):
                row = max(0, row - int(control[1] or 1))
    lines[row] += written[at:]
    while lines and not Text.from_ansi(lines[-1]).plain.strip():
        lines.pop()
    return [*lines, ""]


def svg(lines: list[str], theme: TerminalTheme, *, unique_id: str) -> str:
    """The picture of ``lines``."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(lines).rstrip("\n")), soft_wrap=False)
    form = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", FONTS)
    return console.export_svg(title="mlctl", theme=theme, code_format=form, unique_id=unique_id)


if __name__ == "__main__":
    main()
