"""What change events are called, and which objects have them.

Source: docs/salesforce.md §14.2, §14.7.
"""

STANDARD_CHANNEL = "ChangeEvents"
CAPTURED_OBJECTS = ("Account", "Contact", "Lead", "Task")
MOST_SELECTED = 5


def event_name(sobject: str) -> str:
    """What an object's change events are called.

    >>> event_name("Contact"), event_name("Invoice__c")
    ('ContactChangeEvent', 'Invoice__ChangeEvent')
    """
    stem = sobject.removesuffix("c") if sobject.endswith("__c") else sobject
    return f"{stem}ChangeEvent"
