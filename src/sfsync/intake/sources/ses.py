"""Amazon SES: events in the envelope of SNS, or as they are, as Firehose keeps them in files.

One event may speak of several recipients: each is an event of its own. SES has no event ids, and
SNS's is that of a message, which a file does not have: ids are derived. Who of several recipients
opened or clicked is not said, so nobody is.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
and its examples, "Contents of Amazon SNS notifications for Amazon SES".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sfsync.intake.event_values import BadValueError
from sfsync.intake.sources.event_facts import at, event, first_label, kind_of, label
from sfsync.intake.sources.items import ConfirmSubscription, Item, Skipped
from sfsync.intake.sources.proof import Headers, Reception
from sfsync.intake.sources.sns import (
    CONFIRMATION,
    MAX_ARN,
    NOTIFICATION,
    UNSUBSCRIBED,
    is_of_sns,
    verify_envelope,
)
from sfsync.intake.sources.source import Entry, Source
from sfsync.intake.strict_json import NotJsonError, decoded
from sfsync.model.event import EventType

_Part: TypeAlias = tuple[Entry, Any]
"""What was sent, and the recipient of whom it speaks."""

_TYPES: Final = {
    "Send": EventType.SENT,
    "Open": EventType.OPENED,
    "Click": EventType.CLICKED,
    "Bounce": EventType.BOUNCED,
    "Complaint": EventType.COMPLAINED,
    "Subscription": EventType.UNSUBSCRIBED,
}
_SEVERAL: Final = object()
"""In place of a recipient: one of several, nobody knows which."""

_OWN_LIST: Final = "OnAccountSuppressionList"
_GREETING: Final = "Successfully validated SNS topic for Amazon SES event publishing."


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the envelope's signature against SNS's certificate; there is no secret.

    Raises:
        ForgedError: it is not of a topic that is configured, or not signed by SNS.
    """
    del headers, secrets  # all of it is in the body
    verify_envelope(body, reception)


def _split(entry: Entry) -> Iterable[_Part]:
    kind = label(entry.get("Type"))
    if kind in {CONFIRMATION, UNSUBSCRIBED}:
        return [(entry, None)]
    told = _message(entry) if kind == NOTIFICATION and "Message" in entry else entry
    return [(told, recipient) for recipient in _recipients(told)]


def _message(envelope: Entry) -> Entry:
    """The event in an envelope."""
    text = envelope["Message"]
    if not isinstance(text, str):
        raise BadValueError("Message", "expected text")
    if text.strip() == _GREETING:
        return {"eventType": "greeting"}
    try:
        told = decoded(text)
    except NotJsonError as error:
        raise BadValueError("Message", error.reason) from error
    if not isinstance(told, Mapping):
        raise BadValueError("Message", "expected an object")
    return told


def _kind(told: Entry) -> str:
    return kind_of(told, "eventType" if "eventType" in told else "notificationType")


def _recipients(told: Entry) -> list[Any]:
    kind = _kind(told)
    if kind == "Bounce":
        return _addresses(at(told, "bounce", "bouncedRecipients"))
    if kind == "Complaint":
        return _addresses(at(told, "complaint", "complainedRecipients"))
    everyone = at(told, "mail", "destination")
    several = everyone if isinstance(everyone, list) and everyone else [None]
    if kind == "Send" or len(several) == 1:
        return several
    return [_SEVERAL]


def _addresses(people: Any) -> list[Any]:
    return [at(person, "emailAddress") for person in people] if isinstance(people, list) else [None]


def _item(part: _Part, latest: str) -> Item:
    told, recipient = part
    if label(told.get("Type")) in {CONFIRMATION, UNSUBSCRIBED}:
        return _confirmation(told)
    kind = _kind(told)
    event_type = _TYPES.get(kind)
    if event_type is None or _says_nothing_new(kind, told):
        return Skipped(kind)
    if recipient is _SEVERAL:
        return Skipped(f"{kind} of several recipients")
    detail = told.get(kind.lower())
    tags = at(told, "mail", "tags")
    bounce = "hard" if at(detail, "bounceType") == "Permanent" else "soft"
    return event(
        event_type,
        source="ses",
        latest=latest,
        email=recipient,
        when=at(detail, "timestamp") or at(told, "mail", "timestamp"),
        message=at(told, "mail", "messageId"),
        campaign_id=first_label(at(tags, "campaign_id", 0), at(tags, "campaign", 0)),
        campaign_name=first_label(at(tags, "campaign_name", 0), at(tags, "campaign", 0)),
        link=at(detail, "link"),
        bounce=bounce if event_type is EventType.BOUNCED else "",
    )


def _says_nothing_new(kind: str, told: Entry) -> bool:
    """Not sent at all for what is known already, no complaint after all, or no opt-out."""
    if kind == "Bounce":
        return label(at(told, "bounce", "bounceSubType")) == _OWN_LIST
    if kind == "Complaint":
        complaint = told.get("complaint")
        if label(at(complaint, "complaintSubType")) == _OWN_LIST:
            return True
        return label(at(complaint, "complaintFeedbackType")) == "not-spam"
    return kind == "Subscription" and not _opts_out(told.get("subscription"))


def _opts_out(subscription: Any) -> bool:
    """Whether all topics, or one more of them, were unsubscribed from."""
    if at(subscription, "newTopicPreferences", "unsubscribeAll") is True:
        return True
    before = _opted_out(at(subscription, "oldTopicPreferences"))
    return bool(_opted_out(at(subscription, "newTopicPreferences")) - before)


def _opted_out(preferences: Any) -> set[str]:
    topics = at(preferences, "topicSubscriptionStatus")
    return {
        label(at(topic, "topicName"))
        for topic in (topics if isinstance(topics, list) else [])
        if label(at(topic, "subscriptionStatus")).lower() == "optout"
    }


def _confirmation(told: Entry) -> Item:
    if told["Type"] == UNSUBSCRIBED:
        return Skipped(UNSUBSCRIBED)
    url = told.get("SubscribeURL")
    if not isinstance(url, str) or not is_of_sns(url):
        raise BadValueError("SubscribeURL", "is no address of Amazon SNS")
    return ConfirmSubscription(label(told.get("TopicArn"), MAX_ARN), url)


def _recognises(entry: Entry) -> bool:
    if {"Type", "TopicArn", "MessageId"} <= entry.keys():
        return True
    return isinstance(entry.get("mail"), Mapping) and not entry.keys().isdisjoint(
        {"eventType", "notificationType"}
    )


SOURCE: Final = Source(
    name="ses",
    title="Amazon SES",
    signature_headers=(),
    verify=verify,
    split=_split,
    item=_item,
    recognises=_recognises,
    needs_secret=False,
    needs_topics=True,
)
