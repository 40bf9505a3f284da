"""The local org as a whole: all parts put together, served on loopback.

This is the door for programs: ``LocalOrg``, ``LocalOrgConfig`` and ``WebhookConfig``.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from starlette.applications import Starlette

from local_org.api.router import Router
from local_org.bulk.endpoints import Bulk
from local_org.control import watch_page
from local_org.control.control_api import ControlApi
from local_org.email_platform.platform import EmailPlatform
from local_org.email_platform.settings import WebhookConfig
from local_org.faults import FaultPlan
from local_org.metadata.deploy_requests import DeployRequests
from local_org.oauth.endpoints import OAuth
from local_org.oauth.settings import OAuthSettings
from local_org.records.actor import Actor
from local_org.records.event_channels import select
from local_org.rest.resources import rest_endpoints
from local_org.schema.penguinmails_fields import Provisioned
from local_org.state import sample_data
from local_org.state.clock import Clock
from local_org.state.founding import found_org
from local_org.state.org import OrgState
from local_org.state.settings import Settings
from local_org.state.state_file import StateFile
from local_org.state.users import API_ONLY_PROFILE, add_user
from local_org.web.data_api import DataApi
from local_org.web.entrance import Entrance
from local_org.web.listener import listen, new_server

__all__ = ["LocalOrg", "LocalOrgConfig", "WebhookConfig"]
if TYPE_CHECKING:
    from local_org.events.bus import Bus
    from local_org.pubsub.listener import PubSubListener

INTEGRATION_USER = "integration@penguin.example"
_START_SECONDS = 10.0


class MissingExtra(Exception):
    """What serves change events is not installed."""


@dataclass(frozen=True, slots=True)
class LocalOrgConfig:
    """How the org is to be.

    Args:
        port: where to listen; 0 takes a free one.
        seed: what the sample data is drawn from; the same number gives the same people.
        contacts: how many sample Contacts.
        leads: how many sample Leads; None for as many as fit the Contacts.
        latency_seconds: how long each API answer waits.
        faults: the fault plan to begin with, see ``faults``.
        state_file: where the org is kept between runs; None keeps it in memory only.
        auto_approve: skip the login and Allow pages.
        custom_fields: whether PenguinMails' engagement fields and its id on people exist.
        task_external_id: whether PenguinMails' external id on Task exists.
        hide_opt_out: whether the opt-out fields are hidden from the API user.
        bare: an org nobody has prepared: no PenguinMails fields (whatever the two switches above
            say), opt-out fields that are granted to nobody, no Email among the Task types, and an
            integration user, who may log in and no more (``integration@penguin.example``).
        rotate_refresh_tokens: whether each refresh gives a new refresh token.
        webhooks: where the email platform beside the org sends; None for no platform.
        settings: further switches, by the names in ``settings``.
        pubsub_port: where the Pub/Sub API listens; 0 takes a free one; None: there is none.
        change_events: the objects whose changes it tells, on the standard channel.
        tls: whether the Pub/Sub API is served under a certificate, signed by itself.
        clock: where the time comes from, in seconds since 1970.
    """

    port: int = 0
    seed: int = 7
    contacts: int = 60
    leads: int | None = None
    latency_seconds: float = 0.0
    faults: tuple[dict[str, Any], ...] = ()
    state_file: Path | None = None
    auto_approve: bool = False
    custom_fields: bool = True
    task_external_id: bool = True
    hide_opt_out: bool = False
    bare: bool = False
    rotate_refresh_tokens: bool = False
    webhooks: WebhookConfig | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    pubsub_port: int | None = None
    change_events: tuple[str, ...] = ()
    tls: bool = False
    clock: Callable[[], float] = time.time


class LocalOrg:
    """A running (or ready to run) local org.

    >>> org = LocalOrg(LocalOrgConfig(contacts=2, leads=1))
    >>> len(org.state.table("Contact").rows)
    2

    Args:
        config: how it is to be.

    Attributes:
        platform: the email platform beside it, if there is one; see ``play_platform``.
        bus: its event bus, if it serves the Pub/Sub API.

    Raises:
        MissingExtra: it is to serve the Pub/Sub API, and what that needs is not installed.
        ValueError: the platform is to send elsewhere than to this machine, or has no secret; an
            object is named whose changes no org tells.
    """

    def __init__(self, config: LocalOrgConfig | None = None) -> None:
        self.config = config or LocalOrgConfig()
        self.state = _new_state(self.config)
        webhooks = self.config.webhooks
        self.platform = EmailPlatform(webhooks, self.state) if webhooks else None
        self._file = StateFile(self.config.state_file) if self.config.state_file else None
        if self._file is None or not self._file.load(self.state):
            _fill(self.state, self.config)
        settings = OAuthSettings(
            auto_approve=self.config.auto_approve, rotation=self.config.rotate_refresh_tokens
        )
        self.oauth = OAuth(self.state, settings=settings)
        self.faults = FaultPlan(self.config.faults, self.config.latency_seconds)
        self.bulk = Bulk(self.state)
        self.api = Router(self.state)
        self.api.extend(rest_endpoints(self.state, self.api))
        self.api.extend(DeployRequests(self.state).endpoints())
        self.api.extend(self.bulk.endpoints())
        self.bus: Bus | None
        self._pubsub: PubSubListener | None
        self.bus, self._pubsub = self._new_pubsub()
        self.app = self._new_app()
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def _new_pubsub(self) -> "tuple[Bus, PubSubListener] | tuple[None, None]":
        config = self.config
        if config.pubsub_port is None:
            return None, None
        select(self.state, config.change_events)
        try:
            from local_org.events.bus import Bus
            from local_org.events.event_log import EventLog
            from local_org.pubsub.listener import new_listener
        except ImportError as error:
            raise MissingExtra(
                f"change events need {error.name}: pip install 'sfsync[realtime]'"
            ) from error
        bus = Bus(self.state, EventLog())
        return bus, new_listener(
            bus, self.faults, self.oauth.session_for, port=config.pubsub_port, tls=config.tls
        )

    def _new_app(self) -> Entrance:
        control = ControlApi(self.state, self.faults, self.save, lambda: self.platform, self.bus)
        data = DataApi(self.state, self.oauth, self.api, self.save)
        app = Starlette(
            routes=[
                *watch_page.routes(),
                *control.routes(),
                *self.oauth.routes(),
                *data.routes(),
            ]
        )
        return Entrance(app, self.faults)

    # -- running

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._bound().getsockname()[1])

    @property
    def url(self) -> str:
        """Its address, for example ``http://127.0.0.1:8080``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pubsub(self) -> str | None:
        """Where the Pub/Sub API is, for example ``127.0.0.1:7443``."""
        return None if self._pubsub is None else self._pubsub.address

    @property
    def certificate(self) -> Path | None:
        """What a client of the Pub/Sub API has to trust, with TLS."""
        return None if self._pubsub is None else self._pubsub.certificate_file

    def start(self) -> "LocalOrg":
        """Serve in a thread; back when it answers."""
        if self._file is None and self.config.state_file:
            self._file = StateFile(self.config.state_file)
        if self._pubsub is not None:
            self._pubsub.start()
        self._server = new_server(self.app)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._bound()]},
            name="local-org",
            daemon=True,
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the local org did not start")
            time.sleep(0.005)
        if self.platform is not None:
            self.platform.start()
        return self

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server = new_server(self.app)
        if self.platform is not None:
            self.platform.start()
        try:
            if self._pubsub is not None:
                self._pubsub.start()
            self._server.run(sockets=[self._bound()])
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop serving and keep the state, if there is a file for it."""
        if self.platform is not None:
            self.platform.stop()
        if self._pubsub is not None:
            self._pubsub.stop()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=_START_SECONDS)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None
        self.close()

    def close(self) -> None:
        """Keep the state and let go of its file; for an org that was never started, too."""
        self.save()
        if self._file is not None:
            self._file.close()
            self._file = None

    def save(self) -> None:
        """Write what has changed to the state file, if there is one."""
        if self._file is not None:
            self._file.save(self.state)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def play_platform(self, webhooks: WebhookConfig) -> EmailPlatform:
        """Let an email platform send from now on, in place of the one there was.

        Raises:
            ValueError: as when the org is made.
        """
        platform = EmailPlatform(webhooks, self.state)
        if self.platform is not None:
            self.platform.stop()
        self.platform = platform
        platform.start()
        return platform

    def _bound(self) -> socket.socket:
        if self._socket is None:
            self._socket = listen(self.config.port)
        return self._socket

    # -- people

    def as_user(self, name_or_id: str | None = None) -> Actor:
        """Act as a user in Salesforce's own pages; as the org's admin if nobody is named."""
        return Actor.of(self.state, name_or_id)

    def token(self, username: str | None = None) -> str:
        """An access token without a login, for tests."""
        return self.oauth.issue(username).access_token


def _new_state(config: LocalOrgConfig) -> OrgState:
    made = config.custom_fields and not config.bare
    provisioned = Provisioned(
        engagement=made,
        person_key=made,
        event_key=config.task_external_id and not config.bare,
        opt_outs_granted=not config.bare,
        email_task_type=not config.bare,
    )
    settings = Settings(hide_opt_out=config.hide_opt_out)
    settings.change(config.settings)
    return OrgState(provisioned=provisioned, settings=settings, clock=Clock(config.clock))


def _fill(state: OrgState, config: LocalOrgConfig) -> None:
    found_org(state)
    if config.bare:
        add_user(
            state,
            first_name="Inga",
            last_name="Integration",
            username=INTEGRATION_USER,
            profile=API_ONLY_PROFILE,
        )
    leads = config.contacts * 25 // 60 if config.leads is None else config.leads
    sample_data.fill(state, contacts=config.contacts, leads=leads, seed=config.seed)
