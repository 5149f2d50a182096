"""Double opt-in: Brevo asks once, nothing is written before the click, and the click is learned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.brevo.webhook import Joined, Told
from tajo.core.consent import CLICK
from tajo.core.errors import ConfigError, TransientError
from tajo.core.facts import Kind, Registration, Status
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.faults import Fault
from tajo.store import effects, facts, letters, notes, opt_ins, suppressions
from tajo.workflows import delivering
from tajo.workflows.checking import require_brevo
from tajo.workflows.consenting import policy
from tajo.workflows.opt_ins import ask, check_template, confirm
from tajo.workflows.opt_outs import take_in
from tajo.workflows.recipients import unsendable
from tajo.workflows.services import CONNECTED
from tajo.workflows.stories import story

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MANY = [f"p{n}@mail.example" for n in range(25)]
KIM, LEE, CHOI = MANY[:3]
PAGE = "https://example.com/thanks"
BLOCK = {
    "consent": {
        "question": "News?",
        "on_missing": "double_opt_in",
        "double_opt_in": {"template": 12, "redirect_url": PAGE},
    }
}
ASK = "/contacts/doubleOptinConfirmation"


def prepare(b: Any) -> None:
    """A template that can ask, and a connector that was connected a month ago."""
    b.brevo.add_template(12, html="<a href='{{ params.DOIurl }}'>Yes</a>", tag="optin")
    b.database.write_now(notes.put, CONNECTED, (NOW - timedelta(days=30)).isoformat())


def asked(b: Any) -> list[dict[str, Any]]:
    return [body for _, path, body in b.brevo.bodies if path == ASK]


def state(b: Any, email: str = KIM) -> str | None:
    known: dict[str, str] = b.database.read_now(effects.known, [opt_ins.key(email)])
    return known.get(opt_ins.key(email))


async def delivered(b: Any, *emails: str) -> int:
    """As the service does it: contacts first, then who is to be asked is asked."""
    await b.deliver(*emails)
    return await ask(b.services, emails)


async def test_nothing_is_written_before_the_click_and_all_after_it(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        assert await delivered(b, KIM) == 1
        assert asked(b) == [{"email": KIM, "includeListIds": [16, 17], "templateId": 12, "redirectionUrl": PAGE}]
        assert dict(b.brevo.contacts) == {}
        assert await unsendable(b.services, [KIM]) == {KIM: "no consent: double opt-in not confirmed"}
        b.brevo.click_opt_in(KIM)
        assert await delivered(b, KIM) == 0
        assert b.brevo.contacts[KIM].attributes["ATTENDANCE_STATUS"] == "attended"
        assert await unsendable(b.services, [KIM]) == {}
        told = b.database.read_now(story, KIM, b.services.terms, policy(b.services.config))["consent"]
        assert (told["lists"], told["double_opt_in"]) == (True, "sent")
        assert [(each["subject"], each["decision"]) for each in told["answers"]] == [("double opt-in", "yes")]


async def test_everybody_is_asked_once_whatever_comes(bench: Any, roster: Any, person: Any) -> None:
    """Another session, another week, another delivery: one mail."""
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM), person(LEE))
        await delivered(b, KIM, LEE)
        roster(b.database, person(KIM), number="8")
        b.clock.forward(minutes=10)
        assert await delivered(b, KIM, LEE) == 0
        assert [body["email"] for body in asked(b)] == [KIM, LEE]


async def test_who_answered_is_excluded_or_opted_out_is_not_asked(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        for email, answer in ((KIM, "Yes"), (LEE, "No")):
            told = Registration(
                f"r-{email}", email, Status.APPROVED, NOW - timedelta(hours=9), answers=(("news?", answer),)
            )
            b.database.write_now(facts.save_registrations, Kind.WEBINAR, "9", [told])
        told_ = Suppression(MANY[4], Reason.COMPLAINT, Source.WEBHOOK, NOW)
        b.database.write_now(suppressions.add, [told_])
        b.brevo.add_contact(MANY[5], email_blacklisted=True)
        b.brevo.add_contact(MANY[6], list_ids=[16, 17])  # on the lists by somebody else's doing
        b.brevo.add_contact(MANY[7], list_ids=[17])
        roster(b.database, person(CHOI, excluded="host"), *(person(e) for e in (KIM, LEE, *MANY[3:8])))
        await delivered(b, *MANY[:8])
        assert {body["email"]: body["includeListIds"] for body in asked(b)} == {MANY[3]: [16, 17], MANY[7]: [16]}
        assert b.brevo.contacts[KIM].list_ids == {16, 17}
        assert b.brevo.contacts[LEE].list_ids == set()


async def test_of_old_sessions_nobody_is_asked(bench: Any, roster: Any, person: Any) -> None:
    """Of before the connector was connected, or longer ago than events.max_age."""
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        b.database.write_now(notes.put, CONNECTED, NOW.isoformat())
        assert await delivered(b, KIM) == 0
        b.database.write_now(notes.put, CONNECTED, (NOW - timedelta(days=30)).isoformat())
        b.clock.forward(hours=73)
        assert await delivered(b, KIM) == 0


async def test_who_is_still_on_our_list_from_before_is_asked_after_they_left_it(
    bench: Any, roster: Any, person: Any
) -> None:
    """Else what we did ourselves would look like a click."""
    async with bench(settings=BLOCK) as b:
        prepare(b)
        b.services.config = b.sims.config()
        roster(b.database, person(KIM))
        await b.deliver(KIM)
        b.services.config = b.sims.config(**BLOCK)
        assert await ask(b.services, [KIM]) == 0
        assert await delivered(b, KIM) == 1
        assert b.brevo.contacts[KIM].list_ids == set()
        assert await confirm(b.services) == set()
        b.brevo.click_opt_in(KIM)
        assert await confirm(b.services) == {KIM}


async def test_many_clicks_are_read_by_the_page(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, *map(person, MANY))
        assert await delivered(b, *MANY) == 25
        for email in MANY[:9]:
            b.brevo.click_opt_in(email)
        b.brevo.calls.clear()
        assert await confirm(b.services) == set(MANY[:9])
        assert len(b.brevo.calls) == 1
        assert await confirm(b.services) == set()


async def test_a_click_is_looked_for_a_month_long(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        await delivered(b, KIM)
        b.clock.forward(days=31)
        b.brevo.click_opt_in(KIM)
        assert await confirm(b.services) == set()


# --- a webhook tells of the click ---


@pytest.mark.parametrize(("lists", "clicked"), [({17}, True), ({16, 17, 40}, True), ({40}, False), (set(), False)])
async def test_a_webhook_about_one_of_the_lists_is_a_click(
    bench: Any, roster: Any, person: Any, lists: set[int], clicked: bool
) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        await delivered(b, KIM)
        told = Told(joined=(Joined(KIM, frozenset(lists)), Joined("other@mail.example", frozenset({17}))))
        for _ in range(2):
            b.database.write_now(take_in, told, b.clock())
        allowed = b.database.read_now(story, KIM, b.services.terms, policy(b.services.config))["consent"]["lists"]
        assert allowed is clicked
        assert b.database.read_now(story, "other@mail.example", b.services.terms, policy(b.services.config)) is None


# --- what goes wrong ---


async def test_without_an_answer_it_is_parked_and_never_repeated(bench: Any, roster: Any, person: Any) -> None:
    """The mail may have gone out: a click counts all the same."""
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        b.brevo.faults_after.order(Fault.respond(502), f"POST {ASK}")
        assert await delivered(b, KIM) == 0
        assert state(b) == "ambiguous"
        assert await delivered(b, KIM) == 0
        assert len(asked(b)) == 1
        b.brevo.click_opt_in(KIM)
        assert await confirm(b.services) == {KIM}


async def test_what_keeps_brevo_from_sending_is_a_letter_and_tried_again(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM))
        b.brevo.exhaust_credits()
        assert await delivered(b, KIM) == 0
        assert state(b) is None
        assert [each.subject for each in b.database.read_now(letters.open_letters)] == [CLICK]
        b.brevo.restore()
        assert await delivered(b, KIM) == 1
        assert b.database.read_now(letters.open_letters) == []


async def test_whom_brevo_refuses_to_ask_has_a_dead_letter(bench: Any, roster: Any, person: Any) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        roster(b.database, person(KIM), person(LEE))
        refusal = b'{"code":"invalid_parameter","message":"Invalid email address"}'
        b.brevo.faults.order(Fault.respond(400, refusal), f"POST {ASK}")
        assert await delivered(b, KIM, LEE) == 1
        assert (state(b), state(b, LEE)) == ("refused", "sent")
        assert [each.subject for each in b.database.read_now(letters.open_letters)] == [KIM]


async def test_killed_between_asking_and_its_record_nobody_is_asked_twice(bench: Any, roster: Any, person: Any) -> None:
    """At every write of it: at most one mail, and never a second."""
    async with bench(settings=BLOCK) as b:
        prepare(b)
        for n in range(9):
            email = MANY[n]
            roster(b.database, person(email))

            async def work(email: str = email) -> None:
                await delivering.deliver_people(b.services, [email])
                await ask(b.services, [email])

            died = await b.as_if_killed_before(n, work)
            b.clock.forward(minutes=1)
            b.services.started_at = b.clock()
            await work()
            mails = [body["email"] for body in asked(b)].count(email)
            assert mails == 1 or (mails == 0 and state(b, email) == "ambiguous")
            if not died:
                break
        else:
            pytest.fail("more writes than expected")


# --- the template ---


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (None, "no template 12"),
        ({"is_active": False, "html": "{{ params.DOIurl }} here", "tag": "optin"}, "is not active"),
        ({"html": "<p>Hello you</p>"}, "cannot ask"),
    ],
)
async def test_a_template_that_cannot_ask_is_named_with_its_line(
    bench: Any, roster: Any, person: Any, template: Any, problem: str
) -> None:
    async with bench(settings=BLOCK) as b:
        prepare(b)
        del b.brevo.templates[12]
        if template is not None:
            b.brevo.add_template(12, **template)
        for work in (check_template, require_brevo):
            with pytest.raises(ConfigError, match=problem):
                await work(b.services)
        roster(b.database, person(KIM))
        assert await delivered(b, KIM) == 0
        assert (asked(b), state(b)) == ([], None)
        (letter,) = b.database.read_now(letters.open_letters)
        assert problem in letter.reason
        b.brevo.templates.clear()
        b.brevo.add_template(12, html="<a href='{{ params.DOIurl }}'>Yes</a>", tag="optin")
        assert await delivered(b, KIM) == 1


async def test_while_brevo_cannot_be_asked_the_start_goes_on(bench: Any) -> None:
    async with bench(settings=BLOCK) as b:
        b.brevo.faults.order(Fault.respond(503), "GET /smtp/templates", times=None)
        with pytest.raises(TransientError):
            await check_template(b.services)
        await require_brevo(b.services)


async def test_the_start_refuses_a_list_that_brevo_lacks(bench: Any) -> None:
    """A number that no list has; a name is no mistake: then connecting creates it."""
    async with bench(settings={"zoom": {"lists": {"webinar_attendees": "to be made", "webinar_no_shows": 99}}}) as b:
        with pytest.raises(ConfigError, match=r"Brevo has no list 99, which lists\.webinar_no_shows names"):
            await require_brevo(b.services)


async def test_without_the_policy_nothing_is_asked(bench: Any, roster: Any, person: Any) -> None:
    async with bench() as b:
        roster(b.database, person(KIM))
        assert await delivered(b, KIM) == 0
        b.brevo.calls.clear()
        await check_template(b.services)
        assert await confirm(b.services) == set()
        assert len(b.brevo.calls) == 0
