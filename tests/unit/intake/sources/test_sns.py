"""Amazon SNS: its envelope's signature, topics, certificates, and the question whether to subscribe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sfsync.intake.sources.items import ConfirmSubscription, EmailEvent, Item, Skipped, Unreadable
from sfsync.intake.sources.proof import ForgedError
from sfsync.intake.sources.registry import SOURCES
from sfsync.intake.sources.sns import is_of_sns
from tests.unit.intake.sources.deliveries import (
    CERTIFICATE_URL,
    NOW,
    TOPIC,
    Delivery,
    delivery,
    envelope,
    sns_identity,
)
from tests.unit.intake.sources.samples import first

SUBSCRIBE_URL = f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336"
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "Token": "2336",
    "SubscribeURL": SUBSCRIBE_URL,
    "Message": "You have chosen to subscribe to the topic.",
}


def sent(value: dict[str, Any]) -> Delivery:
    return delivery("ses", None).with_(body=json.dumps(value).encode())


def enveloped(**changes: Any) -> Delivery:
    return sent(envelope(first("ses").entry, **changes))


def read(one: Delivery) -> list[Item]:
    return list(SOURCES["ses"].read(one.body, now=NOW))


def refused(one: Delivery) -> str:
    with pytest.raises(ForgedError) as caught:
        one.verify()
    return caught.value.reason


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Amazon SES Email Event Notification"}])
def test_both_versions_of_the_signature_with_and_without_a_subject(
    version: str, more: dict[str, str]
) -> None:
    enveloped(SignatureVersion=version, **more).verify()


def test_a_version_that_is_not_the_one_it_was_signed_by_is_refused() -> None:
    told = envelope(first("ses").entry) | {"SignatureVersion": "1"}
    assert refused(sent(told)) == "the signature is not that of its certificate"


@pytest.mark.parametrize("version", ["3", "", None, 2, ["2"]])
def test_a_version_that_is_unknown_is_refused(version: object) -> None:
    told = envelope(first("ses").entry) | {"SignatureVersion": version}
    assert refused(sent(told)) == "there is no signature of version 1 or 2"


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type"])
def test_every_signed_field_counts(name: str) -> None:
    told = envelope(first("ses").entry)
    refused(sent({key: value for key, value in told.items() if key != name}))
    refused(sent(told | {name: 7}))
    refused(sent(told | {name: told[name] + " "}))
    refused(sent(told | {"Subject": "one more"}))


@pytest.mark.parametrize(
    "topics", [(), {"arn:aws:sns:eu-central-1:123456789012:another"}, {TOPIC[:-1]}]
)
def test_only_topics_that_are_configured_are_believed(topics: Any) -> None:
    assert refused(enveloped().received(topics=topics)) == "it is of a topic that is not configured"


def test_no_certificate_is_fetched_for_a_foreign_topic_or_from_a_foreign_place() -> None:
    fetched: list[str] = []

    def certificate(url: str) -> bytes:
        fetched.append(url)
        return sns_identity()[1]

    refused(
        enveloped(TopicArn="arn:aws:sns:eu-central-1:666666666666:evil").received(
            certificate=certificate
        )
    )
    refused(
        enveloped(SigningCertURL="https://evil.example/x.pem").received(certificate=certificate)
    )
    assert fetched == []
    enveloped().received(certificate=certificate).verify()
    assert fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/x.pem",
        "https://sns.eu-central-1.amazonaws.com.example.net/x.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/x.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/x.pem",
        "https://user@sns.eu-central-1.amazonaws.com/x.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/x.pem",
        "https://evilsns.eu-central-1.amazonaws.com/x.pem",
        "https://sns.a.b.amazonaws.com/x.pem",
        "https://sns.s3.amazonaws.com/x.pem",
        "https://sns.s3-us-west-2.amazonaws.com/x.pem",
        "https://sns.amazonaws.com/x.pem",
        "https://sns.s3.evil.amazonaws.com/x.pem",
        "https://sns.eu-central-1.amazonaws.com\\@evil.example/x.pem",
        "https://sns.eu-central-1.amazonaws.com /x.pem",
        "https://sns.eu-central-1.amazonaws.com\n.evil.example/x.pem",
        "https://[::1/x.pem",
        "file:///etc/passwd.pem",
        "//sns.eu-central-1.amazonaws.com/x.pem",
        "https://sns.eu-céntral-1.amazonaws.com/x.pem",
        "",
        None,
        7,
    ],
)
def test_a_certificate_lies_at_sns_or_is_not_looked_at(url: object) -> None:
    assert not is_of_sns(url)
    assert refused(enveloped(SigningCertURL=url)) == "its certificate does not lie at SNS"


def test_a_certificate_is_a_certificate() -> None:
    told = enveloped(SigningCertURL="https://sns.eu-central-1.amazonaws.com/?Action=Publish")
    assert refused(told) == "its certificate does not lie at SNS"
    enveloped(SigningCertURL="https://sns.cn-north-1.amazonaws.com.cn/x.pem").verify()


def test_a_certificate_of_somebody_else_or_of_another_time_proves_nothing() -> None:
    other = sns_identity(400)[1]
    assert (
        refused(enveloped().received(certificate=lambda _: other))
        == "the signature is not that of its certificate"
    )
    for now in ("2026-01-19T09:59:59Z", "2027-01-19T10:00:01Z"):
        assert refused(enveloped().received(now=now)) == "its certificate is not valid"


@pytest.mark.parametrize(
    "pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END"]
)
def test_what_is_no_certificate_proves_nothing(pem: bytes) -> None:
    assert (
        refused(enveloped().received(certificate=lambda _: pem)) == "its certificate cannot be read"
    )


def test_a_certificate_that_cannot_be_reached_is_our_trouble_not_a_forgery() -> None:
    def certificate(url: str) -> bytes:
        raise TimeoutError(url)

    with pytest.raises(TimeoutError):
        enveloped().received(certificate=certificate).verify()
    assert "no certificate can be fetched" in refused(enveloped().received(certificate=None))


@pytest.mark.parametrize("given", [None, 7, "", "!", "AAAA"])
def test_a_signature_that_is_none_is_refused(given: object) -> None:
    refused(sent(envelope(first("ses").entry) | {"Signature": given}))


def test_to_subscribe_is_a_question_that_is_handed_on() -> None:
    one = sent(envelope(None, **CONFIRMATION))
    one.verify()
    assert read(one) == [ConfirmSubscription(TOPIC, SUBSCRIBE_URL)]


def test_a_touched_question_and_one_of_a_foreign_topic_are_refused() -> None:
    told = envelope(None, **CONFIRMATION)
    refused(sent(told | {"SubscribeURL": SUBSCRIBE_URL + "7"}))
    refused(
        sent(envelope(None, **CONFIRMATION, TopicArn="arn:aws:sns:eu-central-1:666666666666:evil"))
    )


def test_no_other_place_is_ever_confirmed() -> None:
    one = sent(envelope(None, **{**CONFIRMATION, "SubscribeURL": "https://evil.example/"}))
    [found] = read(one)
    assert isinstance(found, Unreadable)
    assert str(found) == "SubscribeURL: is no address of Amazon SNS"


def test_the_end_of_a_subscription_says_nothing() -> None:
    one = sent(envelope(None, **{**CONFIRMATION, "Type": "UnsubscribeConfirmation"}))
    one.verify()
    assert read(one) == [Skipped("UnsubscribeConfirmation")]


def test_the_greeting_of_ses_says_nothing() -> None:
    text = "Successfully validated SNS topic for Amazon SES event publishing."
    assert read(enveloped(Message=text)) == [Skipped("greeting")]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("no json", "Message: is no JSON: Expecting value at character 1"),
        ("[]", "Message: expected an object"),
        (7, "Message: expected text"),
        ("{}", "type: "),
    ],
)
def test_a_message_that_cannot_be_read_is_told(message: object, told: str) -> None:
    [found] = read(sent({"Type": "Notification", "TopicArn": TOPIC, "Message": message}))
    assert isinstance(found, Unreadable)
    assert str(found).startswith(told)


def test_an_event_is_the_same_with_and_without_its_envelope() -> None:
    bare = list(SOURCES["ses"].from_value(first("ses").entry, now=NOW))
    assert read(enveloped()) == bare
    assert read(enveloped(MessageId="another delivery", Timestamp="2026-01-20T11:00:00Z")) == bare
    assert isinstance(bare[0], EmailEvent)
