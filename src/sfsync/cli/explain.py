"""explain: all that the mirror knows of one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import FAILED, Answer
from sfsync.cli.consent import statement_line
from sfsync.cli.invocation import Cli
from sfsync.cli.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.shown_values import Reader
    from sfsync.model.mapping import ObjectMap


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
    from dataclasses import asdict
    from datetime import UTC

    from sfsync.cli.shown_values import Reader
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.planning.provenance import matched, next_push, origins, timeline

    config = configuration(cli)
    with open_mirror(config) as mirror:
        person = mirror.person_history.of(who)
        person["consent"] = [asdict(each) for each in mirror.consent.of_person(who)[1]]
    for row in person["rows"]:
        object_map = config.mapping.objects[row["object"]]
        row["matched"] = matched(row, person)
        row["values"] = origins(row, person, object_map)
        row["next_push"] = next_push(row, object_map)
        row["consent"] = {column: bool(row["local"].get(column)) for column in object_map.opt_out}
    reader = Reader(config.mapping.objects, UTC)  # read by programs, too
    person["timeline"] = timeline(person, lambda *value: reader.shown(*value).plain)
    warnings: tuple[str, ...] = ()
    if not person["rows"] and not person["events"]:
        warnings = (f"the mirror knows nobody by {who}",)
    return Answer(
        person,
        lambda console: _show(console, person, config.mapping.objects),
        exit_code=FAILED if warnings else 0,
        warnings=warnings,
    )


def _show(console: Console, person: Mapping[str, Any], objects: Mapping[str, ObjectMap]) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import Reader, time_here

    reader = Reader(objects)
    for row in person["rows"]:
        _show_row(console, row, reader)
    for said in person["consent"]:
        console.print(Text(one_line(statement_line(said))))
    for entry in person["timeline"]:
        at = time_here(entry["at"], reader.zone)
        console.print(Text(one_line(f"{at}  {entry['what']}: {entry['detail']}")))
        if entry["run_id"]:
            console.print(Text(f"{'':22}run {entry['run_id']}", style="dim"))


def _show_row(console: Console, row: Mapping[str, Any], reader: Reader) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import stacked
    from sfsync.model.objects import OBJECTS

    console.print(Text(one_line(_headline(row)), style="bold"))
    values = stacked()
    for column, value in row["values"].items():
        shown = reader.shown(row["object"], column, value["value"])
        values.add_row("", one_line(column), "", shown)
        values.add_row("", "", "", Text(one_line(_origin(value)), style="dim"))
    console.print(values)
    if row["segments"]:
        console.print(Text(one_line(f"  segments: {', '.join(row['segments'])}")))
    if OBJECTS[row["object"]].is_people:
        console.print(Text(f"  consent: {_consent(row)}"))
    sends = ", ".join(
        f"{column}={reader.shown(row['object'], column, value).plain}"
        for column, value in row["next_push"].items()
    )
    console.print(Text(one_line(f"  the next push would send: {sends or 'nothing'}")))


def _consent(row: Mapping[str, Any]) -> str:
    opted_out = [column for column, is_true in row["consent"].items() if is_true]
    if not opted_out:
        return "no opt-out"
    return f"opted out by {', '.join(opted_out)}"


def _headline(row: Mapping[str, Any]) -> str:
    words = [f"{row['object']} {row['id']}", row["salesforce_id"] or "", row["matched"]]
    survivor = row["lives_on"]
    if survivor:
        words.append(
            f"{survivor['reason']}: lives on in {survivor['object']} {survivor['salesforce_id']}"
        )
    elif row["deleted_at"]:
        words.append(f"deleted {row['deleted_at']}")
    return "  ".join(word for word in words if word)


def _origin(value: Mapping[str, Any]) -> str:
    """How a value came, from where, by which run, and whether it has been sent."""
    words = [value["how"]]
    if value["source"]:
        words.append(f"({value['source']})")
    if value["run_id"]:
        words.append(f"in {value['run_id']}")
    if value.get("sent_in"):
        words.append(f"sent in {value['sent_in']}")
    origin = " ".join(words)
    if value["waits"]:
        origin += ", waits to be sent"
    return origin
