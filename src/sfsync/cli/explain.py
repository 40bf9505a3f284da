"""explain: all that the mirror knows of one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from rich.console import Console


def explain(
    cli: Cli,
    who: Annotated[
        str,
        typer.Argument(
            metavar="EMAIL",
            help="An address, also a former one; or an Id: Salesforce's or the row's.",
        ),
    ],
) -> Answer:
    """Tell one person's whole story: how matched, where each value came from, events, Tasks, conflicts, refusals.

    Everybody with that address is told. Asks nobody but the mirror: no API call.

    Examples:
      sfsync explain ada@example.com
      sfsync explain 003A0000001AbCd --json
    """  # fmt: skip
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.planning.provenance import matched, next_push, origins, timeline

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        told = mirror.person_history.of(who)
    for row in told["rows"]:
        object_map = config.mapping.objects[row["object"]]
        row["matched"] = matched(row, told)
        row["values"] = origins(row, told, object_map)
        row["next_push"] = next_push(row, object_map)
        row["consent"] = {column: bool(row["local"].get(column)) for column in object_map.opt_out}
    told["timeline"] = timeline(told)
    known = bool(told["rows"] or told["events"])
    warnings = () if known else (f"the mirror knows nobody by {who}",)
    return Answer(told, lambda console: _show_story(console, told), warnings=warnings)


def _show_story(console: Console, told: Mapping[str, Any]) -> None:
    from rich.text import Text

    from sfsync.cli.layout import cell, table
    from sfsync.cli.text import one_line

    for row in told["rows"]:
        console.print(Text(one_line(_headline(row)), style="bold"))
        made = table("field", "value", "came")
        for column, value in row["values"].items():
            made.add_row(
                cell(column, width=20), cell(value["value"], width=22), Text(one_line(_came(value)))
            )
        console.print(made)
        if row["segments"]:
            console.print(Text(one_line(f"  segments: {', '.join(row['segments'])}")))
        opted_out = [column for column, out in row["consent"].items() if out]
        console.print(
            Text(
                f"  consent: {'opted out by ' + ', '.join(opted_out) if opted_out else 'no opt-out'}"
            )
        )
        sends = ", ".join(f"{column}={value}" for column, value in row["next_push"].items())
        console.print(Text(one_line(f"  the next push would send: {sends or 'nothing'}")))
    for one in told["timeline"]:
        console.print(Text(one_line(f"{one['at']}  {one['what']}: {one['detail']}")))
        if one["run_id"]:
            console.print(Text(f"{'':22}run {one['run_id']}", style="dim"))


def _headline(row: Mapping[str, Any]) -> str:
    words = [f"{row['object']} {row['id']}", row["salesforce_id"] or "", row["matched"]]
    if row["lives_on"]:
        on = row["lives_on"]
        words.append(f"{on['reason']}: lives on in {on['object']} {on['salesforce_id']}")
    elif row["deleted_at"]:
        words.append(f"deleted {row['deleted_at']}")
    return "  ".join(word for word in words if word)


def _came(value: Mapping[str, Any]) -> str:
    words = [value["how"]]
    words += [f"({value['source']})"] if value["source"] else []
    words += [f"in {value['run_id']}"] if value["run_id"] else []
    words += [f"sent in {value['sent_in']}"] if value.get("sent_in") else []
    return " ".join(words) + (", waits to be sent" if value["waits"] else "")
