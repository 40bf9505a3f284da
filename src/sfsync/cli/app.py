"""The application: every command, in the order of the help page; what a wrong one is answered."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from typing import Annotated, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from sfsync.cli.answer import write_document
from sfsync.cli.apply import apply
from sfsync.cli.changes import changes
from sfsync.cli.command import Commands, command
from sfsync.cli.config_check import check_config
from sfsync.cli.config_datasette import config_datasette
from sfsync.cli.config_path import config_path
from sfsync.cli.config_show import show_config
from sfsync.cli.conflicts import conflicts
from sfsync.cli.consent import consent
from sfsync.cli.demo import demo
from sfsync.cli.diff import diff
from sfsync.cli.explain import explain
from sfsync.cli.fleet import fleet
from sfsync.cli.history import history
from sfsync.cli.import_file import import_file
from sfsync.cli.init import init
from sfsync.cli.invocation import Cli
from sfsync.cli.listen import listen
from sfsync.cli.local_org import local_org
from sfsync.cli.login import login
from sfsync.cli.logout import logout
from sfsync.cli.notify import send_sample
from sfsync.cli.org_check import check_org
from sfsync.cli.org_setup import set_up_org
from sfsync.cli.pause import pause, resume
from sfsync.cli.profile_add import add_profile
from sfsync.cli.profile_list import list_profiles
from sfsync.cli.profile_remove import remove_profile
from sfsync.cli.profile_use import use_profile
from sfsync.cli.pull import pull
from sfsync.cli.purge import purge
from sfsync.cli.push import push
from sfsync.cli.push_activity import push_activity
from sfsync.cli.quarantine import quarantine, retry
from sfsync.cli.report import report
from sfsync.cli.schedule import schedule
from sfsync.cli.selftest import selftest
from sfsync.cli.status import status
from sfsync.cli.streams import complain
from sfsync.cli.sync import sync
from sfsync.cli.text import short, visible
from sfsync.cli.undo import undo
from sfsync.cli.verify import verify
from sfsync.cli.webhook import replay as webhook_replay
from sfsync.cli.webhook import send as webhook_send
from sfsync.cli.webhook import verify as webhook_verify
from sfsync.cli.webhook_endpoints import endpoints as webhook_endpoints
from sfsync.cli.webhook_endpoints import resume as webhook_resume
from sfsync.cli.webhook_endpoints import test as webhook_test
from sfsync.cli.whoami import whoami

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="sfsync",
    cls=Commands,
    help="Keep the PenguinMails email platform and a Salesforce org in step.",
    epilog="Try it without any account: sfsync demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=_HELP_OPTIONS,
)


def _version(wanted: bool) -> None:
    if wanted:
        from sfsync import __version__

        typer.echo(f"sfsync {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Keep the PenguinMails email platform and a Salesforce org in step."""


def _group(name: str, text: str) -> typer.Typer:
    """A command that has commands of its own, as ``sfsync config`` has."""
    return typer.Typer(
        name=name,
        cls=Commands,
        help=text,
        no_args_is_help=True,
        context_settings=_HELP_OPTIONS,
    )


config = _group("config", "Which settings count, and where each came from.")
profile = _group("profile", "Several orgs from one configuration.")
webhook = _group("webhook", "Webhooks: try those that come, watch those that go.")
notify = _group("notify", "Who is told that runs fail, are done in part, or work again.")
org = _group("org", "See what an org lacks for this mapping, and make it.")

# Panel by panel, in the order of the help page. Groups stand at the end of their panels there.
START = "Start"
command(app, "init", panel=START)(init)
command(app, "import", panel=START)(import_file)
command(config, "show", panel=START, full_name="config show")(show_config)
command(config, "path", panel=START, full_name="config path")(config_path)
command(config, "check", panel=START, full_name="config check")(check_config)
command(config, "datasette", panel=START, full_name="config datasette")(config_datasette)
app.add_typer(config, rich_help_panel=START)

LOGIN = "Login"
command(app, "login", panel=LOGIN)(login)
command(app, "logout", panel=LOGIN)(logout)
command(app, "whoami", panel=LOGIN)(whoami)
command(profile, "add", panel=LOGIN, full_name="profile add")(add_profile)
command(profile, "list", panel=LOGIN, full_name="profile list")(list_profiles)
command(profile, "use", panel=LOGIN, full_name="profile use")(use_profile)
command(profile, "remove", panel=LOGIN, full_name="profile remove")(remove_profile)
app.add_typer(profile, rich_help_panel=LOGIN)

ORG = "Org"
command(org, "check", panel=ORG, full_name="org check")(check_org)
command(org, "setup", panel=ORG, full_name="org setup")(set_up_org)
app.add_typer(org, rich_help_panel=ORG)
command(app, "doctor", panel=ORG)(check_org)

SYNC = "Sync"
command(app, "sync", panel=SYNC)(sync)
command(app, "pull", panel=SYNC)(pull)
command(app, "push", panel=SYNC)(push)
command(app, "push-activity", panel=SYNC)(push_activity)
command(app, "listen", panel=SYNC)(listen)
command(webhook, "send", panel=SYNC, full_name="webhook send")(webhook_send)
command(webhook, "verify", panel=SYNC, full_name="webhook verify")(webhook_verify)
command(webhook, "replay", panel=SYNC, full_name="webhook replay")(webhook_replay)
command(webhook, "endpoints", panel=SYNC, full_name="webhook endpoints")(webhook_endpoints)
command(webhook, "test", panel=SYNC, full_name="webhook test")(webhook_test)
command(webhook, "resume", panel=SYNC, full_name="webhook resume")(webhook_resume)
app.add_typer(webhook, rich_help_panel=SYNC)
command(notify, "test", panel=SYNC, full_name="notify test")(send_sample)
app.add_typer(notify, rich_help_panel=SYNC)
command(app, "diff", panel=SYNC)(diff)
command(app, "apply", panel=SYNC)(apply)

REVIEW = "Review"
command(app, "status", panel=REVIEW)(status)
command(app, "report", panel=REVIEW)(report)
command(app, "conflicts", panel=REVIEW)(conflicts)
command(app, "quarantine", panel=REVIEW)(quarantine)
command(app, "retry", panel=REVIEW)(retry)
command(app, "consent", panel=REVIEW)(consent)
command(app, "verify", panel=REVIEW)(verify)
command(app, "pause", panel=REVIEW)(pause)
command(app, "resume", panel=REVIEW)(resume)
command(app, "history", panel=REVIEW)(history)
command(app, "undo", panel=REVIEW)(undo)
command(app, "explain", panel=REVIEW)(explain)
command(app, "purge", panel=REVIEW)(purge)
command(app, "changes", panel=REVIEW)(changes)

command(app, "fleet", panel=SYNC)(fleet)
command(app, "schedule", panel=SYNC)(schedule)

TRY_IT = "Try it"
command(app, "demo", panel=TRY_IT)(demo)
command(app, "local-org", panel=TRY_IT)(local_org)
command(app, "selftest", panel=TRY_IT)(selftest)


_AFTER_THE_COMMAND = (
    "--config",
    "-c",
    "--profile",
    "--json",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "-vv",
    "--log-file",
)


@cache
def command_tree() -> TyperGroup:
    """All commands, built once a process: that takes longer than many a command."""
    return cast("TyperGroup", get_command(app))


def run() -> int:
    """Run the command line. A wrong one is answered on stderr, or as JSON where that was asked for.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:]
    try:
        code = command_tree()(args=arguments, standalone_mode=False)
    except typer.TyperException as error:
        with suppress(OSError):  # where stderr is gone, the exit code says it
            wrong_usage(error, arguments)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted")
        return 130
    except OSError as error:  # a help page or a version that could not be written
        complain(f"it could not be written to standard output: {error.strerror}")
        return 1
    return code if isinstance(code, int) else 0


def wrong_usage(error: typer.TyperException, arguments: list[str]) -> None:
    """Print what is wrong with a command line: on stderr, or as JSON where that was asked for."""
    error.message = short(error.message)
    if "--json" not in arguments and os.environ.get("SFSYNC_JSON", "").lower() not in ("1", "true"):  # noqa: TID251  as Typer reads it
        from typer.rich_utils import rich_format_error

        rich_format_error(error)  # type: ignore[arg-type]
        if type(error).__name__ == "NoArgsIsHelpError":  # its commands are on stdout
            complain(f"sfsync {' '.join(arguments)} what? Name one of its commands.")
        if arguments[0] in _AFTER_THE_COMMAND:
            sys.stderr.write(
                f"{arguments[0]} goes after the command: sfsync COMMAND {arguments[0]} …\n"
            )
        return
    message = error.format_message()
    name = next((word for word in arguments if not word.startswith("-")), "")
    write_document(
        Cli(name, as_json=True), "failed", 2, {}, errors=({"slug": "usage", "message": message},)
    )
    sys.stderr.write(f"error: {visible(message)}\n")
