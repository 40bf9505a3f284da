"""What OAuth's error codes mean to a person: a table from code and text to exception and advice.

Used for both places an error can come from, the browser's redirect and the token endpoint. Whatever
the other side wrote is shown only after it was made plain: one line, no control characters, no
secret that was sent.

Source: docs/salesforce.md §1.6 (codes and texts), §1.3 (redirect mismatch), §1.9 (apps that must be
installed); github segmentio/action-destinations#2300 (a second refresh at the same moment),
sfdx-actions/setup-sfdx#17 (``ip restricted``), n8n-io/n8n#32325 and restforce/restforce#744
(``login rate exceeded`` as an invalid_grant), forcedotcom/cli#3260 (``invalid_app_access``),
abisek/salesforce-elf-browser#9 (``OAUTH_APP_ACCESS_DENIED``), n8n-io/n8n#21589
(``OAUTH_APP_BLOCKED``), PipedreamHQ/pipedream#21557 (``OAUTH_EC_APP_NOT_FOUND``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, quote_plus

from sfsync.errors import BudgetSpent, GrantRevoked, LoginRefused, OrgUnavailable, SfsyncError

_LONGEST_SHOWN = 200
HIDDEN = "[hidden]"


class LoginStep(StrEnum):
    """What was being done when the answer came; worded to stand in a message."""

    AUTHORIZE = "The login in the browser"
    CODE = "Exchanging the code for a login"
    REFRESH = "Renewing the login"
    JWT = "The login with a signed key"
    CLIENT_CREDENTIALS = "The login with client credentials"
    REVOKE = "Revoking the login"
    IDENTITY = "Asking who is logged in"


@dataclass(frozen=True, slots=True)
class _Rule:
    """The first rule that fits decides.

    Attributes:
        code: OAuth's error code; empty for any.
        text: a part of the description in lower case; empty for any.
        steps: those it is for; empty for all.
        meaning: what it says to a person.
        hint: what to do.
        error: the exception.
    """

    code: str
    meaning: str
    hint: str
    text: str = ""
    steps: frozenset[LoginStep] = frozenset()
    error: type[SfsyncError] = LoginRefused

    def fits(self, code: str, description: str, step: LoginStep) -> bool:
        if self.code not in {"", code}:
            return False
        if self.text not in description.lower():
            return False
        return not self.steps or step in self.steps


_AGAIN = "Run `sfsync login`."
_CHECK_APP = (
    "Check org.client_id against the app's consumer key; a new app can take ten minutes until it "
    "is known everywhere."
)
_INSTALL = (
    "Ask a Salesforce admin to install or create the app in this org first (docs: setting up the "
    "app)."
)
_SERVER_STEPS = frozenset({LoginStep.JWT, LoginStep.CLIENT_CREDENTIALS})
_CALLS_SPENT = "the org's API calls of the last 24 hours are used up"
_WAIT_A_DAY = (
    "Wait for the 24 hours to move on; the login holds, and the next run goes on from here."
)
_RULES = (
    _Rule("request_limit_exceeded", _CALLS_SPENT, _WAIT_A_DAY, error=BudgetSpent),
    _Rule("", _CALLS_SPENT, _WAIT_A_DAY, text="request_limit_exceeded", error=BudgetSpent),
    _Rule(
        "access_denied",
        "access was denied",
        "Run `sfsync login` again and choose Allow; if there was no such choice, an admin has to "
        "permit the app for you.",
    ),
    _Rule(
        "",
        "the same login is being renewed from somewhere else at this moment",
        "Try again in a minute.",
        text="token request is already being processed",
        error=OrgUnavailable,
    ),
    _Rule(
        "",
        "there were too many logins of this user",
        "Wait an hour; nothing is lost. Whoever logs in that often for this user should keep the "
        "login instead.",
        text="rate exceeded",
        error=OrgUnavailable,
    ),
    _Rule(
        "",
        "the user may not use this app",
        "An admin has to permit the app for the user, by a permission set or profile.",
        text="not admin approved",
    ),
    _Rule(
        "unknown_error",
        "Salesforce could not do it just now",
        "Try again in a few minutes.",
        error=OrgUnavailable,
    ),
    _Rule(
        "invalid_grant",
        "the org does not let this login in from here, or not at this hour",
        "Ask an admin about login IP ranges, login hours and the app's IP relaxation.",
        text="ip restricted",
    ),
    _Rule(
        "invalid_grant",
        "the stored login has ended (revoked, unused for too long, or replaced by a newer one)",
        _AGAIN,
        steps=frozenset({LoginStep.REFRESH}),
        error=GrantRevoked,
    ),
    _Rule(
        "invalid_grant",
        "this app is not approved for that user",
        "An admin has to pre-authorise the app: permitted users 'admin approved', and a "
        "permission set that has it.",
        text="hasn't approved",
    ),
    _Rule(
        "invalid_grant",
        "the key was signed for another login host",
        "Set org.login_url to https://test.salesforce.com for a sandbox, "
        "https://login.salesforce.com else.",
        text="audience",
        steps=frozenset({LoginStep.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "this login host does not take client credentials",
        "Set org.login_url to the org's My Domain: https://NAME.my.salesforce.com.",
        text="not supported on this domain",
    ),
    _Rule(
        "invalid_grant",
        "the app has no user to run as",
        "An admin has to enable the client credentials flow on the app and name its run-as user.",
        text="no client credentials user",
    ),
    _Rule(
        "invalid_grant",
        "the statement is too old or too new for Salesforce: this computer's clock is wrong",
        "Set the clock, best by NTP, and try again.",
        text="expire",
        steps=frozenset({LoginStep.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "the signature does not fit the certificate that the app holds, or the username is not "
        "known there",
        "Have an admin upload the certificate of this very key, and check --username.",
        text="assertion",
        steps=frozenset({LoginStep.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "the user, the certificate or this computer's clock is not as the app expects",
        "Check the username, that the app holds the certificate of this very key, and the clock.",
        steps=_SERVER_STEPS,
    ),
    _Rule(
        "invalid_grant",
        "the app and this login do not fit together",
        "Run `sfsync login` again; where it stays so, compare org.client_id and org.login_url "
        "with the app.",
        text="code verifier",
        steps=frozenset({LoginStep.CODE}),
    ),
    _Rule(
        "invalid_grant",
        "the code was too old or already used",
        "Run `sfsync login` again.",
        steps=frozenset({LoginStep.CODE}),
    ),
    _Rule("invalid_grant", "the login is not valid", _AGAIN),
    _Rule("inactive_user", "this user is frozen or deactivated", "Ask a Salesforce admin."),
    _Rule("inactive_org", "this org is closed, locked or expired", "Ask a Salesforce admin."),
    _Rule(
        "invalid_client", "the app is not installed in this org", _INSTALL, text="must be installed"
    ),
    _Rule("oauth_ec_app_not_found", "the app is not installed in this org", _INSTALL),
    _Rule(
        "oauth_app_blocked",
        "an admin has blocked the app in this org",
        "Ask a Salesforce admin to unblock it.",
    ),
    _Rule(
        "oauth_app_access_denied",
        "the user may not use this app",
        "An admin has to permit the app for the user, by a permission set or profile.",
    ),
    _Rule(
        "oauth_approval_error_generic",
        "the app is not installed or not approved in this org",
        _INSTALL,
    ),
    _Rule("invalid_client_id", "the app is not known", _CHECK_APP),
    _Rule("invalid_client", "the app is not known, or its secret is wrong", _CHECK_APP),
    _Rule("invalid_client_credentials", "the app's secret is wrong", _CHECK_APP),
    _Rule(
        "unauthorized_client",
        "the app does not permit this way of logging in",
        "An admin has to enable the flow on the app.",
    ),
    _Rule(
        "unsupported_grant_type",
        "the app does not permit this way of logging in",
        "An admin has to enable the flow on the app; client credentials need org.login_url to be "
        "the My Domain.",
    ),
    _Rule(
        "unsupported_response_type",
        "the app does not permit a login in the browser",
        "An admin has to enable the web server flow.",
    ),
    _Rule(
        "redirect_uri_mismatch",
        "the callback is not registered on the app",
        "Register http://localhost:PORT/callback for each of org.redirect_ports, in exactly this "
        "form.",
    ),
    _Rule(
        "invalid_scope",
        "the app does not grant these scopes",
        "Compare org.scopes with the scopes the app has.",
    ),
    _Rule(
        "invalid_request",
        "the request was not understood",
        "Check org.login_url and org.client_id; the app must use PKCE and need no secret.",
    ),
    _Rule(
        "rate_limit_exceeded",
        "there were too many logins",
        "Wait an hour; nothing is lost.",
        error=OrgUnavailable,
    ),
)


_WITHOUT_CODE = (
    (
        "nothing: sfsync itself says that the stored login was made at another address",
        "`org.login_url` was changed since the login, and nothing is sent to either address",
        (
            "`sfsync login` logs in at the new one, where it is the same org; another org takes "
            "a profile of its own."
        ),
    ),
    (
        "nothing: the browser shows `redirect_uri_mismatch`, and sfsync waits until its time is up",
        "the callback is not registered on the app, to the letter",
        (
            "Register `http://localhost:PORT/callback` for each of `org.redirect_ports`, "
            "port included."
        ),
    ),
    (
        "a page, or a way to another address, instead of an answer",
        "`org.login_url` is not where this org logs in",
        "Set it to `https://test.salesforce.com` for a sandbox, or to the org's My Domain.",
    ),
    (
        "nothing: sfsync itself refuses a login of another org",
        "the profile belongs to the org that it was first used with",
        "Log in to that org, or take another `--profile`.",
    ),
    (
        "nothing: the login came without a refresh token",
        "it cannot be renewed when its session ends",
        "Have `refresh_token` among `org.scopes` and among the app's scopes, then `sfsync login`.",
    ),
)


def troubleshooting() -> list[tuple[str, str, str]]:
    """What Salesforce says, what it means, what to do: every rule here, and what has no code."""
    rows = [(_quoted(rule), rule.meaning, rule.hint) for rule in _RULES]
    return [*_WITHOUT_CODE, *rows]


def _quoted(rule: _Rule) -> str:
    """A rule's code and text as one may see them, and when."""
    parts = [rule.code] if rule.code else []
    if rule.text:
        parts.append(f"…{rule.text}…")
    quoted = f"`{': '.join(parts)}`"
    if not rule.steps:
        return quoted
    steps = sorted(step.value[0].lower() + step.value[1:] for step in rule.steps)
    return f"{quoted} ({', '.join(steps)})"


def oauth_error(code: str, description: str, *, step: LoginStep, host: str) -> SfsyncError:
    """The exception for an OAuth error.

    Args:
        code: the error code, as sent.
        description: the text beside it, as sent.
        step: what was being done.
        host: who said it.

    >>> oauth_error("inactive_user", "", step=LoginStep.REFRESH, host="acme.com").message
    'Renewing the login was refused by acme.com: this user is frozen or deactivated (inactive_user)'
    """
    code, description = plain(code), plain(description)
    quoted = code
    if description and description != code:
        quoted = f"{code}: {description}"
    rule = next((rule for rule in _RULES if rule.fits(code.lower(), description, step)), None)
    if rule is None:
        reason = quoted or "no reason given"
        return LoginRefused(f"{step} was refused by {host}: {reason}", hint=_AGAIN)
    return rule.error(f"{step} was refused by {host}: {rule.meaning} ({quoted})", hint=rule.hint)


def plain(text: str, hide: tuple[str, ...] = ()) -> str:
    r"""What another side wrote, fit to be printed.

    One line, no control characters, cut to 200 characters, secrets hidden.

    Args:
        text: anything.
        hide: what was sent along and must not come back in a message, in plain or URL-encoded form.

    >>> plain("no\x1b[31m such\r\n user: s3cret", hide=("s3cret",))
    'no[31m such user: [hidden]'
    """
    shown = _hidden(_printable(_hidden(text, hide)[: 10 * _LONGEST_SHOWN]), hide)
    if len(shown) <= _LONGEST_SHOWN:
        return shown
    return f"{shown[:_LONGEST_SHOWN]}…"


def _hidden(text: str, hide: tuple[str, ...]) -> str:
    """The text without these secrets, as they are and as an address or a form carries them."""
    for secret in filter(None, hide):
        for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
            text = re.sub(re.escape(form), HIDDEN, text, flags=re.IGNORECASE)
    return text


def _printable(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
