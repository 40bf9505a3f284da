"""config datasette: what Datasette has to know to show the mirror: bookkeeping hidden, columns described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.output_file import output_file
from sfsync.model.mapping import Direction, FieldMap, ObjectMap

OWN: Final = {
    "id": "the row's number, for ever",
    "salesforce_id": "the record's Id; empty until Salesforce knows the row",
    "deleted_at": "when the row was soft-deleted; empty for a live one",
}
"""Columns that every mapped table has."""

WAYS: Final = {
    Direction.BOTH: "both ways",
    Direction.PULL: "comes down",
    Direction.PUSH: "goes up",
}

FIXED: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "segments": ("The email platform's lists of people.", {}),
    "contact_segments": ("Who is in which segment.", {"added_at": "since when"}),
    "consent": (
        "What people said of being mailed, by address: the latest holds.",
        {"address_key": "the address in the form in which two are the same"},
    ),
    "events": (
        "Every email event that was handed in, once.",
        {
            "match_key": "the address in the form in which two are the same",
            "link": "what was clicked",
            "machine": "1 where the sender says that no person did it",
            "state": "new, handled or quarantined",
            "person_id": "the row that it belongs to, of the table of `object`",
        },
    ),
    "activities": (
        "The Tasks that events became.",
        {
            "key": "what makes the Task unique",
            "task_id": "the Task's Id in Salesforce",
            "state": "queued, sending, done or quarantined",
        },
    ),
    "conflicts": (
        "Every field that both sides had changed, with both values, whoever won.",
        {
            "value": "what both sides hold now",
            "state": "decided; open while a person has to decide; settled after",
        },
    ),
    "quarantine": (
        "What could not be done, and why.",
        {"message": "in Salesforce's own words", "hint": "what to do"},
    ),
    "runs": ("Every run: when, and how it ended.", {"report": "its figures, as JSON"}),
}
"""The tables for people: what one is, and of its columns those that a name alone does not explain."""


def config_datasette(
    cli: Cli,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there instead of printing it."),
    ] = None,
) -> Answer:
    """Print what Datasette has to know of this mirror: bookkeeping hidden, columns described.

    Datasette shows the mirror as web pages, to look at and to search. What is written names tables and fields, no person.

    Examples:
      sfsync config datasette --out datasette.yaml
    """
    import yaml

    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        names = mirror.diagnostics.table_names()
    tables = _tables(names, {each.table: each for each in config.mapping.objects.values()})
    metadata = {
        "title": "sfsync's mirror",
        "description": "What sfsync keeps of Salesforce, and what became of each email event.",
        "databases": {config.mirror_path.stem: {"tables": tables}},
    }
    text = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=100)
    if out is None:
        return Answer(metadata, lambda console: console.print(text.rstrip(), soft_wrap=True))
    with output_file(out, mode=0o644) as file:
        file.write(text.encode())
    told = f"datasette {config.mirror_path} --metadata {out}"
    return Answer(
        metadata | {"file": str(out)}, lambda console: console.print(told, soft_wrap=True)
    )


def _tables(names: list[str], mapped: dict[str, ObjectMap]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name in names:
        if name.startswith(("_", "sqlite_")):
            tables[name] = {"hidden": True}
        elif name in mapped:
            tables[name] = _mapped(mapped[name])
        elif name in FIXED:
            description, columns = FIXED[name]
            tables[name] = {"description": description, "columns": columns}
    return tables


def _mapped(object_map: ObjectMap) -> dict[str, Any]:
    columns = {each.column: _field(each) for each in object_map.fields}
    return {
        "description": f"One row for each {object_map.sobject}; an edit here is sent by the next push.",
        "label_column": object_map.match_on,
        "columns": {**OWN, **columns},
    }


def _field(field_map: FieldMap) -> str:
    return f"{field_map.remote} in Salesforce; {field_map.type.value}, {WAYS[field_map.direction]}"
