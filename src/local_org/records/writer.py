"""Who writes, and how the org should behave for this call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how the org should behave for this call.

    Args:
        user_id: the running user.
        auto_assign: whether an active Lead assignment rule runs (REST's default).
        allow_save: whether an alerting duplicate rule lets the record pass.
        commit_delay_seconds: how long readers do not see what is written.
        human: whether a person in the user interface writes: alerts do not stop them.
        origin: which API writes, and for which client, as change events name it.
    """

    user_id: str
    auto_assign: bool = True
    allow_save: bool = False
    commit_delay_seconds: float = 0.0
    human: bool = False
    origin: str = ""
