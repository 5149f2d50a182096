"""What somebody decided about rows in review changes the roster, and outlives a new read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tajo.core.facts import Instance, Kind, Occurrence, Registration, Scheduled, Session, Status, Stay
from tajo.core.identity import Doubt
from tajo.core.outcome import Outcome, Readiness
from tajo.core.roster import Roster, Rules, build

TWO = datetime(2026, 9, 1, 14, 0, tzinfo=UTC)
KIM, LEE = "kim@mail.example", "lee@mail.example"
SESSION = Session(Kind.WEBINAR, "9", scheduled=(Scheduled("", TWO, timedelta(hours=1)),))
ONCE = Occurrence(SESSION, SESSION.scheduled[0], (Instance("u", TWO, TWO + timedelta(hours=1)),))
NEXT = Occurrence(
    replace(SESSION, scheduled=(Scheduled("2", TWO + timedelta(days=7), timedelta(hours=1)),)),
    Scheduled("2", TWO + timedelta(days=7), timedelta(hours=1)),
    (Instance("v", TWO + timedelta(days=7), TWO + timedelta(days=7, hours=1)),),
)
BOTH = [Registration("rk", KIM, Status.APPROVED), Registration("rl", LEE, Status.APPROVED)]


def stay(first: int, last: int, **keys: str) -> Stay:
    return Stay(TWO + timedelta(minutes=first), TWO + timedelta(minutes=last), **keys)


def roster(stays: list[Stay], decided: dict[str, str], occurrence: Occurrence = ONCE) -> Roster:
    return build(occurrence, BOTH, stays, ready=Readiness.FINAL, rules=Rules(), decided=decided)


def key_of(stays: list[Stay], occurrence: Occurrence = ONCE) -> str:
    (group,) = roster(stays, {}, occurrence).review
    return group.key


def outcomes(built: Roster) -> dict[str, Outcome]:
    return {each.email: each.outcome for each in built.people}


GUEST = [stay(0, 20, name="Kim's tablet"), stay(30, 40, name="kim's TABLET")]


def test_accepted_rows_are_the_registrants() -> None:
    """Two rows, 30 minutes; Lee, who could have been the guest, is a no-show now."""
    assert outcomes(roster(GUEST, {})) == {KIM: Outcome.UNKNOWN, LEE: Outcome.UNKNOWN}
    built = roster(GUEST, {key_of(GUEST): KIM})
    assert outcomes(built) == {KIM: Outcome.ATTENDED, LEE: Outcome.NO_SHOW}
    (kim,) = [each for each in built.people if each.email == KIM]
    assert (kim.present, kim.joins, built.review) == (timedelta(minutes=30), 2, ())


def test_rejected_rows_are_nobodys_and_hide_nobody() -> None:
    built = roster(GUEST, {key_of(GUEST): ""})
    assert outcomes(built) == {KIM: Outcome.NO_SHOW, LEE: Outcome.NO_SHOW}
    assert built.review == ()


def test_somebody_who_had_not_registered_came_too() -> None:
    built = roster(GUEST, {key_of(GUEST): "new@mail.example"})
    assert outcomes(built)["new@mail.example"] is Outcome.ATTENDED


def test_later_rows_of_the_same_group_are_decided_already() -> None:
    key = key_of(GUEST)
    more = [*GUEST, stay(50, 60, name="Kim's Tablet")]
    (kim,) = [each for each in roster(more, {key: KIM}).people if each.email == KIM]
    assert (kim.joins, kim.present) == (3, timedelta(minutes=40))


def test_a_name_is_another_ones_on_another_date_and_an_id_is_not() -> None:
    assert key_of(GUEST) != key_of(GUEST, NEXT)
    known = [stay(0, 20, user_id="u1", name="K")]
    assert key_of(known) == key_of(known, NEXT)
    assert roster(known, {}).review[0].doubt is Doubt.NO_EMAIL


def test_rows_of_two_peoples_keys_are_given_to_one() -> None:
    """A shared computer: its account is Kim's and Lee's; a row without link is in review until somebody says."""
    shared = [
        stay(0, 10, registrant_id="rk", user_id="pc"),
        stay(10, 20, registrant_id="rl", user_id="pc"),
        stay(20, 50, user_id="pc", name="PC"),
    ]
    (group,) = roster(shared, {}).review
    assert group.doubt is Doubt.AMBIGUOUS
    people = {each.email: each.present for each in roster(shared, {group.key: LEE}).people}
    assert people == {KIM: timedelta(minutes=10), LEE: timedelta(minutes=40)}


rows = st.lists(
    st.builds(
        stay,
        st.integers(0, 29),
        st.integers(30, 60),
        name=st.sampled_from(["", "iPhone", "Kim", "이"]),
        user_id=st.sampled_from(["", "u1", "u2"]),
        registrant_id=st.sampled_from(["", "rk", "gone"]),
        email=st.sampled_from(["", KIM, "other@x.example"]),
    ),
    max_size=8,
)


@given(rows, st.randoms(use_true_random=False))
def test_keys_tell_groups_apart_in_any_order(stays: list[Stay], random: object) -> None:
    keys = [each.key for each in roster(stays, {}).review]
    assert len(keys) == len(set(keys))
    shuffled = stays[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [each.key for each in roster(shuffled, {}).review] == keys


@given(rows)
def test_deciding_all_leaves_nothing_and_loses_no_row(stays: list[Stay]) -> None:
    before = roster(stays, {})
    after = roster(stays, {each.key: KIM for each in before.review})
    assert after.review == ()
    assert sum(each.joins for each in after.people) == len(stays)
