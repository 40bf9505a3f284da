"""What the sync verbs load in the middle of their work: loaded once, before the processes of a fleet begin."""

from __future__ import annotations

MODULES = (
    "platformdirs",
    "rich.console",
    "rich.text",
    "simple_salesforce",
    "sfsync.auth.encrypted_store",
    "sfsync.auth.keyring_store",
    "sfsync.auth.login",
    "sfsync.auth.unattended",
    "sfsync.cli.entry",
    "sfsync.cli.run_report",
    "sfsync.cli.wiring",
    "sfsync.engine.sync",
    "sfsync.mirror.inbox",
    "sfsync.mirror.store",
    "sfsync.salesforce.org",
)
