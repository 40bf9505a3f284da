import pytest

from sfsync.auth.oauth_errors import LoginStep, oauth_error, plain
from sfsync.errors import BudgetSpent, GrantRevoked, LoginRefused, OrgUnavailable


@pytest.mark.parametrize(
    ("step", "code", "description", "kind", "told"),
    [
        (
            LoginStep.REFRESH,
            "invalid_grant",
            "expired access/refresh token",
            GrantRevoked,
            "has ended",
        ),
        (LoginStep.REFRESH, "invalid_grant", "ip restricted", LoginRefused, "from here"),
        (
            LoginStep.REFRESH,
            "invalid_grant",
            "Token request is already being processed",
            OrgUnavailable,
            "elsewhere|somewhere",
        ),
        (LoginStep.REFRESH, "inactive_user", "user is inactive", LoginRefused, "frozen"),
        (LoginStep.REFRESH, "inactive_org", "", LoginRefused, "closed"),
        (LoginStep.REFRESH, "unknown_error", "retry your request", OrgUnavailable, "just now"),
        (LoginStep.REFRESH, "rate_limit_exceeded", "", OrgUnavailable, "too many"),
        (LoginStep.REFRESH, "REQUEST_LIMIT_EXCEEDED", "", BudgetSpent, "24 hours"),
        (
            LoginStep.REFRESH,
            "invalid_request",
            "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.",
            BudgetSpent,
            "24 hours",
        ),
        (LoginStep.CODE, "invalid_grant", "expired authorization code", LoginRefused, "too old"),
        (LoginStep.CODE, "invalid_grant", "invalid code verifier", LoginRefused, "code"),
        (
            LoginStep.CODE,
            "invalid_client",
            "app must be installed into org",
            LoginRefused,
            "not installed",
        ),
        (
            LoginStep.CODE,
            "invalid_client_id",
            "client identifier invalid",
            LoginRefused,
            "not known",
        ),
        (LoginStep.CODE, "invalid_client", "invalid client credentials", LoginRefused, "secret"),
        (LoginStep.CODE, "redirect_uri_mismatch", "", LoginRefused, "callback"),
        (
            LoginStep.JWT,
            "invalid_grant",
            "user hasn't approved this consumer",
            LoginRefused,
            "not approved",
        ),
        (
            LoginStep.JWT,
            "invalid_grant",
            "Audience validation failed",
            LoginRefused,
            "another login host",
        ),
        (LoginStep.JWT, "invalid_grant", "invalid assertion", LoginRefused, "certificate"),
        (
            LoginStep.CLIENT_CREDENTIALS,
            "invalid_client",
            "invalid client credentials",
            LoginRefused,
            "secret",
        ),
        (
            LoginStep.CLIENT_CREDENTIALS,
            "unsupported_grant_type",
            "",
            LoginRefused,
            "way of logging in",
        ),
        (
            LoginStep.CLIENT_CREDENTIALS,
            "invalid_grant",
            "request not supported on this domain",
            LoginRefused,
            "host",
        ),
        (
            LoginStep.CLIENT_CREDENTIALS,
            "invalid_grant",
            "no client credentials user enabled",
            LoginRefused,
            "run as",
        ),
        (
            LoginStep.AUTHORIZE,
            "access_denied",
            "end-user denied authorization",
            LoginRefused,
            "denied",
        ),
        (LoginStep.AUTHORIZE, "OAUTH_APPROVAL_ERROR_GENERIC", "", LoginRefused, "not installed"),
        (LoginStep.AUTHORIZE, "invalid_scope", "", LoginRefused, "scopes"),
    ],
)
def test_each_code_becomes_its_exception_with_a_meaning_and_advice(
    step, code, description, kind, told
):
    error = oauth_error(code, description, step=step, host="login.salesforce.com")
    assert type(error) is kind
    assert any(part in error.message for part in told.split("|"))
    assert code in error.message
    assert error.hint


def test_an_unknown_code_is_quoted():
    error = oauth_error("brand_new", "who knows", step=LoginStep.CODE, host="h")
    assert isinstance(error, LoginRefused)
    assert "brand_new: who knows" in error.message


def test_what_others_wrote_is_one_short_line_without_control_characters():
    shown = plain("a\x1b]0;x\x07\r\n\u202eb\x00 " + "long " * 500)
    assert shown.isprintable()
    assert len(shown) <= 201


def test_a_secret_that_comes_back_is_hidden_in_every_form():
    secret = "5Aep+a/b=="
    shown = plain(f"bad {secret} or 5Aep%2Ba%2Fb%3D%3D", hide=(secret, ""))
    assert shown == "bad [hidden] or [hidden]"
