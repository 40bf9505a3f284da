"""What is left to an admin."""

from __future__ import annotations

import pytest

from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.mapping import (
    SyncMapping,
)
from sfsync.provisioning.by_hand import by_hand


def test_what_only_an_admin_can_do_is_told_with_the_way_there(example: SyncMapping) -> None:
    told = {each.where: each.what for each in by_hand(example)}
    assert (
        "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields > Contact" in told
    )
    assert any("Email Opt Out" in what for what in told.values())
    assert not any("External Client App" in where for where in told)
    assert any("External Client App" in each.where for each in by_hand(example, app=True))


@pytest.mark.parametrize(
    ("values", "told"), [(("Call", "Email"), False), (("Call", "E-Mail"), True), ((), False)]
)
def test_a_task_type_that_the_org_lacks_is_left_to_an_admin(
    example: SyncMapping, values: tuple[str, ...], told: bool
) -> None:
    facts = {
        "Task": SObjectFacts("Task", {"Type": FieldFacts("Type", "picklist", 255, picklist=values)})
    }
    assert any("Task's Type" in each.what for each in by_hand(example, facts)) is told
