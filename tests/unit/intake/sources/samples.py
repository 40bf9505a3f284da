"""What each service sends, in the form of its documentation, and what it says. The pages stand at the modules."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from sfsync.intake.sources.items import CampaignName, Item, Skipped
from sfsync.model.arrival import ContactEdit
from sfsync.model.event import EmailEvent, EventType

ADA = "ada@example.com"
BOB = "bob@example.com"
AT = "2026-01-20T09:30:00Z"
SECONDS = 1768901400
LINK = "https://example.com/offer?a=1"


@dataclass(frozen=True)
class Sample:
    """One object of a service, and what it says; ids are left out."""

    source: str
    entry: Any
    said: tuple[Item, ...]


def said(kind: EventType, email: str = ADA, at: str = AT, **more: Any) -> EmailEvent:
    return EmailEvent("", kind, email, at, **more)


def _penguinmails(kind: str, said_: Item, **data: Any) -> Sample:
    entry = {
        "id": f"evt_{kind}",
        "type": kind,
        "created_at": "2026-01-20T09:45:00Z",
        "data": {
            "email_id": "msg_1",
            "campaign_id": "camp_7",
            "contact": {"id": "cont_1", "email": ADA, "first_name": "Ada"},
        }
        | data,
    }
    return Sample("penguinmails", entry, (said_,))


_PM = {"campaign_id": "camp_7"}
PENGUINMAILS = [
    _penguinmails("email.sent", said(EventType.SENT, at="2026-01-20T09:45:00Z", **_PM)),
    _penguinmails("email.opened", said(EventType.OPENED, **_PM), opened_at=AT, user_agent="M"),
    _penguinmails(
        "email.clicked", said(EventType.CLICKED, link=LINK, **_PM), clicked_at=AT, url=LINK
    ),
    _penguinmails("email.replied", said(EventType.REPLIED, **_PM), replied_at=AT),
    *(
        _penguinmails(
            "email.bounced",
            said(EventType.BOUNCED, bounce=kept, **_PM),
            bounced_at=AT,
            bounce_type=stated,
        )
        for stated, kept in (("hard", "hard"), ("soft", "soft"), ("odd", ""), (None, ""))
    ),
    _penguinmails("email.unsubscribed", said(EventType.UNSUBSCRIBED, **_PM), unsubscribed_at=AT),
    _penguinmails("email.spam_reported", said(EventType.COMPLAINED, **_PM), reported_at=AT),
    Sample(
        "penguinmails",
        {
            "id": "evt_u",
            "type": "contact.unsubscribed",
            "created_at": AT,
            "data": {"contact_id": "cont_1", "email": ADA, "reason": "by link"},
        },
        (said(EventType.UNSUBSCRIBED),),
    ),
    Sample(  # the reference implementation's spelling
        "penguinmails",
        {
            "id": "evt_camel",
            "type": "email.clicked",
            "createdAt": "2026-01-20T09:45:00Z",
            "tenantId": "t-1",
            "data": {
                "emailId": "msg_1",
                "campaignId": "camp_7",
                "contact": {"id": "cont_1", "email": ADA, "firstName": "Ada"},
                "clickedAt": AT,
                "url": LINK,
                "linkId": "l-1",
            },
        },
        (said(EventType.CLICKED, link=LINK, **_PM),),
    ),
    Sample(
        "penguinmails",
        {
            "id": "evt_camel_bounce",
            "type": "email.bounced",
            "createdAt": AT,
            "data": {"emailId": "msg_1", "contact": {"email": ADA}, "bounceType": "soft"},
        },
        (said(EventType.BOUNCED, bounce="soft"),),
    ),
    _penguinmails("email.delivered", Skipped("email.delivered"), delivered_at=AT),
    _penguinmails("campaign.launched", CampaignName("camp_7", "January"), name="January"),
    _penguinmails("campaign.completed", CampaignName("camp_7", "January"), name="January"),
    _penguinmails("campaign.paused", Skipped("campaign.paused")),
    Sample(
        "penguinmails",
        {
            "id": "evt_c",
            "type": "contact.created",
            "created_at": AT,
            "data": {
                "contact_id": "cont_1",
                "email": ADA,
                "first_name": "Ada",
                "last_name": "Byron",
                "source": "api_import",
                "tags": ["newsletter"],
                "created_at": AT,
            },
        },
        (
            ContactEdit(
                ADA,
                {"first_name": "Ada", "last_name": "Byron", "source": "api_import"},
                id="evt_c",
                at=AT,
                contact_id="penguinmails:cont_1",
                is_new=True,
            ),
        ),
    ),
    Sample(
        "penguinmails",
        {
            "id": "evt_e",
            "type": "contact.updated",
            "createdAt": AT,
            "data": {"contactId": "cont_1", "email": ADA, "changedFields": {"lastName": "King"}},
        },
        (
            ContactEdit(
                ADA, {"last_name": "King"}, id="evt_e", at=AT, contact_id="penguinmails:cont_1"
            ),
        ),
    ),
    Sample(
        "penguinmails",
        {
            "id": "evt_n",
            "type": "contact.updated",
            "created_at": AT,
            "data": {
                "contact_id": "cont_1",
                "changed_fields": ["firstName", "phone", "tags"],
                "first_name": "Augusta",
                "phone": None,
                "tags": ["a"],
                "city": "London",
            },
        },
        (
            ContactEdit(
                "",
                {"first_name": "Augusta", "phone": ""},
                id="evt_n",
                at=AT,
                contact_id="penguinmails:cont_1",
            ),
        ),
    ),
    Sample(
        "penguinmails",
        {
            "id": "evt_e2",
            "type": "contact.updated",
            "created_at": AT,
            "data": {"contact_id": "cont_1", "changed_fields": ["last_name"]},
        },
        (Skipped("contact.updated"),),
    ),
]


def _standard(kind: str, said_: Item, **data: Any) -> Sample:
    entry = {"type": kind, "timestamp": AT, "data": {"id": f"evt-{kind}", "email": ADA} | data}
    return Sample("standard", entry, (said_,))


STANDARD = [
    *(
        _standard(spelling, said(kind))
        for kind in EventType
        for spelling in (kind.value, kind.value.replace("_", ".", 1), kind.action)
    ),
    _standard(
        "email.clicked",
        said(
            EventType.CLICKED,
            campaign_id="c-7",
            campaign_name="January",
            link=LINK,
            is_machine=True,
        ),
        id="evt-another",
        campaign_id="c-7",
        campaign_name="January",
        link=LINK,
        machine=True,
    ),
    _standard("email.bounced", said(EventType.BOUNCED, bounce="hard"), id="evt-b", bounce="hard"),
    Sample(
        "standard",
        {"id": "evt-flat", "type": "opened", "email": ADA, "timestamp": SECONDS},
        (said(EventType.OPENED),),
    ),
    Sample(
        "standard",
        {
            "type": "opened",
            "timestamp": "2026-01-20T10:00:00Z",
            "data": {"email": ADA, "timestamp": AT},
        },
        (said(EventType.OPENED),),
    ),
    _standard("invoice.paid", Skipped("invoice.paid")),
    _standard("email.delivered", Skipped("email.delivered")),
]

_MAUTIC_EMAIL = {"id": 12, "name": "January", "subject": "News", "language": "en"}
_LEAD = {"id": 3, "points": 0, "fields": {"core": {"email": {"id": "6", "value": ADA}}}}
_MA = {"campaign_id": "12", "campaign_name": "January"}
MAUTIC = [
    Sample(  # written to one person, not as part of anything
        "mautic",
        {
            "mautic.email_on_send": [
                {
                    "email": None,
                    "contact": {"id": "3", "email": ADA},
                    "idHash": "77",
                    "timestamp": AT,
                }
            ]
        },
        (said(EventType.SENT),),
    ),
    Sample(
        "mautic",
        {
            "mautic.email_on_send": [
                {
                    "email": _MAUTIC_EMAIL,
                    "contact": {"id": "3", "firstname": "Ada", "email": ADA},
                    "idHash": "5d2b",
                    "contentHash": "93af",
                    "subject": "News",
                    "source": ["campaign.event", 1],
                    "timestamp": "2026-01-20T09:30:00+00:00",
                }
            ]
        },
        (said(EventType.SENT, **_MA),),
    ),
    Sample(
        "mautic",
        {
            "mautic.email_on_open": [
                {
                    "stat": {
                        "id": 77,
                        "emailAddress": ADA,
                        "isRead": True,
                        "openCount": 2,
                        "trackingHash": "5d2b",
                        "dateSent": "2026-01-19T09:30:00+00:00",
                        "dateRead": "2026-01-20T08:00:00+00:00",
                        "email": _MAUTIC_EMAIL,
                        "lead": _LEAD,
                    },
                    "timestamp": "2026-01-20T10:30:00+01:00",
                }
            ]
        },
        (said(EventType.OPENED, **_MA),),
    ),
    Sample(
        "mautic",
        {
            "mautic.page_on_hit": [
                {
                    "hit": {
                        "id": 5,
                        "dateHit": "2026-01-20T09:30:00+00:00",
                        "url": LINK,
                        "source": "email",
                        "sourceId": 12,
                        "lead": _LEAD,
                        "email": None,
                    },
                    "timestamp": "2026-01-20T09:30:00+00:00",
                },
                {"hit": {"id": 6, "url": LINK, "source": None, "lead": _LEAD}, "timestamp": AT},
            ]
        },
        (said(EventType.CLICKED, campaign_id="12", link=LINK), Skipped("page_on_hit")),
    ),
    *(
        Sample(
            "mautic",
            {
                "mautic.lead_channel_subscription_changed": [
                    {
                        "contact": {"id": 3, "fields": {"all": {"email": ADA}}},
                        "channel": channel,
                        "old_status": "contactable",
                        "new_status": status,
                        "timestamp": "2026-01-20T09:30:00+00:00",
                    }
                ]
            },
            (said(kind) if kind else Skipped("lead_channel_subscription_changed"),),
        )
        for channel, status, kind in (
            ("email", "unsubscribed", EventType.UNSUBSCRIBED),
            ("email", "manual", EventType.UNSUBSCRIBED),
            ("email", "bounced", EventType.BOUNCED),
            ("email", "contactable", None),
            ("sms", "unsubscribed", None),
        )
    ),
    Sample(
        "mautic",
        {"mautic.lead_post_save_update": [{"contact": _LEAD, "timestamp": AT}], "timestamp": AT},
        (Skipped("lead_post_save_update"),),
    ),
    *(
        Sample(  # the PenguinMails app's own form
            "mautic",
            {
                "mautic.event_type": f"mautic.{kind}",
                "mautic.event_payload": {
                    "email": {"id": 12, "name": "January"},
                    "contact": {"id": 3, "email": ADA},
                }
                | more,
                "timestamp": "2026-01-20T09:30:00.000Z",
            },
            (said_,),
        )
        for kind, more, said_ in (
            ("email_on_open", {}, said(EventType.OPENED, **_MA)),
            (
                "email_on_bounce",
                {"bounce": {"type": "hard", "reason": "gone"}},
                said(EventType.BOUNCED, bounce="hard", **_MA),
            ),
            ("email_on_unsubscribe", {}, said(EventType.UNSUBSCRIBED, **_MA)),
            (
                "page_on_hit",
                {"page": {"url": LINK}},
                said(EventType.CLICKED, link=LINK, **_MA),
            ),
            ("form_on_submit", {"form": {"id": 1}}, Skipped("form_on_submit")),
        )
    ),
]


_number = count(1)


def _sendgrid(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "email": ADA,
        "timestamp": SECONDS,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "sg_event_id": f"sg-{next(_number)}",
        "sg_message_id": "14c5d75ce93.filter0001.0",
    } | more
    return Sample("sendgrid", entry, (said_,))


SENDGRID = [
    _sendgrid("open", said(EventType.OPENED), useragent="Mozilla"),
    _sendgrid("open", said(EventType.OPENED, is_machine=True), sg_machine_open=True, ip="1.2.3.4"),
    _sendgrid("open", said(EventType.OPENED), sg_machine_open=False, useragent="M", ip="1.2.3.4"),
    _sendgrid("click", said(EventType.CLICKED, link=LINK), url=LINK),
    _sendgrid("bounce", said(EventType.BOUNCED, bounce="hard"), type="bounce", status="5.0.0"),
    _sendgrid("bounce", said(EventType.BOUNCED, bounce="soft"), type="blocked"),
    _sendgrid("unsubscribe", said(EventType.UNSUBSCRIBED)),
    _sendgrid("group_unsubscribe", said(EventType.UNSUBSCRIBED), asm_group_id=10),
    _sendgrid("spamreport", said(EventType.COMPLAINED)),
    _sendgrid(
        "open",
        said(EventType.OPENED, campaign_id="cat facts", campaign_name="cat facts"),
        category="cat facts",
    ),
    _sendgrid(
        "open",
        said(EventType.OPENED, campaign_id="cat facts", campaign_name="cat facts"),
        category=["cat facts", "more"],
        tls=1,
    ),
    _sendgrid(
        "click",
        said(EventType.CLICKED, campaign_id="mc-7", campaign_name="January", link=LINK),
        marketing_campaign_id="mc-7",
        marketing_campaign_name="January",
        category=["cat facts"],
        url=LINK,
    ),
    _sendgrid("open", said(EventType.OPENED, campaign_id="7"), campaign_id=7),
    *(
        _sendgrid(kind, Skipped(kind))
        for kind in ("processed", "deferred", "delivered", "dropped", "group_resubscribe", "news")
    ),
]


def _mailgun(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "event": kind,
        "id": f"mg-{next(_number)}",
        "timestamp": 1768901400.372891,
        "log-level": "info",
        "recipient": ADA,
        "recipient-domain": "example.com",
        "message": {"headers": {"message-id": "20260120.1@mg.example.com"}},
        "tags": ["welcome", "b"],
        "user-variables": [],
    } | more
    return Sample("mailgun", entry, (said_,))


_MG = {"campaign_id": "welcome", "campaign_name": "welcome"}
MAILGUN = [
    _mailgun(
        "opened", said(EventType.OPENED, **_MG), **{"client-info": {"bot": "", "client-os": "W"}}
    ),
    _mailgun(
        "opened",
        said(EventType.OPENED, is_machine=True, **_MG),
        **{"client-info": {"bot": "apple"}},
    ),
    _mailgun(
        "clicked",
        said(EventType.CLICKED, link=LINK, is_machine=True, **_MG),
        url=LINK,
        **{"client-info": {"bot": "generic"}},
    ),
    _mailgun("clicked", said(EventType.CLICKED, link=LINK, **_MG), url=LINK),
    _mailgun(
        "failed",
        said(EventType.BOUNCED, bounce="hard", **_MG),
        severity="permanent",
        reason="bounce",
    ),
    _mailgun(
        "failed",
        said(EventType.BOUNCED, bounce="soft", **_MG),
        severity="permanent",
        **{"delivery-status": {"bounce-type": "soft", "code": 452}},
    ),
    _mailgun("unsubscribed", said(EventType.UNSUBSCRIBED, **_MG)),
    _mailgun("complained", said(EventType.COMPLAINED, **_MG)),
    _mailgun(
        "opened",
        said(EventType.OPENED, campaign_id="c-7", campaign_name="January"),
        **{"user-variables": {"campaign_id": "c-7", "campaign_name": "January"}},
    ),
    _mailgun(
        "opened",
        said(EventType.OPENED, campaign_id="c-9", campaign_name="February"),
        campaigns=[{"id": "c-9", "name": "February"}],
    ),
    _mailgun("failed", Skipped("failed"), severity="temporary"),
    _mailgun("failed", Skipped("failed"), severity="permanent", reason="suppress-unsubscribe"),
    *(_mailgun(kind, Skipped(kind)) for kind in ("accepted", "delivered", "rejected", "stored")),
]


def _postmark(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "RecordType": kind,
        "MessageStream": "outbound",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {},
        "Tag": "welcome",
        "ServerID": 23,
    } | more
    return Sample("postmark", entry, (said_,))


_PK = {"campaign_id": "welcome", "campaign_name": "welcome"}
_PRECISE = "2026-01-20T09:30:00.9070259Z"
POSTMARK = [
    _postmark(
        "Open", said(EventType.OPENED, **_PK), Recipient=ADA, ReceivedAt=_PRECISE, FirstOpen=True
    ),
    _postmark(
        "Click",
        said(EventType.CLICKED, link=LINK, **_PK),
        Recipient=ADA,
        ReceivedAt=_PRECISE,
        OriginalLink=LINK,
    ),
    *(
        _postmark(
            "Bounce",
            said(EventType.BOUNCED, bounce=bounce, **_PK),
            ID=number,
            Type=kind,
            Email=ADA,
            BouncedAt=_PRECISE,
        )
        for number, kind, bounce in (
            (42, "HardBounce", "hard"),
            (46, "BadEmailAddress", "hard"),
            (47, "SoftBounce", "soft"),
            (48, "Blocked", "soft"),
            (49, "SpamNotification", "soft"),
        )
    ),
    *(
        _postmark("Bounce", Skipped(f"Bounce {kind}"), ID=43, Type=kind, Email=ADA, BouncedAt=AT)
        for kind in ("Transient", "AutoResponder", "AddressChange", "DnsError", "Unknown")
    ),
    _postmark(
        "Bounce",
        said(EventType.UNSUBSCRIBED, **_PK),
        ID=44,
        Type="Unsubscribe",
        Email=ADA,
        BouncedAt=AT,
    ),
    _postmark(
        "SpamComplaint",
        said(EventType.COMPLAINED, **_PK),
        ID=45,
        Type="SpamComplaint",
        Email=ADA,
        BouncedAt=AT,
    ),
    *(
        _postmark(
            "SubscriptionChange",
            said_,
            Recipient=ADA,
            ChangedAt=AT,
            SuppressSending=True,
            SuppressionReason=reason,
            MessageStream=stream,
            Origin="Recipient",
        )
        for reason, stream, said_ in (
            ("ManualSuppression", "outbound", said(EventType.UNSUBSCRIBED, **_PK)),
            ("SpamComplaint", "broadcast", said(EventType.COMPLAINED, **_PK)),
            ("HardBounce", "broadcast", said(EventType.BOUNCED, bounce="hard", **_PK)),
            ("HardBounce", "outbound", Skipped("SubscriptionChange HardBounce")),
        )
    ),
    _postmark(
        "SubscriptionChange",
        Skipped("SubscriptionChange"),
        Recipient=ADA,
        ChangedAt=AT,
        SuppressSending=False,
        SuppressionReason=None,
    ),
    _postmark(
        "Open",
        said(EventType.OPENED, campaign_id="c-7", campaign_name="January"),
        Recipient=ADA,
        ReceivedAt=AT,
        Metadata={"campaign_id": "c-7", "campaign_name": "January"},
    ),
    _postmark("Delivery", Skipped("Delivery"), Recipient=ADA, DeliveredAt=AT),
]

_MAIL = {
    "timestamp": "2026-01-20T09:30:00.123Z",
    "messageId": "EXAMPLE7c191be45",
    "source": "Us <us@example.com>",
    "destination": [ADA],
    "tags": {"campaign_id": ["c-7"], "campaign_name": ["January"], "ses:caller-identity": ["u"]},
}
_SE = {"campaign_id": "c-7", "campaign_name": "January"}


def _ses(kind: str, *said_: Item, mail: dict[str, Any] | None = None, **detail: Any) -> Sample:
    entry = {"eventType": kind, "mail": _MAIL | (mail or {}), kind.lower(): detail}
    return Sample("ses", entry, said_)


_SUBSCRIBED = {"unsubscribeAll": False, "topicSubscriptionStatus": []}
_NEWS_OUT = {
    "unsubscribeAll": False,
    "topicSubscriptionStatus": [{"topicName": "news", "subscriptionStatus": "OptOut"}],
}
SES = [
    _ses("Send", said(EventType.SENT, **_SE)),
    _ses(
        "Send",
        said(EventType.SENT, **_SE),
        said(EventType.SENT, email=BOB, **_SE),
        mail={"destination": [ADA, BOB]},
    ),
    _ses(
        "Open", said(EventType.OPENED, **_SE), timestamp="2026-01-20T09:30:00.516Z", userAgent="M"
    ),
    _ses(
        "Click", said(EventType.CLICKED, link=LINK, **_SE), timestamp=AT, link=LINK, linkTags=None
    ),
    _ses(
        "Open",
        Skipped("Open of several recipients"),
        mail={"destination": [ADA, BOB]},
        timestamp=AT,
    ),
    _ses(
        "Bounce",
        said(EventType.BOUNCED, bounce="hard", **_SE),
        said(EventType.BOUNCED, email=BOB, bounce="hard", **_SE),
        mail={"destination": [ADA, BOB, "eve@example.com"], "timestamp": "2026-01-19T00:00:00Z"},
        timestamp=AT,
        bounceType="Permanent",
        bounceSubType="General",
        feedbackId="0100",
        bouncedRecipients=[{"emailAddress": ADA, "status": "5.1.1"}, {"emailAddress": BOB}],
    ),
    *(
        _ses(
            "Bounce",
            said(EventType.BOUNCED, bounce="soft", **_SE),
            timestamp=AT,
            bounceType=kind,
            bouncedRecipients=[{"emailAddress": ADA}],
        )
        for kind in ("Transient", "Undetermined")
    ),
    _ses(
        "Bounce",
        Skipped("Bounce"),
        timestamp=AT,
        bounceType="Permanent",
        bounceSubType="OnAccountSuppressionList",
        bouncedRecipients=[{"emailAddress": ADA}],
    ),
    _ses(
        "Complaint",
        said(EventType.COMPLAINED, **_SE),
        timestamp=AT,
        complaintFeedbackType="abuse",
        complainedRecipients=[{"emailAddress": ADA}],
    ),
    _ses(
        "Complaint",
        Skipped("Complaint"),
        timestamp=AT,
        complaintFeedbackType="not-spam",
        complainedRecipients=[{"emailAddress": ADA}],
    ),
    _ses(
        "Subscription",
        said(EventType.UNSUBSCRIBED, **_SE),
        timestamp=AT,
        source="UnsubscribeHeader",
        newTopicPreferences={"unsubscribeAll": True, "topicSubscriptionStatus": []},
        oldTopicPreferences=_SUBSCRIBED,
    ),
    _ses(
        "Subscription",
        said(EventType.UNSUBSCRIBED, **_SE),
        timestamp=AT,
        newTopicPreferences=_NEWS_OUT,
        oldTopicPreferences=_SUBSCRIBED,
    ),
    _ses(
        "Subscription",
        Skipped("Subscription"),
        timestamp=AT,
        newTopicPreferences=_SUBSCRIBED,
        oldTopicPreferences=_NEWS_OUT,
    ),
    _ses(
        "Subscription",
        Skipped("Subscription"),
        timestamp=AT,
        newTopicPreferences=_NEWS_OUT,
        oldTopicPreferences=_NEWS_OUT,
    ),
    Sample(  # notifications set at an identity spell the type in another way, and have no tags
        "ses",
        {
            "notificationType": "Complaint",
            "mail": {key: value for key, value in _MAIL.items() if key != "tags"},
            "complaint": {"timestamp": AT, "complainedRecipients": [{"emailAddress": ADA}]},
        },
        (said(EventType.COMPLAINED),),
    ),
    *(
        _ses(kind, Skipped(kind), timestamp=AT)
        for kind in ("Delivery", "Reject", "DeliveryDelay", "Rendering Failure")
    ),
]


def _brevo(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "event": kind,
        "email": ADA,
        "id": 26224,
        "date": "2026-01-20 10:30:00",
        "ts": SECONDS + 3600,
        "message-id": "<201798300811.5787683@relay.domain.com>",
        "ts_event": SECONDS,
        "subject": "News",
        "ts_epoch": SECONDS * 1000 + 250,
        "template_id": 22,
        "tags": ["welcome"],
    } | more
    return Sample("brevo", entry, (said_,))


_BR = {"campaign_id": "welcome", "campaign_name": "welcome"}
BREVO = [
    _brevo("request", said(EventType.SENT, **_BR)),
    _brevo("opened", said(EventType.OPENED, **_BR)),
    _brevo("unique_opened", said(EventType.OPENED, **_BR)),
    _brevo("proxy_open", said(EventType.OPENED, is_machine=True, **_BR)),
    _brevo("unique_proxy_open", said(EventType.OPENED, is_machine=True, **_BR)),
    _brevo("click", said(EventType.CLICKED, link=LINK, **_BR), link=LINK),
    _brevo("hard_bounce", said(EventType.BOUNCED, bounce="hard", **_BR), reason="gone"),
    _brevo("invalid_email", said(EventType.BOUNCED, bounce="hard", **_BR)),
    _brevo("soft_bounce", said(EventType.BOUNCED, bounce="soft", **_BR)),
    _brevo("unsubscribed", said(EventType.UNSUBSCRIBED, **_BR)),
    _brevo("spam", said(EventType.COMPLAINED, **_BR)),
    Sample(  # marketing
        "brevo",
        {
            "id": 1,
            "camp_id": 7,
            "email": ADA,
            "campaign name": "January",
            "date_event": "2026-01-20 10:30:00",
            "event": "unsubscribe",
            "tag": "",
            "ts_sent": SECONDS - 60,
            "ts_event": SECONDS,
            "ts": SECONDS + 3600,
        },
        (said(EventType.UNSUBSCRIBED, campaign_id="7", campaign_name="January"),),
    ),
    *(
        _brevo(kind, Skipped(kind))
        for kind in ("delivered", "deferred", "blocked", "error", "list_addition")
    ),
]


def _resend(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "type": kind,
        "created_at": "2026-01-20T09:30:00.126Z",
        "data": {
            "broadcast_id": "8b146471",
            "created_at": "2026-01-19T23:41:11.894719+00:00",
            "email_id": "56761188",
            "from": "Us <us@example.com>",
            "to": [ADA],
            "subject": "News",
            "tags": {"category": "welcome"},
        }
        | more,
    }
    return Sample("resend", entry, (said_,))


_RE = {"campaign_id": "8b146471", "campaign_name": "welcome"}
RESEND = [
    _resend("email.sent", said(EventType.SENT, **_RE)),
    _resend("email.opened", said(EventType.OPENED, **_RE), open={"ipAddress": "1.2.3.4"}),
    _resend("email.clicked", said(EventType.CLICKED, link=LINK, **_RE), click={"link": LINK}),
    _resend(
        "email.bounced", said(EventType.BOUNCED, bounce="hard", **_RE), bounce={"type": "Permanent"}
    ),
    _resend(
        "email.bounced", said(EventType.BOUNCED, bounce="soft", **_RE), bounce={"type": "Transient"}
    ),
    _resend("email.complained", said(EventType.COMPLAINED, **_RE)),
    _resend("email.sent", said(EventType.SENT, **_RE), to=["Ada Byron <ada@example.com>"]),
    _resend(
        "email.sent",
        said(EventType.SENT, campaign_id="c-7", campaign_name="January"),
        tags=[
            {"name": "campaign_id", "value": "c-7"},
            {"name": "campaign_name", "value": "January"},
        ],
    ),
    _resend("email.opened", Skipped("email.opened of several recipients"), to=[ADA, BOB]),
    Sample(
        "resend",
        {
            "type": "contact.updated",
            "created_at": AT,
            "data": {
                "id": "e169aa45",
                "audience_id": "78261eea",
                "email": ADA,
                "unsubscribed": True,
            },
        },
        (said(EventType.UNSUBSCRIBED),),
    ),
    Sample(
        "resend",
        {
            "type": "contact.updated",
            "created_at": AT,
            "data": {"id": "e169aa45", "email": ADA, "unsubscribed": False},
        },
        (Skipped("contact.updated"),),
    ),
    *(
        _resend(kind, Skipped(kind))
        for kind in ("email.delivered", "email.delivery_delayed", "email.failed", "domain.created")
    ),
]


def _mandrill(kind: str, said_: Item, **more: Any) -> Sample:
    entry = {
        "event": kind,
        "_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ts": SECONDS,
        "msg": {
            "_id": "exampleaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "_version": "1",
            "ts": SECONDS - 60,
            "email": ADA,
            "subject": "News",
            "tags": ["welcome"],
            "metadata": [],
            "state": "sent",
        }
        | more.pop("msg", {}),
    } | more
    return Sample("mandrill", entry, (said_,))


_MD = {"campaign_id": "welcome", "campaign_name": "welcome"}
MANDRILL = [
    _mandrill("send", said(EventType.SENT, **_MD)),
    _mandrill("open", said(EventType.OPENED, **_MD), user_agent_parsed={"type": "Email Client"}),
    _mandrill(
        "open", said(EventType.OPENED, is_machine=True, **_MD), user_agent_parsed={"type": "Robot"}
    ),
    _mandrill("click", said(EventType.CLICKED, link=LINK, **_MD), url=LINK, user_agent_parsed=None),
    _mandrill("hard_bounce", said(EventType.BOUNCED, bounce="hard", **_MD)),
    _mandrill("soft_bounce", said(EventType.BOUNCED, bounce="soft", **_MD)),
    _mandrill("unsub", said(EventType.UNSUBSCRIBED, **_MD)),
    _mandrill("spam", said(EventType.COMPLAINED, **_MD)),
    _mandrill(
        "send",
        said(EventType.SENT, campaign_id="c-7", campaign_name="January"),
        msg={"metadata": {"campaign_id": "c-7", "campaign_name": "January"}},
    ),
    *(_mandrill(kind, Skipped(kind)) for kind in ("deferral", "reject", "delivered", "inbound")),
    Sample(
        "mandrill",
        {"type": "denylist", "action": "add", "reject": {"email": ADA}, "ts": SECONDS},
        (Skipped("denylist"),),
    ),
]


def _customerio(kind: str, metric: str, said_: Item, **data: Any) -> Sample:
    entry = {
        "event_id": f"01E4C4CT6YDC7Y5M7FE1GWWPQJ-{metric}",
        "object_type": kind,
        "metric": metric,
        "timestamp": SECONDS,
        "data": {
            "customer_id": "42",
            "identifiers": {"id": "42", "cio_id": "a3000001"},
            "delivery_id": "ZAIAAVTJVG0QcCok0-0ZKj6yiQ==",
            "recipient": ADA,
            "subject": "News",
        }
        | data,
    }
    return Sample("customerio", entry, (said_,))


CUSTOMERIO = [
    _customerio(
        "email", "sent", said(EventType.SENT, campaign_id="7"), campaign_id=7, action_id=96
    ),
    _customerio(
        "email", "opened", said(EventType.OPENED, campaign_id="newsletter-7"), newsletter_id=7
    ),
    _customerio(
        "email",
        "clicked",
        said(EventType.CLICKED, campaign_id="broadcast-7", link=LINK),
        broadcast_id=7,
        href=LINK,
        link_id=1,
    ),
    _customerio(
        "email",
        "bounced",
        said(EventType.BOUNCED, campaign_id="transactional-7"),
        transactional_message_id=7,
    ),
    _customerio("email", "unsubscribed", said(EventType.UNSUBSCRIBED)),
    _customerio("email", "spammed", said(EventType.COMPLAINED)),
    _customerio(
        "customer",
        "unsubscribed",
        said(EventType.UNSUBSCRIBED),
        recipient=None,
        identifiers={"email": ADA},
    ),
    _customerio(
        "customer", "unsubscribed", said(EventType.UNSUBSCRIBED), recipient="", email_address=ADA
    ),
    _customerio("customer", "subscribed", Skipped("customer_subscribed")),
    _customerio("sms", "clicked", Skipped("sms_clicked")),
    *(
        _customerio("email", metric, Skipped(f"email_{metric}"))
        for metric in ("drafted", "delivered", "deferred", "dropped", "failed", "converted")
    ),
]

SAMPLES = [
    *(*PENGUINMAILS, *STANDARD, *MAUTIC, *SENDGRID, *MAILGUN, *POSTMARK),
    *(*SES, *BREVO, *RESEND, *MANDRILL, *CUSTOMERIO),
]


def first(source: str) -> Sample:
    """A sample of a source that is one event."""
    return next(
        one
        for one in SAMPLES
        if one.source == source and len(one.said) == 1 and isinstance(one.said[0], EmailEvent)
    )
