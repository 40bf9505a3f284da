"""Every exit code of every verb in every situation: a table of ``errors.md``.

A test puts each verb into each situation and holds it to this.
"""

from __future__ import annotations

SITUATIONS: dict[str, str] = {
    "nothing to do": "both sides are as they should be, and nothing is asked for",
    "done": "there is something to do, and all of it is done; for what only looks: there is something to tell",
    "partly refused": "some writes are refused by Salesforce, or some lines of a file cannot be read",
    "all refused": "every write is refused; for `import`, not one line of the file can be read",
    "some unanswered": "some writes get no answer: whether they were done is not known yet",
    "all unanswered": "no write gets an answer",
    "budget spent": "the org's API calls of the day are used up",
    "locked": "another run is under way",
    "paused": "writing is switched off by `sfsync pause`",
    "brake": "the run would delete or blank more than `limits.max_delete` allows",
    "login ended": "the stored login was revoked",
    "org down": "Salesforce answers 503, also after patient retries",
}
"""In the order of the codes below."""

CANNOT_BE = "-"

CODES: dict[str, str] = {
    "sync": "0 0 3 3 3 1 5 6 7 7 4 1",
    "pull": "0 0 - - - - 5 6 7 7 4 1",
    "push": "0 0 3 3 3 1 5 6 7 7 4 1",
    "push-activity": "0 0 3 3 3 1 5 6 7 - 4 1",
    "apply": "0 0 3 3 3 1 5 6 7 7 4 1",
    "retry": "0 0 3 3 3 1 5 6 7 7 4 1",
    "undo": "0 0 3 3 3 1 5 6 7 7 4 1",
    "diff": "0 0 - - - - 5 0 0 0 4 1",
    "diff --exit-code": "0 1 - - - - 5 1 1 1 4 1",
    "verify": "0 1 - - - - 5 1 1 1 4 1",
    "verify --repair": "0 0 - - - - 5 6 7 7 4 1",
    "org setup": "0 0 1 1 1 1 5 6 7 - 4 1",
    "org check": "0 1 - - - - 1 0 0 - 1 1",
    "doctor": "0 1 - - - - 1 0 0 - 1 1",
    "login": "- 0 - - - - 5 0 0 - 0 1",
    "logout": "4 0 - - - - 3 0 0 - 0 3",
    "profile remove": "0 0 - - - - 3 6 0 - 0 3",
    "whoami": "- 0 - - - - 5 0 0 - 4 1",
    "import": "0 0 3 2 - - 0 6 0 - 0 0",
    "consent --given": "- 0 - - - - 0 6 0 - 0 0",
    "purge": "0 0 - - - - 0 6 7 - 0 0",
    "quarantine --ignore": "2 0 - - - - 0 6 0 - 0 0",
    "pause": "0 0 - - - - 0 0 0 - 0 0",
    "resume": "0 0 - - - - 0 0 0 - 0 0",
}
"""Command -> its exit code in each situation, or ``-`` where it cannot be in it."""

LOOKING = (
    "status",
    "conflicts",
    "quarantine",
    "history",
    "report",
    "explain",
    "consent",
    "config show",
    "config path",
    "config check",
    "config datasette",
    "profile add",
    "profile list",
    "profile use",
    "schedule",
    "webhook endpoints",
)
"""They ask nobody but the mirror and the configuration, and wait for no lock: 0 in each situation."""

APART = {
    "init": "writes a new configuration, 2 where one is there",
    "demo": "works with an org and a mirror of its own",
    "changes": "waits for nothing, 1 where the cursor is too old; with `--follow` until it is stopped",
    "fleet": "the worst of its configurations' codes; 1 also where one died (137) or took too long (124)",
    "listen": "works until it is stopped, 130 or 143; with `--once` as `sync`",
    "webhook send": "asks the own listener, 1 where the answer is not 200",
    "webhook verify": "looks at one delivery, 1 where nothing proves it",
    "webhook replay": "works on the inbox alone",
    "webhook resume": "works on the mirror alone, 2 where there is no such endpoint",
    "webhook test": "asks one endpoint, 1 where it does not take the sample",
    "notify test": "asks those who are to be told, 1 where one does not take the sample",
    "local-org": "serves until it is stopped",
    "selftest": "works with orgs and mirrors of its own, 1 where a promise was broken",
}
"""Commands that no situation of a mirror concerns."""


def table() -> str:
    """The table for ``errors.md``, and what the situations are."""
    names = list(SITUATIONS)
    rows = [["", *names], ["---"] * (len(names) + 1)]
    for command, codes in CODES.items():
        rows.append([f"`{command}`", *(each.replace(CANNOT_BE, "") for each in codes.split())])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    looking = ", ".join(f"`{each}`" for each in LOOKING)
    told = [f"- {name}: {what};" for name, what in SITUATIONS.items()]
    told[-1] = told[-1].removesuffix(";") + "."
    apart = ", ".join(f"`{name}` ({what})" for name, what in APART.items())
    return "\n".join(
        [
            *lines,
            "",
            f"What only looks is 0 in each of them: {looking}. Not in the table: {apart}.",
            "",
            "The situations:",
            "",
            *told,
        ]
    )
