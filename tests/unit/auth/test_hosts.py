import pytest

from sfsync.auth.hosts import jwt_audience, login_origin, trusted_url
from sfsync.errors import ConfigError, ProtocolError

LOGIN = "https://login.salesforce.com"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://Login.Salesforce.com:443/path?x", "https://login.salesforce.com"),
        ("https://sso.example.com:8443", "https://sso.example.com:8443"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_login_url_is_reduced_to_its_origin(url, origin):
    assert login_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.salesforce.com",
        "http://login.salesforce.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://2130706433",
        "https://user:pass@login.salesforce.com",
        "https://@login.salesforce.com",
        "ftp://login.salesforce.com",
        "https://",
        "https://login.salesforce.com:99999",
        "https://login.salesforce.com:0",
        "https://[::1",
        "https://login.salesforce.com\\.evil.example",
        " https://login.salesforce.com",
    ],
)
def test_a_login_url_must_be_https_or_loopback(url):
    with pytest.raises(ConfigError):
        login_origin(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.my.salesforce.com",
        "https://acme--uat.sandbox.my.salesforce.com",
        "https://na1.salesforce.com",
        "https://acme.lightning.force.com",
        "https://acme.my.salesforce.mil",
        "https://acme.cloudforce.com",
        "https://login.salesforce.com/id/00D/005",
    ],
)
def test_salesforce_addresses_may_get_the_bearer(url):
    assert trusted_url(url, LOGIN, "instance_url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example",
        "https://salesforce.com.evil.example",
        "https://evilsalesforce.com",
        "https://salesforce.com",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com@evil.example",
        "https://acme.my.salesforce.com:8443",
        "https://evil.example\\.salesforce.com",
        "http://127.0.0.1:8080",
        "http://localhost",
        "https://localhost",
    ],
)
def test_other_addresses_never_do(url):
    with pytest.raises(ProtocolError):
        trusted_url(url, LOGIN, "instance_url")


def test_a_loopback_login_may_name_loopback_and_no_stranger():
    assert (
        trusted_url("http://127.0.0.1:9", "http://localhost:8", "instance_url")
        == "http://127.0.0.1:9"
    )
    with pytest.raises(ProtocolError):
        trusted_url("http://evil.example", "http://localhost:8", "instance_url")


def test_an_own_login_domain_may_name_itself():
    assert trusted_url("https://crm.example.com/id", "https://crm.example.com", "id")


@pytest.mark.parametrize(
    ("login", "audience"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://crm.example.com", "https://crm.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_the_audience_of_a_jwt_follows_the_login_host(login, audience):
    assert jwt_audience(login) == audience
