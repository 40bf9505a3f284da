"""What OAuth's error codes mean to a person: one table from code and description to exception and advice.

Used for both places an error can come from, the browser's redirect and the token endpoint. Whatever
the other side wrote is shown only after it was made plain: one line, no control characters, no
secret that was sent.

Source: salesforce-facts §1.6 (codes and texts), §1.3 (redirect mismatch), §1.9 (apps that must be
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

from sfsync.errors import GrantRevoked, LoginRefused, OrgUnavailable, SfsyncError

_LONGEST_SHOWN = 200
HIDDEN = "[hidden]"


class Step(StrEnum):
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
        says: a part of the description in lower case; empty for any.
        at: the steps it is for; empty for all.
        told: what it means.
        hint: what to do.
        kind: the exception.
    """

    code: str
    told: str
    hint: str
    says: str = ""
    at: frozenset[Step] = frozenset()
    kind: type[SfsyncError] = LoginRefused

    def fits(self, code: str, description: str, step: Step) -> bool:
        return (
            self.code in {"", code}
            and self.says in description.lower()
            and (not self.at or step in self.at)
        )


_AGAIN = "Run `sfsync login`."
_CHECK_APP = "Check org.client_id against the app's consumer key; a new app can take ten minutes until it is known everywhere."
_INSTALL = "Ask a Salesforce admin to install or create the app in this org first (docs: setting up the app)."
_SERVER_STEPS = frozenset({Step.JWT, Step.CLIENT_CREDENTIALS})
_RULES = (
    _Rule(
        "access_denied",
        "access was denied",
        "Run `sfsync login` again and choose Allow; if there was no such choice, an admin has to permit the app for you.",
    ),
    _Rule(
        "",
        "the same login is being renewed from somewhere else at this moment",
        "Try again in a minute.",
        says="token request is already being processed",
        kind=OrgUnavailable,
    ),
    _Rule(
        "",
        "there were too many logins of this user",
        "Wait an hour; nothing is lost. Whoever logs in that often for this user should keep the login instead.",
        says="rate exceeded",
        kind=OrgUnavailable,
    ),
    _Rule(
        "",
        "the user may not use this app",
        "An admin has to permit the app for the user, by a permission set or profile.",
        says="not admin approved",
    ),
    _Rule(
        "unknown_error",
        "Salesforce could not do it just now",
        "Try again in a few minutes.",
        kind=OrgUnavailable,
    ),
    _Rule(
        "invalid_grant",
        "the org does not let this login in from here, or not at this hour",
        "Ask an admin about login IP ranges, login hours and the app's IP relaxation.",
        says="ip restricted",
    ),
    _Rule(
        "invalid_grant",
        "the stored login has ended (revoked, unused for too long, or replaced by a newer one)",
        _AGAIN,
        at=frozenset({Step.REFRESH}),
        kind=GrantRevoked,
    ),
    _Rule(
        "invalid_grant",
        "this app is not approved for that user",
        "An admin has to pre-authorise the app: permitted users 'admin approved', and a permission set that has it.",
        says="hasn't approved",
    ),
    _Rule(
        "invalid_grant",
        "the key was signed for another login host",
        "Set org.login_url to https://test.salesforce.com for a sandbox, https://login.salesforce.com else.",
        says="audience",
        at=frozenset({Step.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "this login host does not take client credentials",
        "Set org.login_url to the org's My Domain: https://NAME.my.salesforce.com.",
        says="not supported on this domain",
    ),
    _Rule(
        "invalid_grant",
        "the app has no user to run as",
        "An admin has to enable the client credentials flow on the app and name its run-as user.",
        says="no client credentials user",
    ),
    _Rule(
        "invalid_grant",
        "the statement is too old or too new for Salesforce: this computer's clock is wrong",
        "Set the clock, best by NTP, and try again.",
        says="expire",
        at=frozenset({Step.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "the signature does not fit the certificate that the app holds, or the username is not known there",
        "Have an admin upload the certificate of this very key, and check --username.",
        says="assertion",
        at=frozenset({Step.JWT}),
    ),
    _Rule(
        "invalid_grant",
        "the user, the certificate or this computer's clock is not as the app expects",
        "Check the username, that the app holds the certificate of this very key, and the clock.",
        at=_SERVER_STEPS,
    ),
    _Rule(
        "invalid_grant",
        "the app and this login do not fit together",
        "Run `sfsync login` again; where it stays so, compare org.client_id and org.login_url with the app.",
        says="code verifier",
        at=frozenset({Step.CODE}),
    ),
    _Rule(
        "invalid_grant",
        "the code was too old or already used",
        "Run `sfsync login` again.",
        at=frozenset({Step.CODE}),
    ),
    _Rule("invalid_grant", "the login is not valid", _AGAIN),
    _Rule("inactive_user", "this user is frozen or deactivated", "Ask a Salesforce admin."),
    _Rule("inactive_org", "this org is closed, locked or expired", "Ask a Salesforce admin."),
    _Rule(
        "invalid_client", "the app is not installed in this org", _INSTALL, says="must be installed"
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
        "An admin has to enable the flow on the app; client credentials need org.login_url to be the My Domain.",
    ),
    _Rule(
        "unsupported_response_type",
        "the app does not permit a login in the browser",
        "An admin has to enable the web server flow.",
    ),
    _Rule(
        "redirect_uri_mismatch",
        "the callback is not registered on the app",
        "Register http://localhost:PORT/callback for each of org.redirect_ports, in exactly this form.",
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
        kind=OrgUnavailable,
    ),
)


_UNSAID = (
    (
        "nothing: the browser shows `redirect_uri_mismatch`, and sfsync waits until its time is up",
        "the callback is not registered on the app, to the letter",
        "Register `http://localhost:PORT/callback` for each of `org.redirect_ports`, port included.",
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
    """What Salesforce says, what it means, what to do: every rule here, and what is not told by a code."""
    rows = [(_quoted(rule), rule.told, rule.hint) for rule in _RULES]
    return [*_UNSAID, *rows]


def _quoted(rule: _Rule) -> str:
    """A rule's code and text as one may see them, and when."""
    words = ": ".join(part for part in (rule.code, f"…{rule.says}…" if rule.says else "") if part)
    steps = ", ".join(sorted(step.value[0].lower() + step.value[1:] for step in rule.at))
    return f"`{words}`" + (f" ({steps})" if steps else "")


def refusal(code: str, description: str, *, step: Step, host: str) -> SfsyncError:
    """The exception for an OAuth error.

    Args:
        code: the error code, as sent.
        description: the text beside it, as sent.
        step: what was being done.
        host: who said it.

    >>> refusal("inactive_user", "user is inactive", step=Step.REFRESH, host="login.salesforce.com").message
    'Renewing the login was refused by login.salesforce.com: this user is frozen or deactivated
    (inactive_user: user is inactive)'
    """
    code, description = plain(code), plain(description)
    rule = next((rule for rule in _RULES if rule.fits(code.lower(), description, step)), None)
    quoted = f"{code}: {description}" if description and description != code else code
    if rule is None:
        return LoginRefused(
            f"{step} was refused by {host}: {quoted or 'no reason given'}", hint=_AGAIN
        )
    return rule.kind(f"{step} was refused by {host}: {rule.told} ({quoted})", hint=rule.hint)


def plain(text: str, hide: tuple[str, ...] = ()) -> str:
    r"""What another side wrote, fit to be printed: one line, no control characters, cut, secrets hidden.

    Args:
        text: anything.
        hide: what was sent along and must not come back in a message, in plain or URL-encoded form.

    >>> plain("no\x1b[31m such\r\n user: s3cret", hide=("s3cret",))
    'no[31m such user: [hidden]'
    """
    shown = _hidden(_printable(_hidden(text, hide)[: 10 * _LONGEST_SHOWN]), hide)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _hidden(text: str, hide: tuple[str, ...]) -> str:
    """The text without these secrets, as they are and as an address or a form carries them."""
    for secret in filter(None, hide):
        for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
            text = re.sub(re.escape(form), HIDDEN, text, flags=re.IGNORECASE)
    return text


def _printable(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
