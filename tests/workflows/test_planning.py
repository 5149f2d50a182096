"""What a run has to write, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from tajo.brevo.schema import Schema
from tajo.core.contact import Membership
from tajo.core.errors import ConfigError
from tajo.core.mapping import Declared
from tajo.core.outcome import Outcome, Readiness
from tajo.core.plan import Change, Delivered
from tajo.store import ledger
from tajo.workflows.planning import Prepared, check_schema, list_ids, prepare, shown

pytestmark = pytest.mark.anyio

KIM, LEE = "kim@mail.example", "lee@mail.example"
TYPES = {"MEETING_DURATION": "float", "MEETING_JOIN_DATE": "date"}
NAMES = ("FIRSTNAME", "LASTNAME", "SMS", "WEBINAR_NAME", "ATTENDANCE_STATUS", "UTM_SOURCE", *TYPES)
LISTS = {15: "meeting_participants", 16: "webinar_attendees", 17: "webinar_registrants"}
SCHEMA = Schema({name: Declared(name, TYPES.get(name, "text"), {}) for name in NAMES}, LISTS)
TARGETS = {Membership.WEBINAR_ATTENDEES: 16, Membership.WEBINAR_REGISTRANTS: 17}


def plan(b: Any, *emails: str) -> Prepared:
    prepared: Prepared = b.database.read_now(prepare, emails, b.services, SCHEMA, TARGETS)
    return prepared


def with_lists(**lists: Any) -> dict[str, Any]:
    return {"zoom": {"lists": lists}}


# --- lists ---


async def test_lists_by_number_and_by_name(bench: Any) -> None:
    """A name that a list has is that list; names that none has are to be created, each for itself."""
    lists = {"webinar_attendees": 16, "webinar_registrants": "webinar_registrants", "webinar_no_shows": "새 목록"}
    async with bench(settings=with_lists(**lists, meeting_participants="Other")) as b:
        found = list_ids(b.services, SCHEMA)
        new = {found.pop(Membership.WEBINAR_NO_SHOWS), found.pop(Membership.MEETING_PARTICIPANTS)}
        assert found == TARGETS
        assert len(new) == 2
        assert max(new) < 0


async def test_memberships_without_a_list_have_none(bench: Any) -> None:
    async with bench(settings=with_lists()) as b:
        assert list_ids(b.services, SCHEMA) == {}


async def test_a_number_that_no_list_has_is_the_configurations_fault(bench: Any) -> None:
    async with bench(settings=with_lists(webinar_no_shows=99)) as b:
        with pytest.raises(ConfigError, match=r"no list 99, which lists\.webinar_no_shows names"):
            list_ids(b.services, SCHEMA)


# --- attributes ---


async def test_an_account_that_has_what_is_needed(bench: Any) -> None:
    async with bench() as b:
        check_schema(b.services, SCHEMA)


async def test_attributes_that_are_missing_are_all_named(bench: Any) -> None:
    async with bench() as b:
        left = {name: each for name, each in SCHEMA.attributes.items() if name not in ("UTM_SOURCE", "WEBINAR_NAME")}
        with pytest.raises(ConfigError, match="WEBINAR_NAME, UTM_SOURCE") as caught:
            check_schema(b.services, Schema(left, LISTS))
        assert "connect zoom" in caught.value.hint


async def test_an_attribute_of_the_wrong_type_is_named(bench: Any) -> None:
    async with bench() as b:
        wrong = {**SCHEMA.attributes, "MEETING_DURATION": Declared("MEETING_DURATION", "date", {})}
        with pytest.raises(ConfigError, match="MEETING_DURATION is of the type date, and duration is a number"):
            check_schema(b.services, Schema(wrong, LISTS))


# --- people ---


async def test_who_is_new_is_created_and_who_is_known_changed(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM), person(LEE, Outcome.NO_SHOW))
        first = plan(b, KIM, LEE)
        assert [(each.email, each.change, each.join) for each in first.plan.operations] == [
            (KIM, Change.CREATED, {16, 17}),
            (LEE, Change.CREATED, {17}),
        ]
        (kim, _) = first.plan.operations
        known = Delivered(KIM, {**kim.attributes, "FIRSTNAME": "Min"}, frozenset({15, 17, 99}))
        b.database.write_now(lambda c: ledger.save(c, [known], how="contact", now=b.clock()))
        (kim, _) = plan(b, KIM, LEE).plan.operations
        # 15 and 99 are on no list of this configuration: left alone.
        assert (kim.change, kim.attributes, kim.join, kim.leave) == (Change.CHANGED, {"FIRSTNAME": "kim"}, {16}, set())


async def test_only_the_runs_people_are_planned(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM), person(LEE))
        assert [each.email for each in plan(b, LEE).plan.operations] == [LEE]
        assert plan(b).plan.operations == ()


async def test_who_is_on_no_roster_any_more_is_withdrawn(bench: Any) -> None:
    """Written before: leaves the lists that we put them on. Never written: nothing."""
    async with bench() as b:
        known = Delivered(KIM, {"FIRSTNAME": "Min"}, frozenset({16, 17}))
        b.database.write_now(lambda c: ledger.save(c, [known], how="contact", now=b.clock()))
        (operation,) = plan(b, KIM, LEE).plan.operations
        assert (operation.email, operation.join, operation.leave) == (KIM, frozenset(), {16, 17})


@pytest.mark.parametrize("ready", [Readiness.COMING, Readiness.SETTLING])
async def test_nobody_is_called_absent_too_early(bench: Any, roster: Any, person: Any, ready: Readiness) -> None:
    """Before the report has settled everybody with a registration is a registrant, and on that list only."""
    async with bench() as b:
        roster(b.database, person(KIM), person(LEE, Outcome.REGISTERED), ready=ready)
        operations = plan(b, KIM, LEE).plan.operations
        assert {each.attributes["ATTENDANCE_STATUS"] for each in operations} == {"registered"}
        assert {each.join for each in operations} == {frozenset({17})}


async def test_addresses_that_brevo_could_not_take_are_refused_by_name(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person("two words@mail.example"), person(KIM))
        prepared = plan(b, "two words@mail.example", KIM)
        ((email, error),) = prepared.refused
        assert email == "two words@mail.example"
        assert "two words" not in error.line()
        assert [each.email for each in prepared.plan.operations] == [KIM]


async def test_values_that_fit_no_type_are_counted(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM, phone="12"), person(LEE, phone="call me"))
        prepared = plan(b, KIM, LEE)
        assert prepared.unfit == {("SMS", "not a valid phone number"): 2}
        assert all("SMS" not in each.attributes for each in prepared.plan.operations)


async def test_an_operation_is_shown_with_the_names_of_its_lists(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM))
        (operation,) = plan(b, KIM).plan.operations
        told = shown(operation, {16: "참석자", -1: "new"})
        assert (told["email"], told["change"], told["join"], told["leave"]) == (KIM, "created", ["참석자", "17"], [])
        assert told["attributes"] == dict(operation.attributes)
