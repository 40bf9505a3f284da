"""Who a token belongs to: the identity URL's answer, userinfo, and the discovery document.

Source: docs/salesforce.md §1.1, §1.4.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local_org import timestamps
from local_org.oauth.apps import SCOPES
from local_org.state.tables import Row

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def identity_url(origin: str, org_id: str, user_id: str) -> str:
    """The address that tells who a user is."""
    return f"{origin}/id/{org_id}/{user_id}"


def identity(user: Row, org_id: str, origin: str) -> dict[str, Any]:
    """What the identity URL answers."""
    return {
        "id": identity_url(origin, org_id, user["Id"]),
        "asserted_user": True,
        "user_id": user["Id"],
        "organization_id": org_id,
        "username": user.get("Username"),
        "nick_name": user.get("Alias"),
        "display_name": full_name(user),
        "email": user.get("Email"),
        "email_verified": True,
        "first_name": user.get("FirstName"),
        "last_name": user.get("LastName"),
        "timezone": user.get("TimeZoneSidKey"),
        "photos": {"picture": None, "thumbnail": None},
        "addr_street": None,
        "addr_city": None,
        "addr_state": None,
        "addr_country": None,
        "addr_zip": None,
        "mobile_phone": None,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": _urls(origin, org_id, user["Id"]),
        "active": bool(user.get("IsActive")),
        "user_type": "STANDARD",
        "language": user.get("LanguageLocaleKey"),
        "locale": user.get("LocaleSidKey"),
        "utcOffset": _standard_offset(user),
        "last_modified_date": timestamps.rest_text(user["LastModifiedDate"]),
        "is_app_installed": True,
    }


def userinfo(user: Row, user_id: str, org_id: str, origin: str) -> dict[str, Any]:
    """What OpenID's userinfo endpoint answers."""
    return {
        "sub": identity_url(origin, org_id, user_id),
        "user_id": user_id,
        "organization_id": org_id,
        "preferred_username": user.get("Username"),
        "nickname": user.get("Alias"),
        "name": full_name(user),
        "email": user.get("Email"),
        "email_verified": True,
        "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"),
        "zoneinfo": user.get("TimeZoneSidKey"),
        "active": bool(user.get("IsActive")),
        "user_type": "STANDARD",
        "language": user.get("LanguageLocaleKey"),
        "locale": user.get("LocaleSidKey"),
        "utcOffset": _standard_offset(user),
        "updated_at": timestamps.rest_text(user.get("LastModifiedDate", 0)),
        "urls": _urls(origin, org_id, user_id),
    }


def discovery(origin: str) -> dict[str, Any]:
    """The document that says where everything is, and what is supported."""
    oauth = f"{origin}/services/oauth2"
    return {
        "issuer": origin,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "jwks_uri": f"{origin}/id/keys",
        "introspection_endpoint": f"{oauth}/introspect",
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_post",
            "client_secret_basic",
        ],
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            JWT_GRANT,
        ],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "client_secret_basic",
            "none",
        ],
    }


def full_name(user: Row) -> str:
    """First and last name, as far as there are any."""
    return " ".join(user[name] for name in ("FirstName", "LastName") if user.get(name))


def _standard_offset(user: Row) -> int:
    """Milliseconds the user's winter time is ahead of UTC."""
    winter = datetime(2026, 1, 1, tzinfo=ZoneInfo(user.get("TimeZoneSidKey") or "UTC"))
    offset = (winter.utcoffset() or timedelta()) - (winter.dst() or timedelta())
    return int(offset.total_seconds() * 1000)


def _urls(origin: str, org_id: str, user_id: str) -> dict[str, str]:
    data = f"{origin}/services/data/v{{version}}"
    return {
        "enterprise": f"{origin}/services/Soap/c/{{version}}/{org_id[:15]}",
        "metadata": f"{origin}/services/Soap/m/{{version}}/{org_id[:15]}",
        "partner": f"{origin}/services/Soap/u/{{version}}/{org_id[:15]}",
        "rest": f"{data}/",
        "sobjects": f"{data}/sobjects/",
        "search": f"{data}/search/",
        "query": f"{data}/query/",
        "recent": f"{data}/recent/",
        "tooling_rest": f"{data}/tooling/",
        "profile": f"{origin}/{user_id}",
    }
