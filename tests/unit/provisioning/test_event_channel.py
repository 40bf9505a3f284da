"""The channel of change events: people in real time alone, made once, by calls or by files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.mapping import Direction, SyncMapping
from sfsync.provisioning.blueprint import blueprint
from sfsync.provisioning.event_channel import (
    EventChannel,
    ExistingChannel,
    event_channel,
)
from sfsync.provisioning.existing import Existing
from sfsync.provisioning.steps import Act, Part, setup_steps
from sfsync.salesforce.metadata import package_files, source_files

NAME = "PenguinMails_Sync__chn"


def steps(wanted, there: ExistingChannel | None = None) -> list[tuple[Act, Part, str]]:
    found = Existing({}, "005", "ada@example.com", channel=there)
    return [
        (step.act, step.part, step.name)
        for step in setup_steps(wanted, found)
        if step.part in (Part.CHANNEL, Part.MEMBER)
    ]


def with_rules(mapping: SyncMapping, **changed: object) -> SyncMapping:
    rules = {name: replace(each, **changed) for name, each in mapping.rules.items()}
    return replace(mapping, rules=rules)


def test_people_in_real_time_are_on_it_and_nothing_else(example: SyncMapping) -> None:
    assert event_channel(example, NAME) == EventChannel(NAME, ("Contact", "Lead"))
    assert event_channel(with_rules(example, frequency="hourly_batch"), NAME) is None
    assert event_channel(with_rules(example, direction=Direction.PUSH), NAME) is None


def test_it_is_made_with_its_members_and_who_is_told_may_view_all(example: SyncMapping) -> None:
    wanted = blueprint(example, channel=event_channel(example, NAME))
    assert steps(wanted) == [
        (Act.CREATE, Part.CHANNEL, NAME),
        (Act.CREATE, Part.MEMBER, "PenguinMails_Sync_chn_ContactChangeEvent"),
        (Act.CREATE, Part.MEMBER, "PenguinMails_Sync_chn_LeadChangeEvent"),
    ]
    assert {each.sobject for each in wanted.objects if each.view_all} == {"Contact", "Lead"}


def test_what_is_there_stays(example: SyncMapping) -> None:
    wanted = blueprint(example, channel=event_channel(example, NAME))
    there = ExistingChannel(is_there=True, members=frozenset({"LeadChangeEvent"}))
    assert [act for act, *_ in steps(wanted, there)] == [Act.KEEP, Act.CREATE, Act.KEEP]


def test_the_standard_channel_is_never_made(example: SyncMapping) -> None:
    wanted = blueprint(example, channel=event_channel(example, "ChangeEvents"))
    assert [name for _, _, name in steps(wanted)] == [
        "ChangeEvents_ContactChangeEvent",
        "ChangeEvents_LeadChangeEvent",
    ]


def test_without_being_asked_for_nothing_of_it_is_made(example: SyncMapping) -> None:
    wanted = blueprint(example)
    assert steps(wanted) == []
    assert not any(each.view_all for each in wanted.objects)


@pytest.mark.parametrize(("files", "ending"), [(source_files, "-meta.xml"), (package_files, "")])
def test_files_say_the_same(example: SyncMapping, files, ending: str) -> None:
    wanted = blueprint(example, channel=event_channel(example, NAME))
    written = {
        path.removeprefix("force-app/main/default/"): text
        for path, text in files(wanted, "66.0").items()
    }
    channel = written[f"platformEventChannels/{NAME}.platformEventChannel{ending}"].decode()
    assert "<channelType>data</channelType>" in channel
    member = written[
        f"platformEventChannelMembers/PenguinMails_Sync_chn_LeadChangeEvent.platformEventChannelMember{ending}"
    ].decode()
    assert f"<eventChannel>{NAME}</eventChannel>" in member
    assert "<selectedEntity>LeadChangeEvent</selectedEntity>" in member
    if not ending:
        manifest = written["package.xml"].decode()
        assert f"<members>{NAME}</members>" in manifest
