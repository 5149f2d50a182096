"""Consent at delivery: who is written, who goes on lists, who gets mail, and what is kept as evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo.core.facts import Kind, Registration, Status
from tajo.core.outcome import Outcome
from tajo.core.suppression import Reason, Source, Suppression
from tajo.store import consents, facts, ledger, letters, runs, suppressions
from tajo.workflows import delivering, writing
from tajo.workflows.consenting import permissions, policy
from tajo.workflows.contacts import write_one
from tajo.workflows.recipients import unsendable
from tajo.workflows.stories import story

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ASKED = "May we write to you?"
MANY = [f"p{n}@mail.example" for n in range(25)]
KIM, LEE, CHOI = MANY[:3]
BLOCK = {"question": ASKED, "yes": ["Yes", "예"]}


def block(on_missing: str = "contact_only") -> dict[str, Any]:
    more = {"double_opt_in": {"template": 12, "redirect_url": "https://example.com/thanks"}}
    return {"consent": BLOCK | {"on_missing": on_missing} | (more if on_missing == "double_opt_in" else {})}


def answered(b: Any, email: str, answer: str, *, hours: int = 9, session: str = "9", question: str = ASKED) -> None:
    """A registration so many hours ago, as Zoom tells it."""
    at = NOW - timedelta(hours=hours)
    told = Registration(
        f"r-{email}-{hours}", email, Status.APPROVED, at, answers=((question, answer),), told_at=at, detailed_at=at
    )
    b.database.write_now(facts.save_registrations, Kind.WEBINAR, session, [told])


def on_lists(b: Any, emails: list[str]) -> dict[str, set[int]]:
    return {email: set(b.brevo.contacts[email].list_ids) for email in emails if email in b.brevo.contacts}


def bodies(b: Any) -> str:
    return repr(b.brevo.bodies)


# --- the policies ---


async def test_a_yes_is_as_without_the_block_and_a_no_is_a_contact_without_list(
    bench: Any, roster: Any, person: Any
) -> None:
    async with bench(settings=block()) as b:
        roster(b.database, *map(person, MANY[:3]))
        answered(b, KIM, "예")
        answered(b, LEE, "No")
        report = await b.deliver(*MANY[:3])
        assert on_lists(b, MANY[:3]) == {KIM: {16, 17}, LEE: set(), CHOI: set()}
        assert b.brevo.contacts[LEE].attributes["ATTENDANCE_STATUS"] == "attended"
        assert report["held_back"] == {"no consent: answered no": 1, "no consent: no answer": 1}
        assert await unsendable(b.services, MANY[:3]) == {
            LEE: "no consent: answered no",
            CHOI: "no consent: no answer",
        }


@pytest.mark.parametrize(
    ("on_missing", "written", "mailed"),
    [
        ("contact_only", True, False),
        ("skip", False, False),
        ("double_opt_in", False, False),
        ("transactional_only", True, True),
    ],
)
async def test_without_an_answer_the_policy_decides(
    bench: Any, roster: Any, person: Any, on_missing: str, written: bool, mailed: bool
) -> None:
    """A guest who never registered, and a registrant whose session asked something else."""
    async with bench(settings=block(on_missing)) as b:
        roster(b.database, person(KIM), person(LEE))
        answered(b, LEE, "Yes", question="Do you know Tajo?")
        await b.deliver(KIM, LEE)
        assert on_lists(b, [KIM, LEE]) == ({KIM: set(), LEE: set()} if written else {})
        assert (KIM not in bodies(b)) is not written
        assert (await unsendable(b.services, [KIM, LEE]) == {}) is mailed


async def test_many_without_consent_are_imported_and_end_on_no_list(bench: Any, roster: Any, person: Any) -> None:
    """An import needs a list: they are taken off it as soon as it has ended, also where nobody waited for it."""
    async with bench(settings=block()) as b:
        roster(b.database, *map(person, MANY))
        answered(b, KIM, "Yes")
        await b.deliver(*MANY)
        assert on_lists(b, MANY) == {KIM: {16, 17}} | {key: set() for key in MANY[1:]}
        roster(b.database, *(person(email, minutes=50) for email in MANY))
        await delivering.deliver_at_once(b.services, MANY)
        await delivering.see_through(b.services, await delivering.under_way(b.services, MANY))
        assert b.brevo.contacts[LEE].attributes["MEETING_DURATION"] == 3000
        assert on_lists(b, MANY[1:]) == {key: set() for key in MANY[1:]}


async def test_thousands_of_transactional_recipients_cost_a_few_calls(bench: Any, roster: Any, person: Any) -> None:
    """1,200 people on no list: two pages of the contacts that changed since, and the blocklist."""
    people = [f"p{n}@mail.example" for n in range(1200)]
    async with bench(settings=block("transactional_only")) as b:
        roster(b.database, *map(person, people))
        await b.deliver(*people)
        b.brevo.unsubscribe(people[7])
        b.brevo.calls.clear()
        assert set(await unsendable(b.services, people)) == {people[7]}
        assert len(b.brevo.calls) <= 6


async def test_a_later_no_takes_off_the_lists_and_a_later_silence_does_not(
    bench: Any, roster: Any, person: Any
) -> None:
    async with bench(settings=block()) as b:
        roster(b.database, person(KIM), person(LEE))
        for email in (KIM, LEE):
            answered(b, email, "Yes", hours=9)
        await b.deliver(KIM, LEE)
        answered(b, KIM, "No", hours=2, session="8")
        answered(b, LEE, "", hours=2, session="8")
        await b.deliver(KIM, LEE)
        assert on_lists(b, [KIM, LEE]) == {KIM: set(), LEE: {16, 17}}


async def test_who_was_written_before_the_block_leaves_our_lists_and_no_others(
    bench: Any, roster: Any, person: Any
) -> None:
    """With skip, like somebody who is excluded afterwards: nothing else is written about them."""
    async with bench() as b:
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        b.brevo.contacts[KIM].list_ids.add(2)
        b.services.config = b.sims.config(**block("skip"))
        b.brevo.bodies.clear()
        roster(b.database, person(KIM, minutes=50))
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: {2}}
        assert [body for _, _, body in b.brevo.bodies] == [{"unlinkListIds": [16, 17]}]


async def test_a_plan_says_who_is_left_out_and_who_is_kept_off_lists(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=block("skip")) as b:
        roster(b.database, person(KIM), person(LEE), person(CHOI, Outcome.DENIED))
        answered(b, LEE, "No")
        number = await b.start()
        b.database.write_now(runs.add_people, number, [KIM, LEE, CHOI])
        told = await delivering.dry_run(b.services, number)
        shown = {each["email"]: each for each in told["writes"]}
        assert shown.keys() == {KIM, LEE}
        assert (shown[KIM]["change"], shown[KIM]["why"]) == ("left out", "no consent: no answer, nothing is written")
        assert (shown[LEE]["join"], shown[LEE]["held_back"]) == ([], "no consent: answered no")


# --- evidence ---


async def test_the_evidence_is_kept_and_told_also_when_the_registration_is_gone(
    bench: Any, roster: Any, person: Any
) -> None:
    async with bench(settings=block()) as b:
        roster(b.database, person(KIM))
        answered(b, KIM, "Yes", hours=9)
        answered(b, KIM, "no thanks", hours=30, session="8")
        await b.deliver(KIM)
        b.database.write_now(lambda c: c.execute(consents.registrations.delete()))
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: {16, 17}}
        told = b.database.read_now(story, KIM, b.services.terms, policy(b.services.config))
        assert [(each["answer"], each["decision"], each["subject"]) for each in told["consent"]["answers"]] == [
            ("no thanks", "no", "webinar:8"),
            ("Yes", "yes", "webinar:9"),
        ]
        assert told["consent"]["answers"][1]["at"] == (NOW - timedelta(hours=9)).isoformat()
        assert told["consent"]["answers"][1]["question"] == ASKED


async def test_a_corrected_answer_takes_the_place_of_the_old_one(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=block()) as b:
        roster(b.database, person(KIM))
        answered(b, KIM, "No")
        await b.deliver(KIM)
        b.database.write_now(lambda c: c.execute(consents.registrations.delete()))
        answered(b, KIM, "Yes")
        allowed = b.database.read_now(permissions, policy(b.services.config), [KIM])
        assert allowed.of(KIM).lists
        await b.deliver(KIM)
        assert len(b.database.read_now(consents.of_person, KIM)) == 1


# --- who opted out ---


def suppress(b: Any, *emails: str) -> None:
    told = [Suppression(email, Reason.UNSUBSCRIBED, Source.WEBHOOK, b.clock()) for email in emails]
    b.database.write_now(suppressions.add, told)


@pytest.mark.parametrize("people", [MANY[:5], MANY])
async def test_who_opted_out_is_updated_and_joins_no_list(bench: Any, roster: Any, person: Any, people: Any) -> None:
    """One by one and in bulk; on no import, not even for the moment of it."""
    async with bench() as b:
        b.brevo.add_contact(KIM, email_blacklisted=True, attributes={"LASTNAME": "Kept"})
        suppress(b, KIM)
        roster(b.database, *map(person, people))
        report = await b.deliver(*people)
        assert b.brevo.contacts[KIM].list_ids == set()
        assert b.brevo.contacts[KIM].attributes["ATTENDANCE_STATUS"] == "attended"
        assert b.brevo.contacts[KIM].email_blacklisted
        assert report["held_back"] == {"suppressed: unsubscribed": 1}
        imported = [body for _, path, body in b.brevo.bodies if path == "/contacts/import"]
        assert KIM not in repr(imported)
        assert (await b.deliver(*people))["unchanged"] == len(people)


async def test_who_opted_out_comes_back_on_no_list_by_any_later_session(bench: Any, roster: Any, person: Any) -> None:
    """Somebody took KIM off a list, KIM opts out, attends again, and the contact is deleted: none is made anew."""
    async with bench() as b:
        roster(b.database, person(KIM, Outcome.NO_SHOW))
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: {17}}
        b.brevo.unsubscribe(KIM)
        b.brevo.contacts[KIM].list_ids.clear()
        suppress(b, KIM)
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: set()}
        b.brevo.delete_contact(KIM)
        roster(b.database, person(KIM, minutes=10))
        report = await b.deliver(KIM)
        assert KIM not in b.brevo.contacts
        assert report["held_back"][writing.GONE] == 1
        assert b.database.read_now(letters.open_letters) == []
        b.brevo.add_contact(KIM)  # and comes again, subscribed
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: set()}
        assert await unsendable(b.services, [KIM]) == {KIM: "suppressed: unsubscribed"}
        assert b.brevo.complaints() == []


async def test_a_later_yes_lifts_no_opt_out(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=block()) as b:
        b.brevo.add_contact(KIM)
        suppress(b, KIM)
        roster(b.database, person(KIM))
        answered(b, KIM, "Yes", hours=1)
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: set()}
        assert set(await unsendable(b.services, [KIM])) == {KIM}


async def test_a_program_puts_nobody_back_either(bench: Any) -> None:
    async with bench() as b:
        b.brevo.add_contact(KIM)
        suppress(b, KIM)
        told = await write_one(b.services, KIM, {"FIRSTNAME": "Kim"}, frozenset({16}))
        assert told["lost"] == [["list 16", "suppressed: unsubscribed"]]
        assert b.brevo.contacts[KIM].list_ids == set()
        assert b.brevo.contacts[KIM].attributes["FIRSTNAME"] == "Kim"


STEPS = st.lists(
    st.tuples(st.sampled_from(["attend", "miss", "yes", "no", "leave", "delete", "add"]), st.integers(0, 2)),
    min_size=1,
    max_size=10,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_no_order_of_events_puts_anybody_back(
    steps: list[tuple[str, int]], simulators: Any, migrated: Any, tmp_path_factory: Any, roster: Any, person: Any
) -> None:
    """People attend, answer, opt out, are deleted in Brevo and come again, with a delivery after each step."""
    from shutil import copy

    from tajo.simulators.world import Stage
    from tajo.store.database import Database

    file = tmp_path_factory.mktemp("order") / "tajo.db"
    copy(migrated(), file)
    database = Database(f"sqlite:///{file}")
    sims = simulators(Stage(1, NOW).world())
    async with sims.services(database, sims.config(**block())) as services:

        class Here:
            pass

        b: Any = Here()
        b.database, b.brevo, b.services, b.clock = database, sims.brevo, services, sims.clock
        gone: dict[str, set[int]] = {}
        came = dict.fromkeys(MANY[:3], Outcome.ATTENDED)
        for n, (step, who) in enumerate(steps):
            email = MANY[who]
            there = email in sims.brevo.contacts
            if step in ("attend", "miss"):
                came[email] = Outcome.ATTENDED if step == "attend" else Outcome.NO_SHOW
            elif step in ("yes", "no"):
                answered(b, email, step, hours=9 - n % 9, session=str(n))
            elif step == "leave" and there:
                sims.brevo.unsubscribe(email)
                suppress(b, email)
                gone[email] = set(sims.brevo.contacts[email].list_ids)
            elif step == "delete" and there:
                sims.brevo.delete_contact(email)
                gone = {each: set() if each == email else lists for each, lists in gone.items()}
            elif step == "add" and not there:
                sims.brevo.add_contact(email)
            roster(database, *(person(each, outcome) for each, outcome in came.items()))
            await delivering.deliver_people(services, MANY[:3])
            for each, lists in gone.items():
                if each in sims.brevo.contacts:
                    assert sims.brevo.contacts[each].list_ids <= lists
                    gone[each] = set(sims.brevo.contacts[each].list_ids)
        assert sims.brevo.complaints() == []
        assert "Blacklist" not in repr(sims.brevo.bodies)
    database.close()


async def test_nothing_of_the_ledger_is_lost_by_an_opt_out(bench: Any, roster: Any, person: Any) -> None:
    """Whoever is still on a list of ours leaves it when the reason is gone, opted out or not."""
    async with bench() as b:
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        suppress(b, KIM)
        roster(b.database, person(KIM, Outcome.NO_SHOW))
        await b.deliver(KIM)
        assert on_lists(b, [KIM]) == {KIM: {17}}
        assert b.database.read_now(ledger.load, [KIM])[KIM].lists == {17}
