"""Cells that no value is in: the installed command names their rows, and goes on with all others."""

from tests.system.workspace import CommandResult, Workspace

MUENCHEN = "CAST(x'4df86e6368656e' AS TEXT)"  # not in UTF-8


def told(ran: CommandResult) -> str:
    """What a command has said, its lines joined."""
    assert "Traceback" not in ran.out + ran.err
    return " ".join((ran.out + ran.err).split())


def test_two_senseless_cells_stop_their_rows_alone_and_are_named(workspace: Workspace) -> None:
    good, bad = (
        workspace.create("Contact", LastName="Old", Email=f"{name}@example.com")
        for name in ("good", "bad-text")
    )
    workspace.do_in_process("sync")
    workspace.sql("UPDATE contacts SET last_name = 'New' WHERE last_name = 'Old'")
    bad_text = workspace.row(bad)["id"]
    workspace.sql(f"UPDATE contacts SET city = {MUENCHEN} WHERE id = ?", bad_text)
    workspace.sql(
        "INSERT INTO contacts (last_name, email, salesforce_id) VALUES ('N', 'bad-id@x.example', '12')"
    )
    [bad_id] = [row["id"] for row in workspace.sql("SELECT max(id) AS id FROM contacts")]
    sentences = [
        f"contacts {bad_id}: salesforce_id '12' is no Salesforce Id",
        f"contacts {bad_text}: city: 'M\ufffdnchen' is not UTF-8",
    ]

    for verb, code in (("push --dry-run", 3), ("diff", 0), ("verify", 0), ("sync", 3)):
        ran = workspace.run(*verb.split())
        assert ran.code == code, (verb, told(ran))
        said = told(ran) if verb != "sync" else told(workspace.run_in_process("quarantine"))
        assert all(sentence in said for sentence in sentences), (verb, said)
    assert workspace.record(good)["LastName"] == "New"
    assert workspace.record(bad)["LastName"] == "Old"

    workspace.sql("UPDATE contacts SET salesforce_id = NULL WHERE id = ?", bad_id)
    workspace.sql("UPDATE contacts SET city = 'München' WHERE id = ?", bad_text)
    assert workspace.run("retry").code == 0
    ran = workspace.run("sync")
    assert ran.code == 0, told(ran)
    record = workspace.record(bad)
    assert (record["LastName"], record["MailingCity"]) == ("New", "München")
    there = [each["Email"] for each in workspace.records("Contact").values()]
    assert there.count("bad-id@x.example") == 1
    assert "Nothing is in quarantine" in told(workspace.run_in_process("quarantine"))
