"""Writing contacts to a simulated account: a bad field costs the field, not the person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo.brevo import deliver
from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.api.errors import Clash, NotFound
from tajo.brevo.api.imports import MAX_BYTES
from tajo.brevo.api.writing import json_size
from tajo.core.errors import RejectedError
from tajo.core.plan import Change, Delivered, Listing, Operation
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage

pytestmark = pytest.mark.anyio

EMPTY = Stage(1, datetime(2026, 11, 24, tzinfo=UTC)).world()
KIM = "kim@example.com"
PHONE, DIGITS = "+821055500001", "821055500001"


class Bench:
    """A simulated account and a client of it."""

    def __init__(self, sims: Any, brevo: Any) -> None:
        self.account, self.brevo, self.clock = sims.brevo, brevo, sims.clock

    async def write(self, operation: Operation, before: Delivered | None = None) -> deliver.Written:
        return await deliver.write(self.brevo, operation, before)

    def contact(self, email: str = KIM) -> Any:
        return self.account.contacts[email]


@pytest.fixture
def bench(simulators: Callable[..., Any], sqlite_database: Any) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_it(**switches: Any) -> AsyncIterator[Bench]:
        sims = simulators(EMPTY, brevo=switches)
        async with sims.services(sqlite_database) as services:
            yield Bench(sims, services.brevo)
        assert sims.brevo.complaints() == []

    return open_it


def created(attributes: dict[str, Any], *join: int, email: str = KIM) -> Operation:
    return Operation(email, Change.CREATED, attributes, frozenset(join))


def changed(attributes: dict[str, Any], *, join: tuple[int, ...] = (), leave: tuple[int, ...] = ()) -> Operation:
    return Operation(KIM, Change.CHANGED, attributes, frozenset(join), frozenset(leave))


def delivered(attributes: dict[str, Any], *lists: int, email: str = KIM) -> Delivered:
    return Delivered(email, attributes, frozenset(lists))


# --- one by one ---


async def test_somebody_new_is_created(bench: Any) -> None:
    """What is empty is not sent: a new contact has nothing to clear."""
    async with bench() as b:
        written = await b.write(created({"FIRSTNAME": "민서", "MEETING_DURATION": 0, "UTM_SOURCE": ""}, 15, 16))
        assert written == deliver.Written({"FIRSTNAME": "민서", "MEETING_DURATION": 0})
        assert b.contact().attributes == {"FIRSTNAME": "민서", "MEETING_DURATION": 0}
        assert b.contact().list_ids == {15, 16}


async def test_somebody_known_is_changed(bench: Any) -> None:
    """Set, cleared, joined and left in one call, in the generous bucket."""
    async with bench() as b:
        known = {"FIRSTNAME": "Min", "UTM_SOURCE": "ads", "LASTNAME": "Kim"}
        b.account.add_contact(KIM, attributes=known, list_ids=[15, 17])
        await b.write(changed({"FIRSTNAME": "민서", "UTM_SOURCE": ""}, join=(16,), leave=(15,)), delivered({}))
        assert b.contact().attributes == {"FIRSTNAME": "민서", "LASTNAME": "Kim"}
        assert b.contact().list_ids == {16, 17}
        assert [call.method for call in b.account.calls] == ["PUT"]


async def test_somebody_brevo_knew_before_us_is_updated(bench: Any) -> None:
    async with bench() as b:
        b.account.add_contact("Kim@Example.com", ext_id="crm-7", attributes={"LASTNAME": "Kim"}, list_ids=[15])
        await b.write(created({"FIRSTNAME": "민서"}, 16))
        assert b.contact().attributes == {"FIRSTNAME": "민서", "LASTNAME": "Kim"}
        assert (b.contact().list_ids, b.contact().ext_id) == ({15, 16}, "crm-7")


async def test_who_unsubscribed_stays_so(bench: Any) -> None:
    async with bench() as b:
        b.account.add_contact(KIM, email_blacklisted=True, sms_blacklisted=True)
        await b.write(created({"FIRSTNAME": "민서"}, 16))
        await b.write(changed({"FIRSTNAME": "Min"}), delivered({"FIRSTNAME": "민서"}, 16))
        assert (b.contact().email_blacklisted, b.contact().sms_blacklisted) == (True, True)


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter"])
@pytest.mark.parametrize("name", ["SMS", "WHATSAPP", "LANDLINE_NUMBER"])
async def test_a_number_of_somebody_else_costs_the_number(bench: Any, name: str, code: str) -> None:
    async with bench(code_drift=code) as b:
        b.account.add_contact("lee@example.com", attributes={name: PHONE})
        written = await b.write(created({"FIRSTNAME": "민서", name: PHONE}, 16))
        assert written.attributes == {"FIRSTNAME": "민서"}
        ((lost, why),) = written.lost
        assert lost == name
        assert DIGITS not in why
        assert b.contact().attributes == {"FIRSTNAME": "민서"}
        assert b.contact("lee@example.com").attributes[name] == DIGITS


async def test_a_number_of_somebody_else_costs_the_number_in_a_change_too(bench: Any) -> None:
    async with bench() as b:
        b.account.add_contact("lee@example.com", attributes={"SMS": PHONE})
        b.account.add_contact(KIM, list_ids=[15])
        operation = changed({"MEETING_DURATION": 60, "SMS": PHONE}, join=(16,), leave=(15,))
        written = await b.write(operation, delivered({}, 15))
        assert [name for name, _ in written.lost] == ["SMS"]
        assert b.contact().attributes == {"MEETING_DURATION": 60}
        assert b.contact().list_ids == {16}


async def test_only_the_number_that_clashes_is_lost(bench: Any) -> None:
    async with bench() as b:
        b.account.add_contact("lee@example.com", attributes={"SMS": PHONE})
        written = await b.write(created({"SMS": PHONE, "WHATSAPP": "+821055500002"}))
        assert [name for name, _ in written.lost] == ["SMS"]
        assert b.contact().attributes == {"WHATSAPP": "821055500002"}


async def test_two_numbers_of_two_others_are_both_lost(bench: Any) -> None:
    async with bench() as b:
        b.account.add_contact("lee@example.com", attributes={"SMS": PHONE})
        b.account.add_contact("park@example.com", attributes={"WHATSAPP": "+821055500002"})
        written = await b.write(created({"FIRSTNAME": "민서", "SMS": PHONE, "WHATSAPP": "+821055500002"}))
        assert {name for name, _ in written.lost} == {"SMS", "WHATSAPP"}
        assert b.contact().attributes == {"FIRSTNAME": "민서"}


async def test_a_number_that_brevo_calls_invalid_is_lost(bench: Any) -> None:
    async with bench() as b:
        written = await b.write(created({"FIRSTNAME": "민서", "SMS": "010-5550-0001"}, 16))
        assert [name for name, _ in written.lost] == ["SMS"]
        assert b.contact().list_ids == {16}


async def test_a_person_whom_brevo_refuses_for_another_reason_is_refused(bench: Any) -> None:
    async with bench() as b:
        with pytest.raises(RejectedError):
            await b.write(created({"FIRSTNAME": "민서", "SMS": PHONE}, 99))  # there is no list 99
        with pytest.raises(RejectedError):
            await b.write(created({"FIRSTNAME": "민서"}, email="kim@localhost"))
        assert KIM not in b.account.contacts


async def test_a_clash_about_what_we_did_not_write_is_a_refusal(bench: Any) -> None:
    clash = b'{"code":"duplicate_parameter","message":"x","metadata":{"duplicate_identifiers":["ext_id"]}}'
    async with bench() as b:
        b.account.faults.order(Fault.respond(400, clash), "POST /contacts", times=None)
        with pytest.raises(Clash):
            await b.write(created({"FIRSTNAME": "민서"}))


async def test_somebody_who_was_deleted_meanwhile_is_created_again_whole(bench: Any) -> None:
    """With all that we wrote before, on the lists they are to be on, not only with what changed."""
    before = delivered({"FIRSTNAME": "민서", "MEETING_DURATION": 60, "UTM_SOURCE": "ads"}, 15, 17)
    async with bench() as b:
        operation = changed({"MEETING_DURATION": 90, "UTM_SOURCE": ""}, join=(16,), leave=(15,))
        written = await b.write(operation, before)
        assert written.lost == ()
        assert b.contact().attributes == {"FIRSTNAME": "민서", "MEETING_DURATION": 90}
        assert b.contact().list_ids == {16, 17}


@pytest.mark.parametrize("operation", [created({"FIRSTNAME": "Min"}), changed({"FIRSTNAME": "Min"})])
async def test_who_is_suppressed_is_updated_and_never_created(bench: Any, operation: Operation) -> None:
    suppressed = replace(operation, listing=Listing.SUPPRESSED)
    async with bench() as b:
        with pytest.raises(NotFound):
            await b.write(suppressed, delivered({"LASTNAME": "Kim"}, 16))
        assert dict(b.account.contacts) == {}
        b.account.add_contact(KIM, email_blacklisted=True)
        await b.write(suppressed, delivered({"LASTNAME": "Kim"}, 16))
        assert b.contact().attributes["FIRSTNAME"] == "Min"
        assert (b.contact().list_ids, b.contact().email_blacklisted) == (set(), True)


async def test_who_is_without_consent_is_created_again_on_no_list(bench: Any) -> None:
    operation = replace(changed({"FIRSTNAME": "Min"}), listing=Listing.WITHOUT_CONSENT)
    async with bench() as b:
        await b.write(operation, delivered({"LASTNAME": "Kim"}, 16))
        assert b.contact().attributes == {"FIRSTNAME": "Min", "LASTNAME": "Kim"}
        assert b.contact().list_ids == set()


async def test_somebody_who_was_deleted_comes_back_without_a_number_that_was_taken(bench: Any) -> None:
    """The number is in what we wrote before, not in what changes now."""
    async with bench() as b:
        b.account.add_contact("lee@example.com", attributes={"SMS": PHONE})
        before = delivered({"FIRSTNAME": "민서", "SMS": PHONE}, 17)
        written = await b.write(changed({"MEETING_DURATION": 90}), before)
        assert [name for name, _ in written.lost] == ["SMS"]
        assert b.contact().attributes == {"FIRSTNAME": "민서", "MEETING_DURATION": 90}


# --- imports ---


def operations(count: int, *join: int, change: Change = Change.CREATED, **attributes: Any) -> list[Operation]:
    tag = "-".join(map(str, join))
    return [
        Operation(f"p{n}-{tag}@example.com", change, {"MEETING_DURATION": n, **attributes}, frozenset(join))
        for n in range(count)
    ]


def test_there_is_one_import_for_each_set_of_lists() -> None:
    """Who joins no list goes on the one that takes everybody, not on one they are supposed to be on already."""
    mixed = [*operations(3, 16, 17), *operations(2), *operations(1, 16), *operations(2, 17, 16)]
    groups = deliver.batches(mixed, {}, everyone=99)
    assert [(sorted(target), len(rows)) for target, rows in groups] == [([16], 1), ([16, 17], 5), ([99], 2)]


def test_what_is_empty_clears_only_where_something_may_stand() -> None:
    new, known = operations(1, 16, UTM_SOURCE=""), operations(1, 16, change=Change.CHANGED, UTM_SOURCE="")
    ((_, (row,)),) = deliver.batches(new, {}, 99)
    assert dict(row.attributes) == {"MEETING_DURATION": 0}
    ((_, (row,)),) = deliver.batches(known, {}, 99)
    assert dict(row.attributes) == {"MEETING_DURATION": 0, "UTM_SOURCE": ""}


def test_a_row_carries_all_that_we_know() -> None:
    """So that somebody who was deleted in Brevo meanwhile comes back whole; what is cleared now is cleared."""
    (operation,) = operations(1, 16, change=Change.CHANGED, UTM_SOURCE="")
    known = {"FIRSTNAME": "민서", "MEETING_DURATION": 99, "UTM_SOURCE": "ads", "LASTNAME": ""}
    before = {operation.email: delivered(known, 17, email=operation.email)}
    ((_, (row,)),) = deliver.batches([operation], before, 99)
    assert dict(row.attributes) == {"FIRSTNAME": "민서", "MEETING_DURATION": 0, "UTM_SOURCE": ""}


def test_an_import_is_cut_at_eight_megabytes() -> None:
    """3,000 people with 4 kB each of Korean text, three bytes a letter in UTF-8: 12 MB in two imports."""
    many = operations(3_000, 16, FIRSTNAME="가" * 1_333)
    groups = deliver.batches(many, {}, 99)
    assert [target for target, _ in groups] == [frozenset({16})] * 2
    assert [row.email for _, rows in groups for row in rows] == [each.email for each in many]
    sizes = [
        sum(json_size({"email": r.email, "attributes": dict(r.attributes)}) + 1 for r in rows) for _, rows in groups
    ]
    assert max(sizes) <= MAX_BYTES
    assert sizes[0] > MAX_BYTES - 10_000


async def test_an_import_creates_and_changes(bench: Any) -> None:
    """And who unsubscribed stays so, and nobody gets a mail about it."""
    async with bench() as b:
        b.account.add_contact("p1-16@example.com", attributes={"UTM_SOURCE": "ads"}, email_blacklisted=True)
        many = operations(30, 16, change=Change.CHANGED, UTM_SOURCE="")
        ((target, rows),) = deliver.batches(many, {}, 99)
        number = await deliver.submit(b.brevo, rows, target)
        states = await deliver.processes(b.brevo, [number])
        assert not states[number].finished
        b.clock.forward(seconds=5)
        states = await deliver.processes(b.brevo, [number])
        assert (states[number].status, states[number].reports) == ("completed", {})
        assert await deliver.members(b.brevo, 16) == {each.email for each in many}
        assert b.contact("p1-16@example.com").attributes == {"MEETING_DURATION": 1}
        assert b.contact("p1-16@example.com").email_blacklisted
        assert b.account.owner_mails == []


async def test_all_running_imports_are_looked_at_by_one_call(bench: Any) -> None:
    """60 imports: the 50 newest by one call, the older ones one by one."""
    async with bench() as b:
        numbers = [await deliver.submit(b.brevo, [ContactWrite(f"p{n}@example.com")], [16]) for n in range(60)]
        b.clock.forward(seconds=30)
        b.account.calls.clear()
        assert set(await deliver.processes(b.brevo, numbers[-3:])) == set(numbers[-3:])
        assert len(b.account.calls) == 1
        states = await deliver.processes(b.brevo, [numbers[0], numbers[59]])
        assert {each.status for each in states.values()} == {"completed"}
        assert set(states) == {numbers[0], numbers[59]}
        assert len(b.account.calls) == 3


async def test_an_import_that_brevo_does_not_know_any_more_has_failed(bench: Any) -> None:
    async with bench() as b:
        states = await deliver.processes(b.brevo, [4711])
        assert states[4711].status == "failed"
        assert states[4711].finished


# --- lists ---


async def test_members_are_read_page_by_page(bench: Any) -> None:
    async with bench() as b:
        for n in range(1_100):
            b.account.add_contact(f"P{n}@example.com", list_ids=[16])
        assert await deliver.members(b.brevo, 16) == {f"p{n}@example.com" for n in range(1_100)}
        assert await deliver.members(b.brevo, 17) == set()


async def test_people_leave_a_list_a_hundred_and_fifty_at_once(bench: Any) -> None:
    """Who is not on it, or is gone, is where they should be."""
    async with bench() as b:
        for n in range(310):
            b.account.add_contact(f"p{n}@example.com", list_ids=[16, 17])
        leaving = [f"p{n}@example.com" for n in range(305)] + ["nobody@example.com"]
        await deliver.leave(b.brevo, 16, leaving)
        assert await deliver.members(b.brevo, 16) == {f"p{n}@example.com" for n in range(305, 310)}
        assert len(await deliver.members(b.brevo, 17)) == 310
        assert b.account.calls.count(prefix="/contacts/lists/16/contacts/remove") == 3
        await deliver.leave(b.brevo, 16, leaving)  # nobody of them is on it any more


# --- reading back ---


async def test_what_arrived_is_told_from_what_did_not(bench: Any) -> None:
    """5 comes back as 5.0, a name trimmed, a number without its plus."""
    wanted = {"FIRSTNAME": " 민서 ", "MEETING_DURATION": 5, "SMS": PHONE, "UTM_SOURCE": "", "VIP": True}
    async with bench() as b:
        assert await deliver.arrived(b.brevo, delivered(wanted, 16)) == ["the whole contact"]
        b.account.add_attribute("VIP", "boolean")
        there = {"FIRSTNAME": "민서", "MEETING_DURATION": 5.0, "SMS": PHONE, "VIP": True}
        b.account.add_contact(KIM, attributes=there, list_ids=[16, 17])
        assert await deliver.arrived(b.brevo, delivered(wanted, 16)) == []
        assert await deliver.arrived(b.brevo, delivered(wanted, 15, 16)) == ["lists"]
        b.contact().attributes |= {"MEETING_DURATION": 6, "VIP": False}
        del b.contact().attributes["FIRSTNAME"]
        assert await deliver.arrived(b.brevo, delivered(wanted)) == ["FIRSTNAME", "MEETING_DURATION", "VIP"]


@pytest.mark.parametrize(
    ("there", "wanted", "arrived"),
    [
        ("registered", "attended", False),
        ("봄 웨비나", "봄 웨비나 ", True),
        ("2026-11-24", "2026-11-24", True),
        ("2026-11-23", "2026-11-24", False),
    ],
)
async def test_an_old_text_is_not_the_new_one(bench: Any, there: str, wanted: str, arrived: bool) -> None:
    async with bench() as b:
        b.account.add_contact(KIM, attributes={"ATTENDANCE_STATUS": there})
        absent = await deliver.arrived(b.brevo, delivered({"ATTENDANCE_STATUS": wanted}))
        assert absent == ([] if arrived else ["ATTENDANCE_STATUS"])
