"""What the account has, compared with what is needed, and completed; against a simulated account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo.brevo import schema
from tajo.brevo.schema import FOLDER, Schema
from tajo.core.errors import RejectedError, TransientError
from tajo.core.fields import FIELDS, question
from tajo.core.mapping import Declared
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage

pytestmark = pytest.mark.anyio

EMPTY = Stage(1, datetime(2026, 11, 24, tzinfo=UTC)).world()


@pytest.fixture
def bench(simulators: Callable[..., Any], sqlite_database: Any) -> Callable[..., Any]:
    """Opens a simulated account and a client of it."""

    @asynccontextmanager
    async def open_it(**switches: Any) -> AsyncIterator[tuple[Any, Any]]:
        sims = simulators(EMPTY, brevo=switches)
        async with sims.services(sqlite_database) as services:
            yield sims.brevo, services.brevo

    return open_it


def declared(**types: str) -> Schema:
    return Schema({name: Declared(name, type_, {}) for name, type_ in types.items()}, {})


# --- reading ---


async def test_attributes_come_with_their_types_and_options(bench: Any) -> None:
    async with bench() as (account, brevo):
        account.add_attribute("STATUS", "category", enumeration={1: "attended", 2: "no_show"})
        account.add_attribute("TOPICS", "multiple-choice", options=["Data", "마케팅"])
        account.add_attribute("VIP", "boolean")
        found = (await schema.read(brevo)).attributes
    assert found["MEETING_DURATION"] == Declared("MEETING_DURATION", "float", {})
    assert found["MEETING_JOIN_DATE"].type == "date"
    assert found["VIP"].type == "boolean"
    assert found["STATUS"] == Declared("STATUS", "category", {"attended": 1, "no_show": 2})
    assert found["TOPICS"] == Declared("TOPICS", "multiple-choice", {"Data": "Data", "마케팅": "마케팅"})
    assert {"FIRSTNAME", "LASTNAME", "SMS"} <= set(found)


async def test_all_lists_are_read_page_by_page(bench: Any) -> None:
    """130 lists and three of the configuration's, on three pages of 50."""
    async with bench() as (account, brevo):
        for number in range(100, 230):
            account.add_list(number, f"List {number}")
        found = await schema.read(brevo)
        assert found.lists == {id_: each.name for id_, each in account.lists.items()}
        assert account.calls.count(prefix="/contacts/lists") == 3


async def test_a_list_is_found_by_its_name(bench: Any) -> None:
    """Names need not be unique in Brevo: the oldest one is meant."""
    known = Schema({}, {7: "Webinars", 9: "웨비나", 4: "Webinars"})
    assert (known.list_named("Webinars"), known.list_named("웨비나"), known.list_named("webinars")) == (4, 9, None)


# --- comparing ---


def test_attributes_that_are_not_there_are_named() -> None:
    mapping = [(FIELDS["duration"], "DURATION"), (FIELDS["topic"], "TOPIC")]
    assert schema.missing(mapping, declared(DURATION="float")) == [(FIELDS["topic"], "TOPIC")]
    assert schema.missing(mapping, declared(DURATION="float", TOPIC="date")) == []


@pytest.mark.parametrize(
    ("field", "fitting"),
    [
        ("duration", {"float", "text"}),
        ("join_time", {"date", "text"}),
        ("topic", {"text", "category"}),
        ("attendance_status", {"text", "category"}),
        ("left_early", {"boolean", "text"}),
        ('question: "How come?"', {"text", "category", "multiple-choice", "boolean", "date", "float"}),
    ],
)
def test_a_field_fits_some_types_of_attributes(field: str, fitting: set[str]) -> None:
    """Only what a person answered can honestly fill a truth value, a number or a date out of text."""
    known = question("How come?") if field.startswith("question") else FIELDS[field]
    for type_ in ("text", "float", "date", "boolean", "category", "multiple-choice", "user", ""):
        clashes = schema.clashes([(known, "X")], declared(X=type_))
        assert (clashes == []) is (type_ in fitting), type_
        assert clashes in ([], [(known, "X", type_)])


def test_what_is_missing_does_not_clash() -> None:
    assert schema.clashes([(FIELDS["duration"], "X")], declared(Y="date")) == []


# --- completing ---


async def test_missing_attributes_are_created_in_their_fields_types(bench: Any) -> None:
    wanted = [(FIELDS["duration"], "SECONDS"), (FIELDS["session_start"], "STARTS"), (FIELDS["topic"], "TOPIC_1")]
    async with bench() as (account, brevo):
        assert await schema.create_attributes(brevo, wanted) == ["SECONDS", "STARTS", "TOPIC_1"]
        assert {name: account.attributes[name].type for _, name in wanted} == {
            "SECONDS": "float",
            "STARTS": "date",
            "TOPIC_1": "text",
        }
        mapping = [*wanted, (FIELDS["first_name"], "FIRSTNAME")]
        assert schema.missing(mapping, await schema.read(brevo)) == []
        assert schema.clashes(mapping, await schema.read(brevo)) == []


async def test_every_field_fits_the_attribute_that_is_created_for_it(bench: Any) -> None:
    mapping = [(field, f"X_{name.upper()}") for name, field in FIELDS.items() if name != "email"]
    async with bench() as (_, brevo):
        await schema.create_attributes(brevo, mapping)
        found = await schema.read(brevo)
        assert (schema.missing(mapping, found), schema.clashes(mapping, found)) == ([], [])


async def test_an_attribute_that_somebody_created_meanwhile_is_fine(bench: Any) -> None:
    async with bench() as (account, brevo):
        account.add_attribute("TOPIC_1", "text")
        assert await schema.create_attributes(brevo, [(FIELDS["topic"], "TOPIC_1")]) == ["TOPIC_1"]


async def test_an_attribute_that_brevo_refuses_is_an_error(bench: Any) -> None:
    async with bench() as (account, brevo):
        refusal = Fault.respond(400, b'{"code":"invalid_parameter","message":"Attribute name is reserved"}')
        account.faults.order(refusal, "POST /contacts/attributes")
        with pytest.raises(RejectedError):
            await schema.create_attributes(brevo, [(FIELDS["topic"], "TOPIC_1")])


async def test_a_list_is_created_in_our_folder(bench: Any) -> None:
    """Which is made with the first one and used by the others."""
    async with bench() as (account, brevo):
        first = await schema.create_list(brevo, "웨비나 참석자")
        second = await schema.create_list(brevo, "Attendees")
        folders = {id_ for id_, folder in account.folders.items() if folder.name == FOLDER}
        assert len(folders) == 1
        assert {account.lists[first].folder_id, account.lists[second].folder_id} == folders
        assert [account.lists[each].name for each in (first, second)] == ["웨비나 참석자", "Attendees"]


async def test_our_folder_is_found_on_any_page(bench: Any) -> None:
    """The account has 60 folders already, and ours is the last of them."""
    async with bench() as (account, brevo):
        make = type(next(iter(account.folders.values())))
        for number in range(100, 160):
            account.folders[number] = make(number, f"Folder {number}")
        account.folders[200] = make(200, FOLDER)
        made = await schema.create_list(brevo, "Attendees")
        assert account.lists[made].folder_id == 200
        assert sum(folder.name == FOLDER for folder in account.folders.values()) == 1


async def test_a_list_whose_creation_got_no_answer_is_not_created_twice(bench: Any) -> None:
    """Brevo did it and broke off: nobody can know, so it is not asked again blindly."""
    async with bench() as (account, brevo):
        account.faults.order(Fault.reset_after(), "POST /contacts/lists")
        with pytest.raises(TransientError) as caught:
            await schema.create_list(brevo, "Attendees")
        assert caught.value.ambiguous
        assert [each.name for each in account.lists.values()].count("Attendees") == 1
