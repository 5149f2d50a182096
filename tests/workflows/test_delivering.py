"""Rosters brought to a simulated Brevo: one by one or in imports, refused, failed, killed, and done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.brevo import schema
from tajo.core.outcome import Outcome
from tajo.simulators.faults import Fault
from tajo.store import ledger, letters, runs
from tajo.store.database import Database
from tajo.workflows import delivering, writing

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PHONE, DIGITS = "+821055500001", "821055500001"
MANY = [f"p{n}@mail.example" for n in range(25)]
FEW = MANY[:5]


def imports(b: Any) -> list[dict[str, Any]]:
    """The bodies of the imports that Brevo accepted."""
    return [body for method, path, body in b.brevo.bodies if (method, path) == ("POST", "/contacts/import")]


def lines(b: Any) -> dict[str, Any]:
    return b.database.read_now(ledger.load, [*MANY, *b.brevo.contacts])


def open_letters(b: Any) -> list[str]:
    return [letter.subject for letter in b.database.read_now(letters.open_letters)]


# --- one by one ---


async def test_a_few_are_written_one_by_one(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email) for email in FEW))
        report = await b.deliver(*FEW)
        assert report == {
            "created": 5,
            "changed": 0,
            "unchanged": 0,
            "refused": 0,
            "lost_fields": {},
            "writes": [],
        }
        assert imports(b) == []
        contact = b.brevo.contacts["p0@mail.example"]
        assert contact.list_ids == {16, 17}
        assert contact.attributes == {
            "FIRSTNAME": "p0",
            "LASTNAME": "Kim",
            "MEETING_JOIN_DATE": "2026-11-24",
            "MEETING_DURATION": 2400,
            "WEBINAR_NAME": "봄 웨비나",
            "ATTENDANCE_STATUS": "attended",
        }
        assert {b.database.read_now(ledger.written, email).how for email in FEW} == {"contact"}


async def test_what_was_written_is_not_written_again(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email) for email in FEW))
        await b.deliver(*FEW)
        b.brevo.calls.clear()
        report = await b.deliver(*FEW)
        assert (report["created"], report["changed"], report["unchanged"]) == (0, 0, 5)
        assert b.contact_writes() == 0


async def test_only_what_changed_is_written(bench: Any, roster: Any, person: Any) -> None:
    """p0 was there for 50 minutes after all, p1 was not there at all."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in FEW))
        await b.deliver(*FEW)
        b.brevo.bodies.clear()
        corrected = (person(FEW[0], minutes=50), person(FEW[1], Outcome.NO_SHOW))
        roster(b.database, *corrected, *(person(email) for email in FEW[2:]))
        report = await b.deliver(*FEW)
        assert (report["created"], report["changed"], report["unchanged"]) == (0, 2, 3)
        assert [(method, body) for method, _, body in b.brevo.bodies] == [
            ("PUT", {"attributes": {"MEETING_DURATION": 3000}}),
            (
                "PUT",
                {
                    "attributes": {"MEETING_JOIN_DATE": "", "MEETING_DURATION": 0, "ATTENDANCE_STATUS": "no_show"},
                    "unlinkListIds": [16],
                },
            ),
        ]
        assert b.brevo.contacts[FEW[1]].list_ids == {17}


async def test_a_number_that_somebody_else_has_costs_the_number_and_is_not_tried_again(
    bench: Any, roster: Any, person: Any
) -> None:
    async with bench() as b:
        b.brevo.add_contact("customer@mail.example", attributes={"SMS": PHONE})
        roster(b.database, person(FEW[0], phone=PHONE))
        report = await b.deliver(FEW[0])
        assert (report["created"], report["refused"]) == (1, 0)
        assert [name.partition(":")[0] for name in report["lost_fields"]] == ["SMS"]
        assert "SMS" not in b.brevo.contacts[FEW[0]].attributes
        assert (await b.deliver(FEW[0]))["unchanged"] == 1
        assert open_letters(b) == []


async def test_a_number_that_two_registrants_share_goes_to_one_of_them(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email, phone=PHONE) for email in FEW[:2]))
        report = await b.deliver(*FEW[:2])
        assert report["lost_fields"] == {"SMS: the number belongs to another contact": 1}
        assert [b.brevo.contacts[email].attributes.get("SMS") for email in FEW[:2]] == [DIGITS, None]
        assert (await b.deliver(*FEW[:2]))["unchanged"] == 2


async def test_whom_brevo_refuses_has_a_dead_letter_and_holds_up_nobody(bench: Any, roster: Any, person: Any) -> None:
    """An address as people mistype it; one letter, however often it is tried, and none once it is written."""
    async with bench() as b:
        roster(b.database, person("kim@localhost"), person("bad address@x.kr"), person(FEW[0]))
        for _ in range(2):
            report = await b.deliver("kim@localhost", "bad address@x.kr", FEW[0])
            assert report["refused"] == 2
            assert sorted(open_letters(b)) == ["bad address@x.kr", "kim@localhost"]
        assert list(b.brevo.contacts) == [FEW[0]]
        (letter, *_) = b.database.read_now(letters.open_letters)
        assert letter.remedy
        assert "@" not in letter.reason
        b.brevo.faults.order(Fault.respond(204), "POST /contacts")  # and Brevo takes it after all
        assert (await b.deliver("kim@localhost"))["created"] == 1
        assert open_letters(b) == ["bad address@x.kr"]


async def test_whoever_was_denied_is_not_written_unless_brevo_knows_them(bench: Any, roster: Any, person: Any) -> None:
    """Then they get the status, and leave the list."""
    async with bench() as b:
        roster(b.database, person(FEW[0], Outcome.DENIED), person(FEW[1]), person(FEW[2], excluded="host"))
        assert (await b.deliver(*FEW[:3]))["created"] == 1
        assert list(b.brevo.contacts) == [FEW[1]]
        roster(b.database, person(FEW[0], Outcome.DENIED), person(FEW[1], Outcome.DENIED))
        await b.deliver(*FEW[:3])
        assert list(b.brevo.contacts) == [FEW[1]]
        assert b.brevo.contacts[FEW[1]].attributes["ATTENDANCE_STATUS"] == "denied"
        assert b.brevo.contacts[FEW[1]].list_ids == set()


async def test_lists_that_others_put_people_on_are_left_alone(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        b.brevo.add_list(40, "By hand")
        b.brevo.add_contact(FEW[0], list_ids=[15, 40])
        roster(b.database, person(FEW[0]))
        await b.deliver(FEW[0])
        roster(b.database, person(FEW[0], Outcome.NO_SHOW))
        await b.deliver(FEW[0])
        assert b.brevo.contacts[FEW[0]].list_ids == {15, 17, 40}


async def test_who_unsubscribed_stays_so(bench: Any, roster: Any, person: Any) -> None:
    """Written one by one, changed, and in an import."""
    async with bench() as b:
        b.brevo.add_contact(FEW[0], email_blacklisted=True)
        for people in (FEW, MANY):
            for minutes in (10, 20):
                roster(b.database, *(person(email, minutes=minutes) for email in people))
                await b.deliver(*people)
        assert b.brevo.contacts[FEW[0]].email_blacklisted
        assert b.brevo.contacts[FEW[0]].attributes["MEETING_DURATION"] == 1200
        assert b.brevo.complaints() == []


# --- named lists ---


async def test_a_list_given_by_name_is_created_once(bench: Any, roster: Any, person: Any) -> None:
    named = {"zoom": {"lists": {"webinar_attendees": "참석자", "webinar_registrants": 17}}}
    async with bench(settings=named) as b:
        for people in (FEW[:1], FEW[:2]):
            roster(b.database, *(person(email) for email in people))
            await b.deliver(*people)
        (made,) = [id_ for id_, each in b.brevo.lists.items() if each.name == "참석자"]
        assert b.brevo.contacts[FEW[1]].list_ids == {made, 17}


async def test_two_memberships_may_name_the_same_new_list(bench: Any, roster: Any, person: Any) -> None:
    named = {"zoom": {"lists": {"webinar_attendees": "Everybody", "webinar_registrants": "Everybody"}}}
    async with bench(settings=named) as b:
        roster(b.database, person(FEW[0]), person(FEW[1], Outcome.NO_SHOW))
        await b.deliver(*FEW[:2])
        (made,) = [id_ for id_, each in b.brevo.lists.items() if each.name == "Everybody"]
        assert {frozenset(b.brevo.contacts[email].list_ids) for email in FEW[:2]} == {frozenset({made})}


# --- in imports ---


def mixed(person: Any, **more: Any) -> list[Any]:
    """15 who came and ten who did not."""
    return [person(email, Outcome.ATTENDED if n < 15 else Outcome.NO_SHOW, **more) for n, email in enumerate(MANY)]


async def test_many_are_imported_by_their_lists(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *mixed(person))
        report = await b.deliver(*MANY)
        assert (report["created"], report["changed"], report["refused"], report["lost_fields"]) == (25, 0, 0, {})
        assert [(body["listIds"], len(body["jsonBody"])) for body in imports(b)] == [([16, 17], 15), ([17], 10)]
        assert all(body["disableNotification"] and body["updateExistingContacts"] for body in imports(b))
        assert {email: contact.list_ids for email, contact in b.brevo.contacts.items()} == {
            email: {16, 17} if n < 15 else {17} for n, email in enumerate(MANY)
        }
        assert {email: line.lists for email, line in lines(b).items()} == {
            email: frozenset({16, 17}) if n < 15 else frozenset({17}) for n, email in enumerate(MANY)
        }
        assert b.database.read_now(ledger.open_imports) == []
        assert b.database.read_now(ledger.written, MANY[0]).how.startswith("import ")
        b.brevo.calls.clear()
        assert (await b.deliver(*MANY))["unchanged"] == 25
        assert b.contact_writes() == 0


async def test_many_are_changed_without_joining_what_they_are_on(bench: Any, roster: Any, person: Any) -> None:
    """Somebody took p0 off the list by hand: a correction of the minutes does not put them back on it."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        await b.deliver(*MANY)
        b.brevo.contacts[MANY[0]].list_ids.discard(16)
        b.brevo.bodies.clear()
        roster(b.database, *(person(email, minutes=50) for email in MANY))
        report = await b.deliver(*MANY)
        assert (report["created"], report["changed"]) == (0, 25)
        (body,) = imports(b)
        (everyone,) = [id_ for id_, each in b.brevo.lists.items() if each.name == schema.EVERYONE]
        assert body["listIds"] == [everyone]
        assert b.brevo.contacts[MANY[0]].list_ids == {17, everyone}
        assert {contact.attributes["MEETING_DURATION"] for contact in b.brevo.contacts.values()} == {3000}


async def test_many_leave_a_list(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        await b.deliver(*MANY)
        roster(b.database, *(person(email, Outcome.NO_SHOW) for email in MANY))
        report = await b.deliver(*MANY)
        assert report["changed"] == 25
        assert not [email for email, contact in b.brevo.contacts.items() if 16 in contact.list_ids]
        assert {line.lists for line in lines(b).values()} == {frozenset({17})}
        assert {contact.attributes.get("MEETING_JOIN_DATE") for contact in b.brevo.contacts.values()} == {None}


async def test_imports_are_looked_at_seldom(bench: Any, roster: Any, person: Any) -> None:
    """At 5, 15, 30 and 60 s and then each minute: a hundred such calls an hour is all there is."""
    async with bench(brevo={"import_working_s": 200.0}) as b:
        roster(b.database, *mixed(person))
        start = b.clock()
        await b.deliver(*MANY)
        looks = [(call.at - start).total_seconds() for call in b.brevo.calls if call.path == "/processes"]
        assert [round(look) for look in looks] == [5, 15, 30, 60, 120, 180, 240]


async def test_rows_that_an_import_refuses_are_found_and_said(bench: Any, roster: Any, person: Any) -> None:
    """Brevo reports a number of rows; who it was is seen by who is not on the list."""
    async with bench() as b:
        people = [*MANY, "kim@localhost", "lee@localhost"]
        roster(b.database, *(person(email) for email in people))
        report = await b.deliver(*people)
        assert (report["created"], report["refused"]) == (25, 2)
        assert sorted(open_letters(b)) == ["kim@localhost", "lee@localhost"]
        assert set(b.brevo.contacts) == set(MANY)
        assert set(lines(b)) == set(MANY)


async def test_an_import_of_nobody_but_refused_addresses_stops_nobody_else(
    bench: Any, roster: Any, person: Any
) -> None:
    """The only one who joins that set of lists is the one whom Brevo refuses: it takes no such import at all."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY), person("kim@localhost", Outcome.NO_SHOW))
        report = await b.deliver(*MANY, "kim@localhost")
        assert (report["created"], report["refused"]) == (25, 1)
        assert set(b.brevo.contacts) == set(lines(b)) == set(MANY)
        assert open_letters(b) == ["kim@localhost"]


@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
@pytest.mark.parametrize("clash", ["row", "field"])
async def test_a_number_that_somebody_else_has_costs_the_number_in_an_import(
    bench: Any, roster: Any, person: Any, name: str, clash: str
) -> None:
    """Brevo drops the whole row, or only the field; the person is there either way, and the loss is told."""
    mapped = {"email": "email", "duration": "MEETING_DURATION", "phone": name}
    async with bench(settings={"field_mapping": mapped}, brevo={"import_clash": clash}) as b:
        b.brevo.add_attribute(name, "text")
        b.brevo.add_contact("customer@mail.example", attributes={name: PHONE})
        roster(b.database, person(MANY[0], phone=PHONE), *(person(email) for email in MANY[1:]))
        report = await b.deliver(*MANY)
        assert (report["created"], report["refused"]) == (25, 0)
        assert b.brevo.contacts[MANY[0]].attributes == {"MEETING_DURATION": 2400}
        assert b.brevo.contacts[MANY[0]].list_ids == {16, 17}
        if clash == "row":
            assert [lost.partition(":")[0] for lost in report["lost_fields"]] == [name]


@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
@pytest.mark.parametrize("field", ["duration", "attendance_status"])
async def test_a_number_that_somebody_else_has_costs_the_number_of_those_already_there(
    bench: Any, roster: Any, person: Any, name: str, field: str
) -> None:
    """p0 is on the list and known; the row with the new number is dropped, and what else it said is written."""
    attribute = {"duration": "MEETING_DURATION", "attendance_status": "ATTENDANCE_STATUS"}[field]
    settings = {"field_mapping": {"email": "email", field: attribute, "first_name": "FIRSTNAME", "phone": name}}
    async with bench(settings=settings) as b:
        b.brevo.add_attribute(name, "text")
        for minutes in (10, 20):  # the second time is a change, which puts them on the list that takes everybody
            roster(b.database, *(person(email, minutes=minutes, first_name=f"{minutes}") for email in MANY))
            await b.deliver(*MANY)
        b.brevo.add_contact("customer@mail.example", attributes={name: PHONE})
        again = [person(email, Outcome.NO_SHOW) for email in MANY[1:]]
        roster(b.database, person(MANY[0], Outcome.NO_SHOW, phone=PHONE), *again)
        await b.deliver(*MANY)
        wanted = {"duration": 0, "attendance_status": "no_show"}[field]
        assert b.brevo.contacts[MANY[1]].attributes == {attribute: wanted, "FIRSTNAME": "p1"}
        assert b.brevo.contacts[MANY[0]].attributes == {attribute: wanted, "FIRSTNAME": "p0"}
        roster(b.database, person(MANY[0], minutes=55, phone=PHONE), *(person(email, minutes=55) for email in MANY[1:]))
        await b.deliver(*MANY)
        wanted = {"duration": 3300, "attendance_status": "attended"}[field]
        assert b.brevo.contacts[MANY[0]].attributes == {attribute: wanted, "FIRSTNAME": "p0"}
        assert set(lines(b)) >= set(MANY)


async def test_somebody_who_was_deleted_is_imported_with_all_that_we_know(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        await b.deliver(*MANY)
        b.brevo.delete_contact(MANY[0])
        roster(b.database, *(person(email, minutes=50) for email in MANY))
        await b.deliver(*MANY)
        assert b.brevo.contacts[MANY[0]].attributes == b.brevo.contacts[MANY[1]].attributes | {"FIRSTNAME": "p0"}


async def test_an_import_that_fails_is_made_again(bench: Any, roster: Any, person: Any) -> None:
    """In the same run; and nothing is left of it to worry about."""
    async with bench() as b:
        b.brevo.fail_imports(1)
        roster(b.database, *(person(email) for email in MANY))
        report = await b.deliver(*MANY)
        assert (report["created"], report["refused"]) == (25, 0)
        assert set(b.brevo.contacts) == set(lines(b)) == set(MANY)
        assert len(imports(b)) == 2
        assert open_letters(b) == []


async def test_only_the_people_of_a_failed_import_are_imported_again(bench: Any, roster: Any, person: Any) -> None:
    """Two imports, the first of which fails: the second round has its 15 people, few enough to be written singly."""
    async with bench() as b:
        b.brevo.fail_imports(1)
        roster(b.database, *mixed(person))
        report = await b.deliver(*MANY)
        assert report["created"] == 25
        assert set(b.brevo.contacts) == set(MANY)
        assert len(imports(b)) == 2
        assert b.brevo.calls.count(method="POST", prefix="/contacts") >= 15


async def test_imports_that_keep_failing_are_left_to_the_next_run(bench: Any, roster: Any, person: Any) -> None:
    """Nobody is called written; there is a dead letter, which is closed when the next run succeeds."""
    async with bench() as b:
        b.brevo.fail_imports(9)
        roster(b.database, *(person(email) for email in MANY))
        report = await b.deliver(*MANY)
        assert (report["created"], lines(b)) == (0, {})
        assert open_letters(b)
        assert b.database.read_now(ledger.open_imports) == []
        b.brevo.fail_imports(0)
        assert (await b.deliver(*MANY))["created"] == 25
        assert set(lines(b)) == set(MANY)
        assert open_letters(b) == []


async def test_an_import_that_never_ends_does_not_hold_the_run_for_ever(bench: Any, roster: Any, person: Any) -> None:
    """What it wrote in the end is recorded by a later run."""
    async with bench(brevo={"import_working_s": 4 * 3600.0}) as b:
        roster(b.database, *(person(email) for email in MANY))
        start = b.clock()
        await b.deliver(*MANY)
        assert b.clock() - start < timedelta(minutes=70)
        assert b.database.read_now(ledger.open_imports)
        b.clock.forward(hours=5)
        report = await b.deliver(*MANY)
        assert (report["unchanged"], report["created"]) == (25, 0)
        assert set(lines(b)) == set(b.brevo.contacts) == set(MANY)
        assert b.database.read_now(ledger.open_imports) == []


@pytest.mark.parametrize("how", [Fault.reset_after(), Fault.reset_before(), Fault.respond(502, b"")])
async def test_an_import_whose_answer_is_lost_is_made_again(bench: Any, roster: Any, person: Any, how: Fault) -> None:
    """It is an upsert: two are as good as one."""
    async with bench() as b:
        b.brevo.faults.order(how, "POST /contacts/import")
        roster(b.database, *(person(email) for email in MANY))
        assert (await b.deliver(*MANY))["created"] == 25
        assert set(b.brevo.contacts) == set(lines(b)) == set(MANY)


async def test_an_attribute_that_does_not_arrive_is_an_alarm(bench: Any, roster: Any, person: Any) -> None:
    """Somebody deleted it in Brevo after we looked: an import then says nothing, and drops it."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        services, read = b.services, await writing.read_schema(b.services)
        del b.brevo.attributes["MEETING_DURATION"]
        number = await b.start()
        b.database.write_now(runs.add_people, number, MANY)
        services.schema = read
        await delivering.deliver_run(services, number)
        found = b.database.read_now(letters.open_letters)
        assert found
        assert all("MEETING_DURATION" in letter.reason for letter in found)
        assert {letter.origin for letter in found} == {"brevo.imports"}


# --- looking without touching ---


async def test_a_dry_run_writes_nothing_of_any_kind(bench: Any, roster: Any, person: Any) -> None:
    named = {"zoom": {"lists": {"webinar_attendees": "참석자", "webinar_registrants": 17}}}
    async with bench(settings=named) as b:
        roster(b.database, person(FEW[0]), person("bad address@x.kr"), person(FEW[1], Outcome.DENIED))
        number = await b.start()
        b.database.write_now(runs.add_people, number, [FEW[0], "bad address@x.kr", FEW[1]])
        report = await delivering.dry_run(b.services, number)
        assert (report["created"], report["refused"]) == (1, 1)
        assert report["writes"][0] == {
            "email": FEW[0],
            "change": "created",
            "attributes": {
                "FIRSTNAME": "p0",
                "LASTNAME": "Kim",
                "MEETING_JOIN_DATE": "2026-11-24",
                "MEETING_DURATION": 2400,
                "WEBINAR_NAME": "봄 웨비나",
                "ATTENDANCE_STATUS": "attended",
                "UTM_SOURCE": "",
            },
            "join": report["writes"][0]["join"],
            "leave": [],
        }
        assert len(report["writes"][0]["join"]) == 2
        assert "참석자" in report["writes"][0]["join"]
        assert (report["writes"][1]["email"], report["writes"][1]["change"]) == ("bad address@x.kr", "refused")
        assert {call.method for call in b.brevo.calls} == {"GET"}
        assert (lines(b), open_letters(b)) == ({}, [])


# --- a kill between any two writes ---


@pytest.fixture
def fresh(tmp_path: Path, migrated: Callable[..., Any]) -> Iterator[Callable[[], Database]]:
    """Gives one migrated database after another."""
    opened: list[Database] = []

    def make() -> Database:
        path = tmp_path / f"fresh{len(opened)}.db"
        path.write_bytes(migrated().read_bytes())
        opened.append(Database(f"sqlite:///{path}"))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.mark.parametrize("people", [FEW, MANY], ids=["one by one", "in imports"])
async def test_a_kill_between_any_two_writes_loses_and_doubles_nothing(
    bench: Any, roster: Any, person: Any, fresh: Callable[[], Database], people: list[str]
) -> None:
    """Everybody changes from attended to no-show, with a refused address among them; after a kill as without one."""

    def state(b: Any) -> tuple[Any, ...]:
        contacts = {email: (c.attributes, c.list_ids & {15, 16, 17}) for email, c in b.brevo.contacts.items()}
        return contacts, lines(b), open_letters(b), b.database.read_now(ledger.open_imports)

    async def deliver_twice(b: Any, kill_before: int | None) -> bool:
        """Whether the kill came."""
        everybody = [*people, "kim@localhost", "new@mail.example"]
        roster(b.database, *(person(email) for email in people))
        await b.deliver(*people)
        roster(b.database, *(person(email, Outcome.NO_SHOW) for email in everybody))
        number = await b.start()
        b.database.write_now(runs.add_people, number, everybody)

        async def work() -> None:
            b.services.schema = None
            await delivering.deliver_run(b.services, number)

        died = kill_before is not None and await b.as_if_killed_before(kill_before, work)
        await work()
        return died

    async with bench(database=fresh()) as b:
        await deliver_twice(b, None)
        wanted = state(b)
    assert wanted[2] == ["kim@localhost"]
    for write in range(40):
        async with bench(database=fresh()) as b:
            died = await deliver_twice(b, write)
            assert state(b) == wanted, f"killed before write {write}"
        if not died:
            break
    assert 2 < write < 39


# --- at once ---


async def test_at_once_waits_for_no_import(bench: Any, roster: Any, person: Any) -> None:
    """25 people are imported, one more is written meanwhile; then the import is seen through, and all is recorded."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        start = b.clock()
        await delivering.deliver_at_once(b.services, set(MANY))
        assert b.clock() - start < timedelta(seconds=1)
        under_way = await delivering.under_way(b.services, set(MANY))
        roster(b.database, *(person(email) for email in (*MANY, "late@mail.example")))
        everybody = {*MANY, "late@mail.example"}
        report = await delivering.deliver_at_once(b.services, everybody)
        assert report.created == 1
        assert set(b.brevo.contacts) == {"late@mail.example"}
        assert len(imports(b)) == len(under_way) == 1
        assert await delivering.as_wanted(b.services, everybody) == {"late@mail.example"}
        await delivering.see_through(b.services, under_way)
        assert set(b.brevo.contacts) == set(lines(b)) == everybody
        assert await delivering.as_wanted(b.services, everybody) == everybody
        assert await delivering.under_way(b.services, everybody) == []


async def test_what_failed_at_once_is_written_when_it_is_seen_through(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        b.brevo.fail_imports(1)
        roster(b.database, *(person(email) for email in MANY))
        await delivering.deliver_at_once(b.services, set(MANY))
        await delivering.see_through(b.services, await delivering.under_way(b.services, set(MANY)))
        assert set(b.brevo.contacts) == set(lines(b)) == set(MANY)
        assert len(imports(b)) == 2
        assert open_letters(b) == []


async def test_many_leave_a_list_by_the_time_that_all_is_seen_through(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        await b.deliver(*MANY)
        roster(b.database, *(person(email, Outcome.NO_SHOW) for email in MANY))
        await delivering.deliver_at_once(b.services, set(MANY))
        await delivering.see_through(b.services, await delivering.under_way(b.services, set(MANY)))
        assert {frozenset(contact.list_ids & {16, 17}) for contact in b.brevo.contacts.values()} == {frozenset({17})}
        assert {line.lists for line in lines(b).values()} == {frozenset({17})}
        assert await delivering.as_wanted(b.services, set(MANY)) == set(MANY)


async def test_who_sees_an_end_first_records_it(bench: Any, roster: Any, person: Any) -> None:
    """What was written since is not forgotten when somebody else sees the same import's end."""
    async with bench() as b:
        roster(b.database, *(person(email) for email in MANY))
        await delivering.deliver_at_once(b.services, set(MANY))
        (opened,) = b.database.read_now(ledger.open_imports)
        await delivering.see_through(b.services, [opened.process_id])
        roster(b.database, *(person(email, minutes=41) for email in MANY[:1]))
        await b.deliver(MANY[0])
        since = lines(b)
        b.database.write_now(ledger.settle_import, opened.process_id, opened.rows, b.clock())
        assert lines(b) == since
