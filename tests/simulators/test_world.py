"""The world's truth and its rows tell the same story, and every awkward case is there."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo.simulators.world import Row, Session, Stage, TruthOccurrence, World, backfill, month, union_s, webinar

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
seeds = st.integers(0, 100_000)
nows = st.integers(0, 24 * 60 * 400).map(lambda m: datetime(2025, 12, 1, tzinfo=UTC) + timedelta(minutes=m))
few = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="module")
def world() -> World:
    return month(now=NOW)


def stays_of(world: World, occurrence: TruthOccurrence) -> dict[str | None, list[Row]]:
    """The rows of an occurrence by lower-case e-mail, read the way a careful client reads them; None: nobody known."""
    session = world.sessions[occurrence.session_id]
    rows = [r for i in session.instances if i.uuid in occurrence.instance_uuids for r in i.rows]
    emails = {registrant.id: registrant.email.lower() for registrant in session.registrants}
    known: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if owner := emails.get(row.registrant_id) or row.email.lower():
            for key in filter(None, (row.customer_key, row.participant_user_id)):
                known[key].add(owner)
    found: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        linked = known[row.customer_key or row.participant_user_id or "nobody"]
        owner = emails.get(row.registrant_id) or row.email.lower() or (min(linked) if len(linked) == 1 else "")
        if row.status == "in_meeting":
            found[owner or None].append(row)
    return found


def assert_truth_is_in_the_rows(world: World) -> None:
    for occurrence in world.truth:
        found = stays_of(world, occurrence)
        hidden = found.pop(None, [])
        seen = {p.email: p for p in occurrence.people if p.identifiable and p.outcome == "attended"}
        assert set(found) == set(seen)
        for email, rows in found.items():
            person = seen[email]
            assert union_s((row.join, row.leave) for row in rows) == person.present_s
            assert len(rows) == person.join_count
            assert min(row.join for row in rows) == person.first_join
            assert max(row.leave for row in rows) == person.last_leave
        strangers = [p for p in occurrence.people if not p.identifiable and p.outcome == "attended"]
        assert sum(person.join_count for person in strangers) == len(hidden)


@few
@given(seeds, nows)
def test_in_any_month_the_rows_of_identifiable_people_add_up_to_their_truth(seed: int, now: datetime) -> None:
    assert_truth_is_in_the_rows(month(seed, now=now))


@few
@given(seeds, st.integers(1, 60), st.integers(0, 40), st.integers(1, 60))
def test_in_a_big_webinar_too(seed: int, attendees: int, absent: int, more: int) -> None:
    world = webinar(seed, now=NOW, registrants=attendees + absent, attendees=attendees, rows=attendees + more)
    assert_truth_is_in_the_rows(world)
    (session,) = world.sessions.values()
    (instance,) = session.instances
    assert len(instance.rows) == attendees + more
    outcomes = [person.outcome for person in world.truth[0].people if not person.staff]
    assert (outcomes.count("attended"), outcomes.count("no_show")) == (attendees, absent)


@few
@given(seeds, st.integers(1, 12), st.integers(0, 8))
def test_a_backfill_has_as_many_plain_sessions_as_asked(seed: int, sessions: int, participants: int) -> None:
    world = backfill(seed, now=NOW, sessions=sessions, participants=participants)
    assert_truth_is_in_the_rows(world)
    starts = [session.start for session in world.sessions.values()]
    assert len(starts) == sessions
    assert all(start is not None and NOW - timedelta(days=25, minutes=1) <= start < NOW for start in starts)
    for session in world.sessions.values():
        assert session.has_registration == (session.kind == "webinar")
        assert len({row.email for row in session.instances[0].rows}) == participants + 1


@few
@given(seeds)
def test_the_same_seed_gives_the_same_world(seed: int) -> None:
    assert month(seed, now=NOW) == month(seed, now=NOW)


@few
@given(seeds, nows)
def test_a_person_is_in_an_occurrence_once(seed: int, now: datetime) -> None:
    for occurrence in month(seed, now=now).truth:
        emails = [person.email for person in occurrence.people if person.email is not None]
        assert len(emails) == len(set(emails))
        assert all(email == email.lower() for email in emails)


def test_every_address_is_one_that_nobody_can_own(world: World) -> None:
    addresses = {r.email for s in world.sessions.values() for r in s.registrants}
    addresses |= {row.email for _, instance in world.instances() for row in instance.rows if row.email}
    addresses |= {user.email for user in world.users}
    assert all(address.lower().endswith((".example", ".test")) for address in addresses)


def test_the_month_is_of_the_promised_size(world: World) -> None:
    ended = {(o.kind, o.session_id) for o in world.truth if o.ended}
    assert sum(kind == "webinar" for kind, _ in ended) == 8
    assert sum(kind == "meeting" for kind, _ in ended) == 14
    coming = {o.session_id for o in world.truth if not o.ended and not world.sessions[o.session_id].instances}
    assert len(coming) == 4
    people = {person.email for occurrence in world.truth for person in occurrence.people}
    assert 250 <= len(people) <= 600


def test_uuids_take_every_form_that_must_be_encoded_with_care(world: World) -> None:
    uuids = [instance.uuid for _, instance in world.instances()]
    assert len(uuids) == len(set(uuids))
    assert all(len(uuid) == 24 and uuid.endswith("==") for uuid in uuids)
    assert any(uuid.startswith("/") for uuid in uuids)
    assert any("//" in uuid for uuid in uuids)
    assert any("+" in uuid and "/" in uuid and "//" not in uuid for uuid in uuids)


def rows(world: World) -> list[Row]:
    return [row for _, instance in world.instances() for row in instance.rows]


@pytest.mark.parametrize(
    "is_there",
    [
        pytest.param(lambda row: row.status == "in_waiting_room", id="waiting room"),
        pytest.param(lambda row: row.bo_mtg_id, id="breakout room"),
        pytest.param(lambda row: row.failover, id="failover"),
        pytest.param(lambda row: row.customer_key, id="SDK"),
        pytest.param(lambda row: row.phone and not row.email and row.name.isdecimal(), id="telephone"),
        pytest.param(lambda row: row.practice, id="practice session"),
        pytest.param(lambda row: row.email and not row.participant_user_id and not row.registrant_id, id="guest"),
        pytest.param(lambda row: not row.email and row.participant_user_id, id="hidden e-mail"),
        pytest.param(lambda row: row.internal_user and not row.registrant_id, id="own staff"),
        pytest.param(lambda row: row.registrant_id and row.email.startswith("private.account"), id="other account"),
        pytest.param(lambda row: row.email.startswith("Dana.Twice"), id="letter case"),
        pytest.param(lambda row: "{{7*7}}" in row.name, id="template"),
        pytest.param(lambda row: "onerror" in row.name, id="markup"),
    ],
)
def test_the_awkward_rows_are_there(world: World, is_there: object) -> None:
    assert callable(is_there)
    assert any(is_there(row) for row in rows(world))


def session(world: World, topic: str) -> Session:
    return next(s for s in world.sessions.values() if topic in s.topic)


def test_the_awkward_sessions_are_there(world: World) -> None:
    kinds = {(s.kind, s.type) for s in world.sessions.values()}
    assert kinds == {("meeting", t) for t in (1, 2, 3, 4, 8)} | {("webinar", 5), ("webinar", 9)}
    assert {s.registration_type for s in world.sessions.values() if s.type == 9} == {1, 2}
    assert {s.approval_type for s in world.of_kind("webinar")} == {0, 1, 2}
    assert any(s.deleted for s in world.sessions.values())
    assert any(len({row.email for row in i.rows}) == 1 for _, i in world.instances())
    assert any(s.host.status == "inactive" for s in world.sessions.values())
    assert any(o.status == "deleted" for s in world.sessions.values() for o in s.occurrences)


def test_one_account_is_shared_by_two_registrants(world: World) -> None:
    users: dict[str, set[str]] = defaultdict(set)
    for row in rows(world):
        if row.registrant_id and row.participant_user_id:
            users[row.participant_user_id].add(row.registrant_id)
    odd = session(world, "이상한")
    assert any(len(ids & {r.id for r in odd.registrants}) == 2 for ids in users.values())


def test_a_restart_within_the_hour_is_the_same_occurrence_and_a_rehearsal_is_its_own(world: World) -> None:
    kundentag = session(world, "Kundentag")
    rehearsal, day = world.truth_of(kundentag.id)
    assert (rehearsal.rehearsal, len(rehearsal.instance_uuids), len(rehearsal.people)) == (True, 1, 3)
    assert {person.outcome for person in rehearsal.people} == {"attended"}
    assert (day.start, len(day.instance_uuids)) == (kundentag.start, 2)
    assert any(person.outcome == "no_show" for person in day.people)


def test_in_the_personal_room_six_minutes_are_a_break_and_fifty_are_not(world: World) -> None:
    room = next(s for s in world.sessions.values() if s.type == 4)
    assert room.id == room.host.pmi
    assert [len(occurrence.instance_uuids) for occurrence in world.truth_of(room.id)] == [2, 1]


def test_who_registered_after_the_end_is_not_of_that_occurrence(world: World) -> None:
    plain = session(world, "봄 웨비나")
    late = [r for r in plain.registrants if r.create_time > plain.instances[-1].end]
    (occurrence,) = world.truth_of(plain.id)
    assert len(late) == 3
    assert not {r.id for r in late} & {rid for person in occurrence.people for rid in person.registrant_ids}


def test_a_late_registrant_of_a_series_belongs_to_its_later_dates(world: World) -> None:
    series = session(world, "매주 화요일")
    first, second, coming = world.truth_of(series.id)
    assert len(first.people) + 8 == len(second.people) == len(coming.people) + 1  # the host
    assert {person.outcome for person in coming.people} == {"registered"}


def test_the_same_person_registered_twice_is_one_person(world: World) -> None:
    (occurrence,) = world.truth_of(session(world, "이상한").id)
    dana = occurrence.person("dana.twice@mail.example")
    assert (len(dana.registrant_ids), dana.join_count, dana.present_s) == (2, 2, 47 * 60)


def test_who_only_waited_was_not_there(world: World) -> None:
    groups = session(world, "그룹")
    waited = {row.email for row in groups.instances[0].rows if row.status == "in_waiting_room"}
    (occurrence,) = world.truth_of(groups.id)
    assert sum(occurrence.person(email).outcome == "no_show" for email in waited) == 1


def test_phone_numbers_are_good_bad_and_shared(world: World) -> None:
    phones = [(r.phone, r.email.lower()) for s in world.sessions.values() for r in s.registrants if r.phone]
    owners: dict[str, set[str]] = defaultdict(set)
    for phone, email in phones:
        owners[phone].add(email)
    assert len(owners["+1 650-555-0199"]) == 2
    assert "call me" in owners
    assert any(phone.startswith("+82 10-") for phone in owners)


def test_a_story_told_by_hand_becomes_rows_and_truth() -> None:
    """Kim: 2-18 and, on a second device, 15-40, then 46-60 after a restart: 52 minutes, three joins. Lee stays away."""
    stage = Stage(1, NOW)
    plan = stage.webinar("By hand", start=NOW - timedelta(days=1))
    kim, lee = (stage.names.person(email=f"{name}@mail.example") for name in ("kim", "lee"))
    plan.register(kim)
    plan.register(lee)
    first = plan.hold(minutes=40)
    first.come(kim, 2, 18)
    first.come(kim, 15, 40)
    again = plan.hold(late_min=46, minutes=14)
    again.come(kim, 0, 14)
    (occurrence,) = stage.world().truth
    present = occurrence.person("KIM@mail.example")
    assert (present.outcome, present.present_s, present.join_count) == ("attended", 52 * 60, 3)
    assert occurrence.person("lee@mail.example").outcome == "no_show"
    assert len(occurrence.instance_uuids) == 2
