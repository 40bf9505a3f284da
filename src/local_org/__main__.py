"""``python -m local_org``: serve a local org until interrupted."""

import argparse
import json
import sys
from pathlib import Path

from local_org.server import LocalOrg, LocalOrgConfig


def main(arguments: list[str] | None = None) -> int:
    """Read the options, serve, and say where."""
    options = _parser().parse_args(arguments)
    faults = json.loads(Path(options.faults).read_text(encoding="utf-8")) if options.faults else []
    org = LocalOrg(
        LocalOrgConfig(
            port=options.port,
            seed=options.seed,
            contacts=options.size,
            leads=options.leads,
            latency_seconds=options.latency,
            faults=tuple(faults["faults"] if isinstance(faults, dict) else faults),
            state_file=options.state,
            auto_approve=options.auto_approve,
            custom_fields=not options.no_custom_fields,
            task_external_id=not options.no_task_external_id,
            hide_opt_out=options.hide_opt_out,
            bare=options.bare,
            rotate_refresh_tokens=options.rotate_refresh_tokens,
            pubsub_port=options.pubsub_port,
            change_events=tuple(filter(None, options.change_events.split(","))),
            tls=options.tls,
            settings={
                "duplicate_rules": options.duplicate_rules,
                "daily_api_requests": options.api_limit,
                "commit_delay_seconds": options.commit_delay,
            },
        )
    )
    option = f"--port {options.port}"
    try:
        url = org.url
        option = f"--pubsub-port {options.pubsub_port}"
        pubsub = org.pubsub
    except OSError as error:
        org.close()
        name = option.partition(" ")[0]
        sys.stderr.write(f"cannot listen, {option}: {error.strerror}; {name} 0 takes a free one\n")
        return 1
    sys.stdout.write(
        f"local org at {url} (people and their activity: open it in a browser; Ctrl-C stops it)\n"
    )
    if pubsub is not None:
        sys.stdout.write(f"its Pub/Sub API at {pubsub}, certificate: {org.certificate}\n")
    sys.stdout.flush()
    org.serve()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_org", description="A small Salesforce on this computer."
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="where to listen on 127.0.0.1; 0 takes a free port"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="the sample people are drawn from this number"
    )
    parser.add_argument(
        "--size", type=int, default=60, help="how many Contacts; Leads are five twelfths of it"
    )
    parser.add_argument("--leads", type=int, help="how many Leads instead")
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="let each answer wait"
    )
    parser.add_argument(
        "--faults", metavar="FILE", help="a fault plan as JSON, see the module faults"
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep the org in this file between runs"
    )
    parser.add_argument(
        "--auto-approve", action="store_true", help="log in without the login and Allow pages"
    )
    parser.add_argument(
        "--no-custom-fields", action="store_true", help="without PenguinMails' fields on people"
    )
    parser.add_argument(
        "--no-task-external-id", action="store_true", help="without PenguinMails' id on Task"
    )
    parser.add_argument(
        "--hide-opt-out", action="store_true", help="hide the opt-out fields from the API user"
    )
    parser.add_argument(
        "--bare",
        action="store_true",
        help="an org nobody has prepared: no fields, no permissions for them",
    )
    parser.add_argument(
        "--rotate-refresh-tokens", action="store_true", help="a new refresh token at each refresh"
    )
    parser.add_argument(
        "--pubsub-port",
        type=int,
        metavar="PORT",
        help="serve the Pub/Sub API there; 0: a free port",
    )
    parser.add_argument(
        "--change-events",
        default="",
        metavar="OBJECTS",
        help="the objects whose changes it tells, with commas between them",
    )
    parser.add_argument(
        "--tls", action="store_true", help="serve it under a certificate of its own"
    )
    parser.add_argument(
        "--duplicate-rules", action="store_true", help="refuse people who resemble others"
    )
    parser.add_argument(
        "--api-limit", type=int, default=15_000, metavar="CALLS", help="API calls in 24 hours"
    )
    parser.add_argument(
        "--commit-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="edits stay invisible so long",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
