"""A post arrives signed, within bounds, and only where it may."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sfsync.model.delivery import Message, PostAnswer, Recipient
from sfsync.model.web_address import WebAddress
from sfsync.outgoing.poster import Poster
from tests.unit.outgoing.receivers import NEW_SECRET, SECRET, always, receiving

BODY = json.dumps({"type": "contact.updated", "timestamp": "2026-01-20T10:00:00Z", "data": {}})

REFUSED = "its name leads to an address that nothing may be sent to"


def clock() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def message(url: str, *secrets: str, name: str = "c1-1a2b3c4d-7") -> Message:
    recipient = Recipient("crm", WebAddress.parse(url), secrets or (SECRET,), frozenset())
    return Message(recipient, name, BODY)


def answered(sent: Message, **options: Any) -> PostAnswer:
    with Poster(clock, **options) as poster:
        poster.start(sent)
        ((_, answer),) = poster.finished(10)
    return answer


def leading_to(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


# -- what arrives ----------------------------------------------------------------------------------
def test_a_message_arrives_as_both_libraries_expect_it() -> None:
    with receiving() as receiver:
        assert answered(message(receiver.url)) == PostAnswer(204)
    (got,) = receiver.got
    assert got.verified() == json.loads(BODY)
    assert (got.id, got.path) == ("c1-1a2b3c4d-7", "/hook?of=sfsync")
    assert got.headers["content-type"] == "application/json"


def test_each_secret_signs_so_that_either_proves_it() -> None:
    with receiving() as receiver:
        answered(message(receiver.url, SECRET, NEW_SECRET))
    (got,) = receiver.got
    assert got.verified(SECRET) == got.verified(NEW_SECRET)
    with pytest.raises(Exception, match="No matching signature"):
        got.verified("whsec_" + "A" * 32)


def test_an_answer_is_its_status_and_when_to_come_again() -> None:
    with receiving(always(503, Retry_After="120")) as receiver:
        assert answered(message(receiver.url)) == PostAnswer(503, "120")


def test_a_post_is_logged_with_its_outcome_and_without_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiving(always(503)) as receiver, caplog.at_level("INFO", logger="sfsync"):
        answered(message(receiver.url))
    [told] = caplog.records
    assert told.getMessage().startswith("webhook to crm -> HTTP 503, ")
    assert (told.status, told.milliseconds >= 0) == (503, True)
    assert "127.0.0.1" not in told.getMessage()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as private, receiving(always(302, Location=private.url)) as receiver:
        assert answered(message(receiver.url)).status == 302
    assert not private.got


def test_many_are_under_way_together() -> None:
    together = threading.Barrier(10, timeout=10)

    def wait_for_all(_got: object) -> tuple[int, dict[str, str]]:
        together.wait()
        return 200, {}

    with receiving(wait_for_all) as receiver, Poster(clock) as poster:
        for number in range(10):
            poster.start(message(receiver.url, name=f"m-{number}"))
        answers: list[Any] = []
        while len(answers) < 10:
            answers += poster.finished(5)
    assert {answer.status for _, answer in answers} == {200}
    assert {sent.id for sent, _ in answers} == {f"m-{number}" for number in range(10)}


# -- where it may go -------------------------------------------------------------------------------
PRIVATE = (
    "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "127.0.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fd00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.8", "::ffff:169.254.169.254", "64:ff9b::a00:8",
    "2002:a00:8::1", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_this_network_is_refused(address: str) -> None:
    sent = message("https://crm.example/hook")
    answer = answered(sent, resolve=leading_to("93.184.215.14", address))
    assert answer == PostAnswer(trouble=REFUSED)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_one(address: str) -> None:
    assert WebAddress.parse("https://crm.example/hook").may_be_at(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "017700000001", "127.1"])
def test_other_spellings_of_this_machine_are_no_way_round(host: str) -> None:
    """The system's resolver knows them all as 127.0.0.1."""
    answer = answered(message(f"https://{host}/hook"))
    assert answer == PostAnswer(trouble=REFUSED)


def test_what_was_looked_at_is_what_is_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.8"]

    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert answered(message(url), resolve=rebinding) == PostAnswer(204)
    assert asked == ["localhost"]
    assert receiver.got[0].headers["host"].startswith("localhost:")


def test_localhost_that_leads_elsewhere_is_refused() -> None:
    answer = answered(message("http://localhost/hook"), resolve=leading_to("93.184.215.14"))
    assert answer.trouble == REFUSED


# -- trouble ---------------------------------------------------------------------------------------
@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it likes with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def dripping(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"H")
        time.sleep(0.05)


def flooding(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def endless(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def test_a_receiver_that_takes_its_time_is_left() -> None:
    with serving(lambda connection: time.sleep(0.5)) as url:
        assert answered(message(url), seconds=0.2).trouble == "no answer within 0 s"
    with serving(dripping) as url:
        began = time.monotonic()
        assert answered(message(url), seconds=0.3).trouble
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("serve", "told"),
    [
        (lambda connection: connection.recv(65536), "it ended the connection"),
        (lambda connection: connection.sendall(b"nonsense\r\n\r\n"), "the answer is no HTTP"),
        (flooding, "the answer is no HTTP"),
    ],
)
def test_what_is_no_answer_is_told(serve: Callable[[socket.socket], None], told: str) -> None:
    with serving(serve) as url:
        assert answered(message(url)).trouble in (told, "it ended the connection")


def test_of_an_endless_answer_the_head_is_enough() -> None:
    with serving(endless) as url:
        assert answered(message(url)) == PostAnswer(200)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.0 202 Accepted\r\n\r\nthanks",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nthanks\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202\r\nContent-Length: 900\r\n\r\ncut short",
    ],
)
def test_the_ways_in_which_servers_say_yes(said: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with serving(serve) as url:
        assert answered(message(url)) == PostAnswer(202)


def test_nobody_there_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    assert answered(message(url)) == PostAnswer(trouble="it cannot be reached")


def test_closing_leaves_what_is_under_way() -> None:
    with serving(lambda connection: time.sleep(1)) as url:
        began = time.monotonic()
        with Poster(clock) as poster:
            poster.start(message(url))
            time.sleep(0.1)
        assert time.monotonic() - began < 0.8


# -- TLS -------------------------------------------------------------------------------------------
def certificate(folder: Path, name: str) -> Path:
    """Key and certificate of a host, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path = folder / f"{name}.pem"
    path.write_bytes(private + made.public_bytes(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "is_trusted", "told"),
    [
        ("localhost", True, PostAnswer(200)),
        ("localhost", False, PostAnswer(trouble="its certificate does not prove that it is this host")),
        ("other.example", True, PostAnswer(trouble="its certificate does not prove that it is this host")),
    ],
)  # fmt: skip
def test_the_hosts_certificate_has_to_be_its_own(
    tmp_path: Path, name: str, is_trusted: bool, told: PostAnswer
) -> None:
    pem = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(65536)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(serve) as url:
        secure = url.replace("http://127.0.0.1", "https://localhost")
        trust = str(pem) if is_trusted else ""
        assert answered(message(secure), trust=trust, resolve=leading_to("127.0.0.1")) == told
