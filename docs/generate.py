"""What the documentation takes from the code. ``make docs`` writes it, ``make docs-check`` fails where it is stale.

Whole files: the top-level help page, ``cli.md``, the picture of a demo. Between markers in
hand-written pages: the error table, that of the exit codes, and the tables of configuration keys (``key_tables``).
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import demo_picture
import exit_codes
import key_tables
from key_tables import cell
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from sfsync import errors
from sfsync.auth.oauth_errors import troubleshooting
from sfsync.cli import options
from sfsync.cli.app import app
from sfsync.cli.variables import OTHER_VARIABLES
from sfsync.diagnosis.catalogue import CATALOGUE
from sfsync.diagnosis.finding import Area, Entry, Who
from sfsync.mapping.problem import Severity
from sfsync.salesforce.write_answers import WRITE_ANSWERS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HELP = ROOT / "src" / "sfsync" / "cli" / "help.txt"
PICTURE = DOCS / "demo.svg"
NOTE = "<!-- Written by docs/generate.py from the code: change it there, then `make docs`. -->"
FRAMED = (
    "errors.md",
    "configuration.md",
    "outgoing.md",
    "notify.md",
    "troubleshooting.md",
    "reliability.md",
)


def main() -> int:
    """Write what is stale, or with ``--check`` only say so."""
    parser = argparse.ArgumentParser(
        description="Generate the parts of the documentation that follow the code."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where something is stale"
    )
    only_check = parser.parse_args().check
    stale = [
        path for path, text in generated().items() if _is_stale(path, text, write=not only_check)
    ]
    for path in stale:
        sys.stderr.write(
            f"{path.relative_to(ROOT)} {'is stale: run make docs' if only_check else 'written'}\n"
        )
    return int(bool(stale) and only_check)


def _is_stale(path: Path, text: str, *, write: bool) -> bool:
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    if _comparable(path, known) == _comparable(path, text):
        return False
    if write:
        path.write_text(text, encoding="utf-8")
    return True


def _comparable(path: Path, text: str) -> str:
    """A picture of the same run is the same picture, whenever it was and however long it took."""
    if path != PICTURE:
        return text
    without_times = re.sub(r"<text[^>]*>found&#160;[^<]*</text>", "", text)
    return re.sub(r"[\d.,]+(&#160;| )(s|KB)\b", "", without_times)


def generated(*, picture: bool = True) -> dict[Path, str]:
    """Every generated file with what it should hold."""
    files = {HELP: help_page(), DOCS / "cli.md": command_reference()}
    for name in FRAMED:
        files[DOCS / name] = filled((DOCS / name).read_text(encoding="utf-8"))
    if picture:
        files[PICTURE] = demo_picture.drawn()
    return files


# -- the help page ---------------------------------------------------------------------------------
def help_page() -> str:
    """``sfsync --help`` as 80 columns without colour show it."""
    plain = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    drawn = CliRunner().invoke(app, ["--help"], prog_name="sfsync", env=plain, color=False).output
    return "\n".join(line.rstrip() for line in drawn.strip("\n").splitlines()) + "\n"


# -- the commands ----------------------------------------------------------------------------------
def commands() -> Iterator[tuple[str, Any, list[Any]]]:
    """``(name, command, its parameters)``, in the order of the help page."""
    group: Any = get_command(app)
    context = group.make_context("sfsync", [], resilient_parsing=True)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        inner = found.make_context(name, [], parent=context, resilient_parsing=True)
        if not isinstance(found, TyperGroup):
            yield name, found, found.get_params(inner)
            continue
        for word in found.list_commands(inner):
            one: Any = found.get_command(inner, word)
            innermost = one.make_context(word, [], parent=inner, resilient_parsing=True)
            yield f"{name} {word}", one, one.get_params(innermost)


def command_reference() -> str:
    """``docs/cli.md``."""
    sections: dict[str, list[str]] = {}
    shared: dict[str, Any] = {}
    for name, found, parameters in commands():
        own = [
            one
            for one in parameters
            if getattr(one, "rich_help_panel", None) != options.COMMON_PANEL
        ]
        shared |= {one.name: one for one in parameters if one not in own}
        section = sections.setdefault(str(found.rich_help_panel), [])
        section.append(_command(name, str(found.help), [one for one in own if one.name != "help"]))
    parts = [
        NOTE,
        "# Commands",
        _INTRODUCTION,
        "## Options of every command",
        _options(list(shared.values())),
    ]
    for panel, texts in sections.items():
        parts += [f"## {panel}", *texts]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
Every command answers `--help`. Data goes to stdout; messages and progress go to stderr. With `--json`, stdout is one
JSON document, also where the command fails; [errors.md](errors.md) describes it and the exit codes. `sfsync --version`
prints the version; `sfsync --install-completion` teaches your shell the commands, and `--show-completion` prints what it
would install.

Every option can be set by an environment variable too: [the rule](configuration.md#environment)."""


def _command(name: str, text: str, own: list[Any]) -> str:
    arguments = [one for one in own if isinstance(one, TyperArgument)]
    options = [one for one in own if isinstance(one, TyperOption)]
    places = "".join(f" {_named(one)}" for one in arguments)
    paragraphs = text.split("\n\n")
    parts = [
        f"### sfsync {name}",
        *(_prose(one) for one in paragraphs if not one.startswith("Examples:")),
    ]
    parts.append(f"```text\nsfsync {name} [OPTIONS]{places}\n```")
    if arguments:
        rows = [f"| `{cell(_named(one))}` | {cell(one.help)} |" for one in arguments]
        parts.append("\n".join(["| argument | |", "| --- | --- |", *rows]))
    if options:
        parts.append(_options(options))
    examples = [one for one in paragraphs if one.startswith("Examples:")]
    if examples:
        lines = [line.removeprefix("$ ") for line in examples[0].splitlines()[1:]]
        parts.append("\n".join(["```sh", *lines, "```"]))
    return "\n\n".join(parts)


def _named(argument: Any) -> str:
    """The word that stands for an argument: its own, or what may be given."""
    given = argument.type_descriptor.annotation
    if argument.metavar is None and isinstance(given, type) and issubclass(given, Enum):
        return "|".join(str(each.value) for each in given)
    return str(argument.metavar or argument.name.upper())


def _prose(text: str) -> str:
    """Options in running text stand out as code; what is code already stays as it is."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"(?<![\w-])(--[a-z][a-z-]*)", r"`\1`", each) for each in pieces[::2]]
    return "`".join(pieces)


def _options(options: list[Any]) -> str:
    return "\n".join(["| option | | default |", "| --- | --- | --- |", *map(_option, options)])


def _option(option: Any) -> str:
    names = ", ".join(
        f"`{name}`" for name in sorted(option.opts, key=lambda name: (len(name) > 2, name))
    )
    value = f" `{cell(option.metavar)}`" if option.metavar else ""
    return f"| {names}{value} | {_prose(cell(option.help))} | {_default(option)} |"


def _default(option: Any) -> str:
    variable = f"`${option.envvar}`, else " if option.envvar and option.show_envvar else ""
    if isinstance(option.show_default, str):
        text = cell(option.show_default)
        return variable + (f"`{text}`" if text.startswith(("http", "$")) else text)
    if option.metavar and option.default not in (None, "") and option.show_default:
        return (
            f"{variable}`{option.default:g}`"
            if isinstance(option.default, float)
            else f"{variable}`{option.default}`"
        )
    return variable.removesuffix(", else ")


# -- parts of hand-written pages -------------------------------------------------------------------
_MARKED = re.compile(r"(?s)(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)")


def filled(page: str) -> str:
    """The page with what stands between its markers made anew."""
    return _MARKED.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n\n{match[3]}", page)


def error_table() -> str:
    """Every error of the tree, by exit code."""
    rows = sorted(
        {(kind.exit_code, kind.slug, _meaning(kind)) for kind in _family(errors.SfsyncError)}
    )
    lines = [f"| {code} | `{slug}` | {meaning} |" for code, slug, meaning in rows]
    return "\n".join(["| exit code | slug | what it means |", "| --- | --- | --- |", *lines])


def _family(kind: type[errors.SfsyncError]) -> Iterator[type[errors.SfsyncError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _family(child)


def _meaning(kind: type[errors.SfsyncError]) -> str:
    if kind is errors.SfsyncError:
        return "Something else went wrong; the message says what, and the hint what to do."
    first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    text = " ".join(first.split()).replace("``", "`")
    return text.replace(
        "; `problems` holds every mistake, each with file, line and column",
        "; every mistake is told, each with file, line and column",
    )


def refusals_table() -> str:
    """What Salesforce says when it refuses a login, what it means, what to do."""
    lines = [
        f"| {cell(says)} | {cell(means)} | {_prose(cell(do))} |"
        for says, means, do in troubleshooting()
    ]
    return "\n".join(["| Salesforce says | it means | what to do |", "| --- | --- | --- |", *lines])


def findings_tables() -> str:
    """Every finding of ``sfsync org check``, by area."""
    return "\n\n".join(f"### {area}\n\n{_findings_of(area)}" for area in Area)


def _findings_of(area: Area) -> str:
    head = ["finding", "severity", "what is so; why it matters", "what to do", "who"]
    lines = [_row(head), _row(["---"] * len(head))]
    for entry in CATALOGUE.values():
        if entry.area is area:
            what, why, remedy = map(entry.general, (entry.what, entry.why, entry.remedy))
            told = f"{what}; {why}" if why else what
            severity, who = _any_of(Severity, entry.severity, entry), _any_of(Who, entry.who, entry)
            lines.append(_row([f"`{entry.code}`", severity, cell(told), cell(remedy), who]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _any_of(kind: type[Severity | Who], usual: str, entry: Entry) -> str:
    """What a case of this entry can have, in the order of its kind."""
    return " or ".join(one for one in kind if one == usual or one in entry.may_be)


def write_answers_table() -> str:
    """What each answer to a write proves."""
    rows = [
        _row([each.what, "nothing was done" if each.nothing_done else "**in doubt**", each.why])
        for each in WRITE_ANSWERS
    ]
    return "\n".join([_row(["answer to a write", "it proves", "why"]), _row(["---"] * 3), *rows])


def variables_table() -> str:
    """The variables that the rule for options does not give."""
    named = {
        "SFSYNC_CONFIG": "the configuration file, as `--config`",
        "SFSYNC_PROFILE": "the profile, as `--profile`",
        "SFSYNC_TOKEN_STORE": "`keyring` or `database`, as `sfsync login --token-store`",
        **OTHER_VARIABLES,
        "NO_COLOR": "no colours",
    }
    return "\n".join(
        [
            "| variable | |",
            "| --- | --- |",
            *(f"| `{one}` | {told} |" for one, told in named.items()),
        ]
    )


PARTS: dict[str, Callable[[], str]] = {
    "errors": error_table,
    "exit-codes": exit_codes.table,
    "login-refusals": refusals_table,
    "findings": findings_tables,
    "variables": variables_table,
    "write-answers": write_answers_table,
    **key_tables.TABLES,
}


if __name__ == "__main__":
    raise SystemExit(main())
