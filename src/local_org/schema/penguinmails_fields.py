"""PenguinMails' own fields on Salesforce's objects, and which of them an org begins with.

Source: docs/salesforce.md §8.1.
"""

from dataclasses import dataclass

from local_org.schema.field_builders import checkbox, number, plain, text
from local_org.schema.sobject import Field

_CONTACT_CUSTOM = (
    number("PenguinMails_Lead_Score__c", 5),
    plain("PenguinMails_Last_Email_Opened__c", "datetime"),
    number("PenguinMails_Total_Opens__c", 9, default=0.0),
    number("PenguinMails_Total_Clicks__c", 9, default=0.0),
    checkbox("PenguinMails_Unsubscribed__c"),
)
_LEAD_CUSTOM = (
    number("PenguinMails_Engagement_Score__c", 5),
    text("PenguinMails_Last_Campaign__c", 255),
    plain("PenguinMails_Last_Email_Opened__c", "datetime"),
    number("PenguinMails_Total_Opens__c", 9, default=0.0),
    number("PenguinMails_Total_Clicks__c", 9, default=0.0),
)
_PERSON_KEY = text("PenguinMails_Id__c", 255, external_id=True, unique=True, id_lookup=True)
_EVENT_KEY = text("PenguinMails_Event_Id__c", 255, external_id=True, unique=True, id_lookup=True)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What an admin has already done in this org.

    Args:
        engagement: PenguinMails' engagement fields exist.
        person_key: its id on people exists.
        event_key: its id on Task exists.
        opt_outs_granted: the profiles may see the standard opt-out fields.
        email_task_type: a Task may be of the type Email.
    """

    engagement: bool = True
    person_key: bool = True
    event_key: bool = True
    opt_outs_granted: bool = True
    email_task_type: bool = True


def custom_fields(provisioned: Provisioned) -> dict[str, tuple[Field, ...]]:
    """The custom fields the org begins with, by the object that shows them."""
    key = (_PERSON_KEY,) if provisioned.person_key else ()
    return {
        "Contact": (*(_CONTACT_CUSTOM if provisioned.engagement else ()), *key),
        "Lead": (*(_LEAD_CUSTOM if provisioned.engagement else ()), *key),
        "Task": (_EVENT_KEY,) if provisioned.event_key else (),
    }
