"""What the documentation takes from the code. ``make docs`` writes it, ``make docs-check`` fails where it is stale.

Whole files: the top-level help page, ``cli.md``, the picture of a demo. Between markers in
hand-written pages: the error table and the tables of configuration keys. A key without a
description here, or a description
without a key, stops the generator: so neither can be forgotten.
"""

from __future__ import annotations

import argparse
import inspect
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from sfsync import config, errors
from sfsync.auth.refusals import troubleshooting
from sfsync.cli import invocation, options
from sfsync.cli.app import app
from sfsync.cli.demo import demo
from sfsync.cli.variables import OTHER_VARIABLES
from sfsync.mapping import parse_objects, parse_rules, shapes
from sfsync.model import mapping

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HELP = ROOT / "src" / "sfsync" / "cli" / "help.txt"
PICTURE = DOCS / "demo.svg"
NOTE = "<!-- Written by docs/generate.py from the code: change it there, then `make docs`. -->"
FRAMED = ("errors.md", "configuration.md", "troubleshooting.md")


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
    """A picture of the same run is the same picture, however long the run took."""
    return re.sub(r"[\d.,]+(&#160;| )(s|KB)\b", "", text) if path == PICTURE else text


def generated(*, picture: bool = True) -> dict[Path, str]:
    """Every generated file with what it should hold."""
    files = {HELP: help_page(), DOCS / "cli.md": command_reference()}
    for name in FRAMED:
        files[DOCS / name] = filled((DOCS / name).read_text(encoding="utf-8"))
    if picture:
        files[PICTURE] = demo_picture()
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
    places = "".join(f" {one.metavar}" for one in arguments)
    paragraphs = text.split("\n\n")
    parts = [
        f"### sfsync {name}",
        *(_prose(one) for one in paragraphs if not one.startswith("Examples:")),
    ]
    parts.append(f"```text\nsfsync {name} [OPTIONS]{places}\n```")
    if arguments:
        rows = [f"| `{_cell(one.metavar)}` | {_cell(one.help)} |" for one in arguments]
        parts.append("\n".join(["| argument | |", "| --- | --- |", *rows]))
    if options:
        parts.append(_options(options))
    examples = [one for one in paragraphs if one.startswith("Examples:")]
    if examples:
        lines = [line.removeprefix("$ ") for line in examples[0].splitlines()[1:]]
        parts.append("\n".join(["```sh", *lines, "```"]))
    return "\n\n".join(parts)


def _prose(text: str) -> str:
    """Options in running text stand out as code."""
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)", r"`\1`", text)


def _options(options: list[Any]) -> str:
    return "\n".join(["| option | | default |", "| --- | --- | --- |", *map(_option, options)])


def _option(option: Any) -> str:
    names = ", ".join(
        f"`{name}`" for name in sorted(option.opts, key=lambda name: (len(name) > 2, name))
    )
    value = f" `{_cell(option.metavar)}`" if option.metavar else ""
    return f"| {names}{value} | {_prose(_cell(option.help))} | {_default(option)} |"


def _default(option: Any) -> str:
    variable = f"`${option.envvar}`, else " if option.envvar and option.show_envvar else ""
    if isinstance(option.show_default, str):
        text = _cell(option.show_default)
        return variable + (f"`{text}`" if text.startswith(("http", "$")) else text)
    if option.metavar and option.default is not None and option.show_default:
        return (
            f"{variable}`{option.default:g}`"
            if isinstance(option.default, float)
            else f"{variable}`{option.default}`"
        )
    return variable.removesuffix(", else ")


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


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
        f"| {_cell(says)} | {_cell(means)} | {_prose(_cell(do))} |"
        for says, means, do in troubleshooting()
    ]
    return "\n".join(["| Salesforce says | it means | what to do |", "| --- | --- | --- |", *lines])


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


def _keys(shape: type[BaseModel], described: dict[str, tuple[str, str]]) -> Callable[[], str]:
    """A table of a section's keys; ``described`` has for each what may stand there, and what it does."""

    def table() -> str:
        known = list(shape.model_fields)
        if sorted(known) != sorted(described):
            difference = sorted(set(known) ^ set(described))
            raise SystemExit(
                f"docs/generate.py: {shape.__name__} and its descriptions differ in {difference}"
            )
        lines = [
            f"| `{key}` | {_cell(_values(shape, key) or described[key][0])} | {described[key][1]} |"
            for key in known
        ]
        return "\n".join(["| key | value | |", "| --- | --- | --- |", *lines])

    return table


def _values(shape: type[BaseModel], key: str) -> str:
    """The values of a key that has a fixed list of them, the default first and in bold."""
    field = shape.model_fields[key]
    kinds = [field.annotation, *get_args(field.annotation)]
    choices = [each for kind in kinds for each in ([kind, *get_args(kind)])]
    listed = next((one for one in choices if isinstance(one, type) and issubclass(one, Enum)), None)
    if listed is None:
        return ""
    words = [str(one.value) for one in listed]
    default = str(field.default.value) if isinstance(field.default, Enum) else ""
    return ", ".join(f"**`{word}`**" if word == default else f"`{word}`" for word in words)


def _word_list(words: tuple[str, ...]) -> str:
    return ", ".join(
        f"**`{word}`**" if not index else f"`{word}`" for index, word in enumerate(words)
    )


def merge_table() -> str:
    """What each merge makes of two edits, and which types it suits."""
    if sorted(_MERGES) != sorted(mapping.Merge):
        raise SystemExit("docs/generate.py: the merges and their descriptions differ")
    lines = []
    for merge in mapping.Merge:
        types = ", ".join(f"`{one}`" for one in parse_objects.MERGE_TYPES.get(merge, ())) or "any"
        lines.append(f"| `{merge}` | {types} | {_MERGES[merge]} |")
    return "\n".join(
        ["| merge | type | where both sides changed the field |", "| --- | --- | --- |", *lines]
    )


_MERGES = {
    "salesforce_wins": "Salesforce's value stands. The default: it suits what sales people type.",
    "local_wins": "The mirror's value stands. For what the email platform computes, such as a score.",
    "newest": "The later edit stands; Salesforce's where the two cannot be told apart.",
    "manual": "Neither moves. The field is held until somebody decides with `sfsync conflicts --take`.",
    "counter": "What both sides added since they last agreed is added up.",
    "latest": "The later time stands; a time is later than none.",
    "sticky_true": "True on either side becomes true on both, and no sync ever takes it back.",
}

PARTS: dict[str, Callable[[], str]] = {
    "errors": error_table,
    "login-refusals": refusals_table,
    "variables": variables_table,
    "merges": merge_table,
    "org": _keys(
        config._OrgShape,  # noqa: SLF001  the shapes are the schema
        {
            "client_id": ("text, required", "The consumer key of the app in Salesforce. It is no secret."),
            "login_url": ("an origin", "Where to log in. **`https://login.salesforce.com`**; a sandbox: `https://test.salesforce.com`; else the org's own `https://NAME.my.salesforce.com`. `http` only for this machine."),
            "redirect_ports": ("ports, **`[1717, 1718, 1716]`**", "The login comes back to `http://localhost:PORT/callback`; the first free port is used. Register each of these addresses with the app."),
            "scopes": ("**`[api, refresh_token]`**", "What sfsync may do. `full` works and is far more than it needs: see [below](#where-this-differs-from-the-integrations-first-description)."),
            "api_version": ('**`"66.0"`**', f"The version of Salesforce's API, {config.OLDEST_API}.0 or later."),
        },
    ),
    "mirror": _keys(
        config._MirrorShape,  # noqa: SLF001
        {"path": ("a path, **`mirror.db`**", "The SQLite file, relative to the configuration file. Another profile's mirror stands beside it: `mirror-NAME.db`.")},
    ),
    "object": _keys(
        shapes.ObjectShape,
        {
            "fields": ("required", "Which Salesforce field is which column: see [fields](#fields)."),
            "sobject": ("`Contact` or `Lead`", "Follows from the name; may be stated."),
            "match_on": ("a column, **`email`**", "How a person is recognised before both sides know each other. Compared without regard to case and blanks around it."),
            "company": ("`{lookup: Account.Name, on_missing: skip}`", "How a company's name goes up from a contact: the record is linked to the Account of exactly that name, capital letters aside. Where there is none, `skip` leaves the record unlinked and puts the name in quarantine, `create` makes the Account. Several Accounts of that name: always quarantine. Without this key the name only comes down."),
            "external_id": ("a Salesforce field", "An external id field that sfsync fills in the records it creates, so that creating is safe to repeat. Used where the org has it."),
            "on_multiple": ("", "What to do where several records have the address: put the row aside, or take the newest or oldest record."),
            "on_local_delete": ("", "What a soft delete in the mirror means for Salesforce."),
            "opt_out": ("fields", 'Fields that all say "no more emails". One that is true makes all true, on both sides. Each needs `merge: sticky_true`.'),
        },
    ),
    "field": _keys(
        shapes.FieldShape,
        {
            "to": ("a column, required", "The column in the mirror: letters, digits and `_`."),
            "type": ("", "How the value is kept. Without it `text`, or what the merge needs."),
            "direction": ("", "`both` where not stated. `pull`: Salesforce to mirror only. `push`: mirror to Salesforce only."),
            "merge": ("", "What happens where both sides changed the field: see [merges](#merges)."),
            "placeholder": ("text", "What Salesforce gets where it insists on a value and the mirror has none. It never comes back down."),
        },
    ),
    "activities": _keys(
        shapes.ActivitiesShape,
        {
            "fields": ("required", "The Task's fields and what to write there: see [activities](#activities)."),
            "sobject": ("`Task`", "May be stated."),
            "external_id": ("a Salesforce field", "The external id field of Task that holds the event's key: one Task per event, whatever fails. Without it sfsync writes a reference line into the description and looks before it repeats."),
            "timezone": ("an IANA zone, **`UTC`**", "Whose calendar `ActivityDate` follows."),
            "missing_person": ("", "What to do with an event of somebody whom neither side knows. `create_contact` where not stated."),
            "activity_types": ("a list", "Which events may become Tasks, by name: `Email Sent` and so on, or `email_sent`. All where left out."),
        },
    ),
    "rules": _keys(
        shapes.RulesShape,
        {
            "direction": ("", "Whether this object goes both ways."),
            "frequency": (_word_list(parse_rules.FREQUENCIES), "How often to sync: `sfsync schedule` follows a batch named here. With `manual` you start every run."),
            "fallback": (_word_list(parse_rules.FALLBACKS), "The batch that runs where `frequency` is `real_time`: `sfsync schedule` follows it."),
            "penguinmails_to_salesforce": ("rules", "What an email event does: see [rules](#rules-on-email-events)."),
            "salesforce_to_penguinmails": ("rules", "What a change in Salesforce does: see [rules](#rules-on-changes-in-salesforce)."),
        },
    ),
    "event-rule": _keys(
        shapes.EventRuleShape,
        {
            "on": ("an event, required", "`email_sent`, `email_opened`, `email_clicked`, `email_replied`, `email_bounced` or `unsubscribed`."),
            "action": (", ".join(f"`{name}`" for name in parse_rules.EVENT_ACTIONS), "What to do. `update_custom_field` and `update_field` are the same."),
            "field": ("a Salesforce field", "Which field; it has to be among the object's `fields`. Not for `create_task`."),
            "value": ("a value or text", "`update_field`: what to write; the event's time where left out. Text may hold `{campaign_id}` and the other names."),
            "by": ("a whole number, **`1`**", "`increment_field`: how much to add."),
            "once_per": ("", "`create_task`: every event, or only the first of its type for a person in a campaign."),
        },
    ),
    "record-rule": _keys(
        shapes.RecordRuleShape,
        {
            "on": ("a change, required", "`contact_created`, `contact_updated`, `contact_deleted`; the same with `lead_`."),
            "action": ("`import_contact`, `update_contact`, `soft_delete_contact`", "The answer to each of the three, in this order; the same with `_lead`. Without a rule nothing is done."),
            "add_to_segment": ("text", "`import_contact`: the segment that new people join."),
            "conflict_resolution": (", ".join(f"`{merge}`" for merge in parse_objects.GENERAL_MERGES), "`update_contact`: the merge of every field that states none."),
        },
    ),
    "limits": _keys(
        config._LimitsShape,  # noqa: SLF001
        {
            "max_delete": ("a share, **`10%`**", "A run that would delete or blank more rows than this, and more than 20, stops before it applies anything. In full: `{percent: 10, at_least: 20}`."),
            "max_change": ("a share, **`100%`**", "A run that would change more of an object's rows than this on one side, and more than `max_delete` always allows, stops as well. Off unless stated: engagement may touch everybody."),
            "overlap": ("a time, **`15m`**", "How far behind its watermark a pull reads again, so that records committed late are not missed. At most `7d`."),
            "api_reserve": ("a share, **`20%`**", "How much of the org's daily API calls is left for everyone else."),
            "api_per_run": ("a share, **`25%`**", "How much of them one run may take; the next run goes on from there."),
        },
    ),
}  # fmt: skip


# -- the picture -----------------------------------------------------------------------------------
SHOWN_STEPS = ("3", "5", "8")
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


def demo_picture() -> str:
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
    drawn = paper.export_svg(
        title="sfsync demo", theme=_COLOURS, code_format=_SVG, unique_id="demo"
    )
    return "\n".join(line.strip() for line in drawn.splitlines() if line.strip()) + "\n"


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def _played() -> str:
    """What a run of the demo prints, with its colours."""
    heard = io.StringIO()

    def console(*, stderr: bool) -> Console:
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


if __name__ == "__main__":
    raise SystemExit(main())
