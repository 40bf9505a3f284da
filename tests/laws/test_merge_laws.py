"""The laws of the three-way merge, for any three copies of a record."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sfsync.model.change import OrgAction, RowPlan, Side
from sfsync.model.mapping import Direction
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Base, Triple
from sfsync.planning.merge import merge_field
from sfsync.planning.planner import plan_row
from sfsync.planning.policy import Contest
from tests.strategies import OBJECT, RULES, field_map, triples, values_for

CONTESTS = st.sampled_from(list(Merge)).flatmap(
    lambda merge: st.tuples(
        st.just(merge),
        st.builds(
            Contest,
            st.one_of(st.just(MISSING), values_for(merge)),
            values_for(merge),
            values_for(merge),
            st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]),
            st.just("2026-01-02T00:00:00Z"),
        ),
    )
)


def oracle(merge: Merge, contest: Contest) -> object:
    """What both sides should hold, said in the plainest way."""
    base, local, remote = contest.base, contest.local, contest.remote
    if merge is Merge.STICKY_TRUE:
        return 1 if local or remote else local
    both_counted = merge is Merge.COUNTER and base is not MISSING and None not in (local, remote)
    if remote == base or (remote == local and not both_counted):
        return local
    if local == base:
        return remote
    if base is MISSING and None in (local, remote):
        return remote if local is None else local
    if merge is Merge.COUNTER:
        return (remote or 0) + (local or 0) - (0 if base is MISSING else base or 0)
    if merge is Merge.LATEST:
        return max(local or "", remote or "")
    if merge is Merge.NEWEST:
        return local if contest.local_at > contest.remote_at else remote
    return local if merge in (Merge.LOCAL_WINS, Merge.MANUAL) else remote


@given(CONTESTS)
def test_merging_one_field_agrees_with_an_oracle_of_ten_lines(case: tuple[Merge, Contest]) -> None:
    merge, contest = case
    decision = merge_field(field_map(merge), contest)
    assert (decision.value if decision else contest.local) == oracle(merge, contest)


def test_two_sides_that_count_the_same_amount_have_counted_it_twice() -> None:
    decision = merge_field(field_map(Merge.COUNTER), Contest(base=5, local=6, remote=6))
    assert decision is not None
    assert decision.value == 7


@given(CONTESTS)
def test_a_field_changed_on_one_side_only_survives(case: tuple[Merge, Contest]) -> None:
    merge, contest = case
    one_sided = replace(contest, base=contest.remote)
    decision = merge_field(field_map(merge), one_sided)
    if merge is not Merge.STICKY_TRUE:
        assert (decision.value if decision else contest.local) == contest.local
        assert decision is None or not decision.conflict


@given(CONTESTS)
def test_both_values_of_every_conflict_are_kept(case: tuple[Merge, Contest]) -> None:
    merge, contest = case
    decision = merge_field(field_map(merge), contest)
    both_moved = (
        contest.base not in (MISSING, contest.local, contest.remote)
        and contest.local != contest.remote
    )
    if both_moved and merge is not Merge.STICKY_TRUE:
        assert decision is not None
        assert decision.conflict
        assert (decision.local, decision.remote) == (contest.local, contest.remote)


@given(
    st.sampled_from([Direction.BOTH, Direction.PUSH]),
    st.sampled_from([0, 1, MISSING]),
    *[st.sampled_from([0, 1])] * 2,
)
def test_an_opt_out_never_goes_back(
    direction: Direction, base: object, local: int, remote: int
) -> None:
    decision = merge_field(field_map(Merge.STICKY_TRUE, direction), Contest(base, local, remote))
    assert (decision.value if decision else local) == (local or remote)


def applied(triple: Triple, plan: RowPlan) -> Triple:
    """Both sides after the plan: the mirror's half settled, the org's half accepted."""
    local = replace(triple.local, values={**triple.local.values, **plan.to_local}, edited_at="")
    remote = replace(triple.remote, values={**triple.remote.values, **plan.to_org})
    start = dict(triple.base.values) if triple.base else dict.fromkeys(OBJECT.columns)
    return Triple(
        triple.object, Base(start | dict(plan.new_base) | dict(plan.to_org)), local, remote
    )


def pulled(triple: Triple, plan: RowPlan) -> Triple:
    """The mirror after a pull: the org has not learnt anything yet."""
    local = replace(triple.local, values={**triple.local.values, **plan.to_local})
    start = dict(triple.base.values) if triple.base else dict.fromkeys(OBJECT.columns)
    return Triple(triple.object, Base(start | dict(plan.new_base)), local, triple.remote)


@given(triples())
def test_planning_again_after_applying_is_empty(triple: Triple) -> None:
    again = plan_row(applied(triple, plan_row(triple, OBJECT, RULES)), OBJECT, RULES)
    assert again.is_empty, again
    assert all(decision.winner is Side.HELD for decision in again.decisions)


@given(triples())
def test_both_sides_agree_after_applying(triple: Triple) -> None:
    end = applied(triple, plan_row(triple, OBJECT, RULES))
    one_way = {field.column for field in OBJECT.fields if field.direction is not Direction.BOTH}
    for column in set(OBJECT.columns) - one_way - {Merge.MANUAL.value}:
        assert end.local.values[column] == end.remote.values[column], column


@given(triples())
def test_a_pull_and_then_a_push_end_where_one_push_ends(triple: Triple) -> None:
    at_once = applied(triple, plan_row(triple, OBJECT, RULES))
    after_pull = pulled(triple, plan_row(triple, OBJECT, RULES))
    in_two = applied(after_pull, plan_row(after_pull, OBJECT, RULES))
    assert (in_two.local.values, in_two.remote.values) == (
        at_once.local.values,
        at_once.remote.values,
    )


@given(triples())
def test_a_pull_leaves_no_conflict_to_be_told_twice(triple: Triple) -> None:
    after = pulled(triple, plan_row(triple, OBJECT, RULES))
    again = plan_row(after, OBJECT, RULES)
    assert all(
        decision.winner is Side.HELD or decision.rule == "push only" for decision in again.conflicts
    )


@given(triples(met=True))
def test_the_same_on_three_sides_is_no_plan(triple: Triple) -> None:
    values = dict(triple.remote.values)
    if values["sticky_true"] != values["opted_out"]:
        values["opted_out"] = values["sticky_true"]
    same = replace(
        triple,
        base=Base(values),
        local=replace(triple.local, values=values),
        remote=replace(triple.remote, values=values),
    )
    assert plan_row(same, OBJECT, RULES).is_empty


@given(triples())
def test_only_mapped_writable_and_changed_fields_are_sent(triple: Triple) -> None:
    plan = plan_row(triple, OBJECT, RULES)
    for column, value in plan.to_org.items():
        assert OBJECT.by_column[column].pushes
        assert triple.remote.values[column] != value
    assert (plan.org_action is OrgAction.NONE) == (not plan.to_org)


@given(triples(), st.sampled_from(OBJECT.columns))
def test_a_field_absent_from_the_reply_is_left_alone(triple: Triple, column: str) -> None:
    partial = {name: value for name, value in triple.remote.values.items() if name != column}
    plan = plan_row(replace(triple, remote=replace(triple.remote, values=partial)), OBJECT, RULES)
    assert column not in plan.to_local
    assert column not in plan.to_org
    assert column not in plan.new_base


@given(triples())
def test_an_opt_out_by_any_word_for_it_holds_on_both_sides_in_every_word(triple: Triple) -> None:
    anyone = any(
        side.values[column]
        for side in (triple.local, triple.remote)
        for column in ("sticky_true", "opted_out")
    )
    end = applied(triple, plan_row(triple, OBJECT, RULES))
    for side in (end.local, end.remote):
        assert bool(side.values["sticky_true"]) == bool(side.values["opted_out"]) == anyone
