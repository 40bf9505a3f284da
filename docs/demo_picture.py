"""The picture of ``sfsync demo`` in the README: some steps of a real run, as an SVG."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from sfsync.cli import invocation
from sfsync.cli.demo import demo

SHOWN_STEPS = ("3", "5", "8", "9")
_WIDTH = 90
_COLOURS = TerminalTheme(
    (22, 27, 34),
    (208, 215, 222),
    [(22, 27, 34), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (208, 215, 222)],
)  # fmt: skip
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="A run of sfsync demo">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def drawn() -> str:
    """Some steps of a real ``sfsync demo``, drawn on a dark ground that reads well on any page."""
    said = _played()
    steps = re.split(r"\n(?=(?:\x1b\[[\d;]*m)*\d+\. )", said)
    shown = [
        step.strip("\n") for step in steps if _plain(step).lstrip().split(".")[0] in SHOWN_STEPS
    ]
    paper = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    paper.print(Text.from_ansi("\n\n".join(shown)), soft_wrap=True)
    picture = paper.export_svg(
        title="sfsync demo", theme=_COLOURS, code_format=_SVG, unique_id="demo"
    )
    return "\n".join(line.strip() for line in picture.splitlines() if line.strip()) + "\n"


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def _played() -> str:
    """What a run of the demo prints, with its colours."""
    heard = io.StringIO()

    def console(as_called: Callable[[str], str], *, stderr: bool) -> Console:  # noqa: ARG001  it takes the place of one
        return Console(
            file=io.StringIO() if stderr else heard, width=_WIDTH, force_terminal=True, color_system="standard",
            highlight=False, markup=False, emoji=False, legacy_windows=False,
        )  # fmt: skip

    before = invocation._console  # noqa: SLF001
    invocation._console = console  # noqa: SLF001
    try:
        with tempfile.TemporaryDirectory() as folder:
            cli = invocation.Cli("demo", environ=dict(os.environ))
            demo(cli, folder=Path(folder) / "sfsync-demo")
    finally:
        invocation._console = before  # noqa: SLF001
    return heard.getvalue()
