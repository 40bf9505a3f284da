"""From the feed of a real mirror to a receiver: what arrives, what waits, what is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sfsync.engine.deliver import Courier, deliver
from sfsync.errors import MirrorBusy
from sfsync.mirror import deliveries
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import iso
from sfsync.model.delivery import Message, PostAnswer, Recipient
from sfsync.model.web_address import WebAddress
from sfsync.planning.deliveries import kinds_of
from tests.ready_mirror import write_ready_mirror
from tests.unit.mirror.samples import edit, mapping, pull, remote, sid

START = "2026-01-20T10:00:00Z"
OK = PostAnswer(200)


@dataclass
class FakePoster:
    """Answers at once, as it is told."""

    say: Callable[[Message], PostAnswer] = lambda _message: OK
    got: list[Message] = field(default_factory=list)
    most: int = 0
    _answers: list[tuple[Message, PostAnswer]] = field(default_factory=list)

    def start(self, message: Message) -> None:
        self.got.append(message)
        self._answers.append((message, self.say(message)))
        self.most = max(self.most, len(self._answers))

    def finished(self, seconds: float) -> list[tuple[Message, PostAnswer]]:
        del seconds
        found, self._answers = self._answers, []
        return found

    @property
    def types(self) -> list[str]:
        return [each.body.split('"')[3] for each in self.got]


class Scene:
    """A mirror, a clock that is set, and one endpoint or several."""

    def __init__(self, mirror: SqliteMirror) -> None:
        self.mirror = mirror
        self.now = START
        self.poster = FakePoster()
        mirror._database.now = lambda: self.now

    def later(self, **units: float) -> None:
        self.now = iso(datetime.fromisoformat(self.now) + timedelta(**units))

    def begin(self, *names: str) -> None:
        self.mirror.deliveries.keep_only(names or ("crm",))

    def courier(self, *types: str, names: tuple[str, ...] = ("crm",)) -> Courier:
        address = WebAddress.parse("https://crm.example/")
        recipients = [Recipient(name, address, ("whsec_",), kinds_of(types)) for name in names]
        return Courier(
            recipients, self.mirror.deliveries, self.poster, lambda: self.now, lambda: 0.0, 5
        )

    def deliver(self, *types: str, names: tuple[str, ...] = ("crm",)) -> dict[str, int]:
        courier = self.courier(*types, names=names)
        deliver(courier, seconds=60, clock=lambda: 0.0)
        return {name: count for name, count in courier.report.as_dict().items() if count}

    def state(self, name: str = "crm") -> dict[str, Any]:
        states = self.mirror.deliveries.overview(lambda _name: kinds_of([]))
        return next(each for each in states if each["endpoint"] == name)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    path = tmp_path / "mirror.db"
    write_ready_mirror(path, mapping())
    with SqliteMirror(path, now=lambda: START, run_id="run-1") as mirror:
        mirror.prepare(mapping())
        yield Scene(mirror)


def test_what_changes_from_now_on_is_told_in_order_each_once(scene: Scene) -> None:
    pull(scene.mirror, remote(1))
    scene.begin()
    pull(scene.mirror, remote(1, phone="1"), remote(2))
    edit(scene.mirror, "UPDATE contacts SET phone = '2' WHERE id = 1")
    assert scene.deliver() == {"delivered": 3}
    assert sorted(scene.poster.types) == ["contact.imported", "contact.updated", "contact.updated"]
    ids = [each.id for each in scene.poster.got]
    assert len(set(ids)) == 3
    assert ids[-1] == str(scene.mirror.changes.latest())
    assert scene.deliver() == {}


def test_only_the_types_it_wants(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1), remote(2), segment="Leads 2026")
    assert scene.deliver("contact.joined") == {"delivered": 2}
    assert set(scene.poster.types) == {"contact.joined"}


def test_many_rows_of_one_statement_are_a_message_each_and_the_queue_is_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_WAITING", 7)
    scene.begin()
    pull(scene.mirror, *(remote(number) for number in range(1, 31)))
    scene.poster.say = lambda _message: PostAnswer(500)
    scene.deliver()
    assert scene.mirror._database.value("SELECT count(*) FROM _deliveries") == 7
    assert scene.state()["waiting"] == 30
    scene.poster = FakePoster()
    scene.later(minutes=1)
    assert scene.deliver() == {"delivered": 30}
    assert len({each.id for each in scene.poster.got}) == 30
    assert any("p30@example.com" in each.body for each in scene.poster.got)


def test_a_failed_one_comes_again_with_the_same_id_when_it_is_time(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    scene.poster.say = lambda _message: PostAnswer(500)
    assert scene.deliver() == {"failed": 1, "waiting": 1}
    assert scene.deliver() == {"waiting": 1}
    scene.later(seconds=5)
    scene.poster.say = lambda _message: OK
    assert scene.deliver() == {"delivered": 1}
    first, second = scene.poster.got
    assert (first.id, first.body) == (second.id, second.body)


def test_one_that_nobody_takes_is_given_up_in_the_end_and_the_others_arrive(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    pull(scene.mirror, remote(2))
    scene.poster.say = lambda message: PostAnswer(422) if "p1@" in message.body else OK
    assert scene.deliver() == {"delivered": 1, "failed": 1, "waiting": 1}
    for _ in range(9):
        scene.later(hours=25)
        edit(scene.mirror, "UPDATE contacts SET clicks = coalesce(clicks, 0) + 1 WHERE id = 2")
        told = scene.deliver()
    assert told["given_up"] == 1
    assert (scene.state()["state"], scene.state()["waiting"]) == ("active", 0)


def test_an_endpoint_that_is_down_is_asked_with_one_and_then_takes_everything(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, *(remote(number) for number in range(1, 21)))
    scene.poster.say = lambda _message: PostAnswer(trouble="it cannot be reached")
    assert scene.deliver() == {"failed": 8, "waiting": 20}
    for _ in range(5):
        scene.later(minutes=31)
        assert scene.deliver() == {"failed": 1, "waiting": 20}
    assert scene.state()["last_answer"] == "it cannot be reached"
    scene.poster.say = lambda _message: OK
    scene.later(hours=25)
    assert scene.deliver() == {"delivered": 20}
    assert scene.state()["failing_since"] is None


def test_one_endpoint_that_is_down_keeps_nothing_from_another(scene: Scene) -> None:
    scene.begin("down", "up")
    pull(scene.mirror, *(remote(number) for number in range(1, 21)))
    scene.poster.say = lambda message: PostAnswer(503) if message.to.name == "down" else OK
    told = scene.deliver(names=("down", "up"))
    assert (told["delivered"], told["failed"]) == (20, 8)
    assert scene.poster.most <= 16


def test_410_stops_it_until_it_is_resumed_and_nothing_is_lost(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    scene.poster.say = lambda _message: PostAnswer(410)
    scene.deliver()
    pull(scene.mirror, remote(2))
    assert scene.deliver() == {"waiting": 2}
    assert (scene.state()["state"], "410" in scene.state()["reason"]) == ("stopped", True)
    assert scene.mirror.deliveries.resume("crm")
    scene.poster.say = lambda _message: OK
    assert scene.deliver() == {"delivered": 2}
    assert not scene.mirror.deliveries.resume("nobody")


def test_after_days_of_failures_it_is_paused(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    scene.poster.say = lambda _message: PostAnswer(500)
    for _ in range(6):
        scene.deliver()
        scene.later(hours=25)
    assert scene.state()["state"] == "paused"
    assert scene.deliver() == {"waiting": 1}


def test_what_the_feed_has_forgotten_is_counted_and_it_goes_on_from_now(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    edit(scene.mirror, "UPDATE contacts SET phone = '1'")
    scene.mirror.changes.prune(rows=1, days=30)
    assert scene.deliver() == {"lost": 2}
    edit(scene.mirror, "UPDATE contacts SET phone = '2'")
    assert scene.deliver() == {"delivered": 1}
    assert scene.state()["lost"] == 2


def test_a_line_that_is_forgotten_while_it_waits_is_counted(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    scene.poster.say = lambda _message: PostAnswer(500)
    scene.deliver()
    for number in range(3):
        edit(scene.mirror, f"UPDATE contacts SET phone = '{number}'")
    scene.deliver()
    scene.mirror.changes.prune(rows=1, days=30)
    scene.later(minutes=1)
    scene.poster = FakePoster()
    assert scene.deliver() == {"delivered": 1}
    assert scene.state()["lost"] == 3


def test_who_is_purged_is_purged_from_what_waits(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1, last_name="Lovelace"), remote(2))
    edit(scene.mirror, "UPDATE contacts SET phone = '+44 1815' WHERE id = 1")
    scene.poster.say = lambda _message: PostAnswer(500)
    scene.deliver()
    scene.mirror.purge.person("p1@example.com")
    scene.poster = FakePoster()
    scene.later(minutes=1)
    scene.deliver()
    told = "".join(each.body for each in scene.poster.got)
    for trace in ("Lovelace", "p1@example.com", "1815", sid(1)):
        assert trace not in told
    assert "p2@example.com" in told
    (gone,) = [each.body for each in scene.poster.got if "contact.deleted" in each.body]
    assert '"origin":"purge"' in gone
    assert b"Lovelace" not in scene.mirror.path.read_bytes()


def test_an_endpoint_that_is_not_configured_any_more_is_forgotten(scene: Scene) -> None:
    scene.begin("crm", "other")
    pull(scene.mirror, remote(1))
    scene.poster.say = lambda _message: PostAnswer(500)
    scene.deliver(names=("crm", "other"))
    scene.begin("other")
    assert [row[0] for row in scene.mirror._database.rows("SELECT endpoint FROM _deliveries")] == [
        "other"
    ]
    scene.begin("crm", "other")
    assert scene.deliver() == {}


def test_only_one_process_sends(scene: Scene) -> None:
    with scene.mirror.deliveries.sending() as first, scene.mirror.deliveries.sending() as second:
        assert (first, second) == (True, False)
    with scene.mirror.deliveries.sending() as again:
        assert again


def test_what_was_taken_but_not_settled_is_sent_again_with_its_id(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))

    class KilledError(Exception):
        pass

    def killed(message: Message) -> PostAnswer:
        raise KilledError

    scene.poster.say = killed
    with pytest.raises(KilledError):
        scene.deliver()
    scene.poster.say = lambda _message: OK
    assert scene.deliver() == {"delivered": 1}
    assert scene.poster.got[0].id == scene.poster.got[1].id


def test_what_was_answered_while_a_run_wrote_is_settled_by_the_next_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.begin()
    pull(scene.mirror, remote(1))
    courier = scene.courier()
    settle = scene.mirror.deliveries.settle

    def busy(*_: object) -> None:
        raise MirrorBusy("a run writes")

    monkeypatch.setattr(scene.mirror.deliveries, "settle", busy)
    with pytest.raises(MirrorBusy):
        courier.turn(0)
    monkeypatch.setattr(scene.mirror.deliveries, "settle", settle)
    assert courier.turn(0)
    assert (courier.report.delivered, len(scene.poster.got)) == (1, 1)


def test_what_is_never_answered_keeps_nobody_for_ever(scene: Scene) -> None:
    scene.begin()
    pull(scene.mirror, remote(1), remote(2))
    passed = iter(range(0, 10_000, 10))
    courier = scene.courier()
    scene.poster.finished = lambda _seconds: []  # type: ignore[method-assign]
    stops: list[int] = []
    deliver(courier, seconds=20, clock=lambda: next(passed), checkpoint=lambda: stops.append(1))
    assert (courier.report.delivered, courier.report.waiting) == (0, 2)
    assert stops
