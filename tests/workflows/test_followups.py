"""Follow-up mails: kept, judged when they are due, and sent at most once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tajo.cli.why import narrate
from tajo.core.errors import ConfigError, CredentialError, TransientError
from tajo.core.facts import Instance, Kind
from tajo.core.outcome import Outcome, Readiness
from tajo.simulators.faults import Fault
from tajo.store import facts, letters, mails, notes, recordings, rosters
from tajo.store.database import Database
from tajo.store.recordings import Recorded
from tajo.workflows import checking, followups, live, mailing, sending
from tajo.workflows.announcing import announce, release
from tajo.workflows.mail_calls import Sent
from tajo.workflows.stories import story

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
THANKS = {
    "name": "thanks",
    "when": "webinar.attended",
    "if": {"attended_percent": ">= 50"},
    "send": {"template": 12, "params": {"minutes": "duration_minutes"}},
}
MISSED = {"name": "missed", "when": "webinar.no_show", "wait": "2h", "send": {"template": 12}}
REPLAY = {"name": "replay", "when": "recording.ready", "to": ["no_show"], "send": {"template": 12}}


@pytest.fixture
def mailer(bench: Callable[..., Any], roster: Callable[..., None]) -> Callable[..., Any]:
    """Opens a bench with a template, rules that were there before the webinar, and these people on its roster."""

    @asynccontextmanager
    async def open_it(
        *people: Any, rules: Any = (THANKS, MISSED), database: Database | None = None, **more: Any
    ) -> AsyncIterator[Any]:
        settings = {"follow_ups": list(rules)} | more
        async with bench(settings=settings, database=database) as it:
            it.brevo.add_template(12, is_active=True)
            long_ago = (it.clock() - timedelta(days=30)).isoformat()
            it.database.write_now(notes.put, "connector.zoom.connected_at", long_ago)
            for each in rules:
                it.database.write_now(notes.put, f"follow_up.{each['name']}.loaded_at", long_ago)
            roster(it.database, *people)
            await it.deliver(*(each.email for each in people))
            yield it

    return open_it


async def plan(it: Any, **more: Any) -> Any:
    return await followups.plan(it.services, it.database.read_now(rosters.held), **more)


def mailed(it: Any) -> list[str]:
    return sorted(to for mail in it.brevo.sent_mails for to in mail.to)


def states(it: Any, rule: str = "thanks") -> dict[str, int]:
    found = it.database.read_now(mails.overview, rule)
    return found[0]["mails"] if found else {}


async def send(it: Any, rule: str = "thanks") -> Any:
    (subject,) = {line["subject"] for line in it.database.read_now(mails.overview, rule)}
    return await sending.send_due(it.services, rule, subject)


async def test_attendees_get_the_mail_once_with_their_parameters(
    mailer: Callable[..., Any], person: Callable[..., Any], database: Database
) -> None:
    people = [person("a@example.com"), person("b@example.com", minutes=10), person("c@example.com", Outcome.NO_SHOW)]
    async with mailer(*people, database=database) as it:
        assert await plan(it) == {"kept": 2, "too_old": 0}
        assert (await send(it)).sent == 1
        (mail,) = it.brevo.sent_mails
        assert (mail.to, mail.template_id, mail.params) == (["a@example.com"], 12, {"minutes": 40})
        await plan(it)
        assert (await send(it)).sent == 0
        assert mailed(it) == ["a@example.com"]


async def test_a_mail_waits_for_its_hour(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    """The webinar ended four hours ago; the mail is due six hours after the end."""
    async with mailer(person("a@example.com", Outcome.NO_SHOW), rules=[MISSED | {"wait": "6h"}]) as it:
        await plan(it)
        assert (await send(it, "missed")).sent == 0
        assert it.database.read_now(mails.due, it.clock(), it.clock()) == []
        it.clock.now += 2 * HOUR
        assert len(it.database.read_now(mails.due, it.clock(), it.clock())) == 1
        assert (await send(it, "missed")).sent == 1


async def test_a_correction_withdraws_what_waits_and_repeats_nothing_that_was_sent(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    """Each of two people turns from absent to attending and back; nobody has a rule's mail twice."""
    a, b = "a@example.com", "b@example.com"
    async with mailer(person(a, Outcome.NO_SHOW), person(b, Outcome.NO_SHOW)) as it:
        await plan(it)
        roster(it.database, person(a), person(b, Outcome.NO_SHOW))
        await plan(it)
        assert await send(it, "missed") == Sent(sent=1, withdrawn=1)
        assert (await send(it)).sent == 1
        roster(it.database, person(a, Outcome.NO_SHOW), person(b))
        for _ in range(2):
            await plan(it)
            await send(it, "missed")
            await send(it)
        assert mailed(it) == [a, a, b, b]
        assert (states(it, "missed"), states(it)) == ({"sent": 2}, {"sent": 2})


async def test_what_waited_longer_than_max_age_goes_no_more(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        it.clock.now += timedelta(hours=69)
        assert await send(it) == Sent(too_old=1)
        assert it.brevo.sent_mails == []


async def test_nobody_unsubscribed_is_mailed(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    async with mailer(person("a@example.com"), person("b@example.com"), person("c@example.com")) as it:
        it.brevo.unsubscribe("a@example.com")
        it.brevo.unsubscribe_transactional("b@example.com", "no-reply@shop.example")
        await plan(it)
        assert await send(it) == Sent(sent=1, suppressed=2)
        assert mailed(it) == ["c@example.com"]


async def test_who_has_no_contact_yet_is_asked_about_later(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        it.brevo.delete_contact("a@example.com")
        await plan(it)
        assert await send(it) == Sent()
        assert states(it) == {"waiting": 1}
        it.brevo.add_contact("a@example.com", list_ids=[16])
        assert await send(it) == Sent()
        it.clock.now += timedelta(minutes=11)
        assert await send(it) == Sent(sent=1)


async def test_while_brevo_cannot_be_read_nobody_is_mailed(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        it.brevo.faults.order(Fault.respond(503), "GET /smtp/blockedContacts", times=None)
        with pytest.raises(TransientError):
            await send(it)
        it.brevo.faults.clear()
        assert (it.brevo.sent_mails, states(it)) == ([], {"waiting": 1})
        assert await send(it) == Sent(sent=1)


@pytest.mark.parametrize("active", [True, False])
async def test_a_template_that_is_missing_or_inactive_lets_the_rule_rest(
    mailer: Callable[..., Any], person: Callable[..., Any], active: bool
) -> None:
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        if active:
            del it.brevo.templates[12]
        else:
            it.brevo.templates[12].is_active = False
        with pytest.raises(ConfigError, match="template 12") as caught:
            await send(it)
        remedy = "write the number of one that exists" if active else "activate it in Brevo, or name another one"
        assert (caught.value.hint, "rests" in caught.value.message) == (remedy, False)
        assert states(it) == {"waiting": 1}


async def test_an_account_that_may_not_send_loses_nothing(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        it.brevo.under_validation()
        with pytest.raises(CredentialError, match="not activated sending"):
            await send(it)
        assert states(it) == {"waiting": 1}
        it.brevo.restore()
        assert await send(it) == Sent(sent=1)


async def test_a_call_without_an_answer_is_made_again_under_its_key(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    """Brevo sent the mails and its answers were lost, for longer than one call is tried."""
    async with mailer(person("a@example.com"), person("b@example.com")) as it:
        await plan(it)
        it.brevo.faults.order(Fault.reset_after(), "POST /smtp/email", times=1)
        it.brevo.faults.order(Fault.respond(503), "POST /smtp/email", times=None)
        with pytest.raises(TransientError):
            await send(it)
        assert states(it) == {"sending": 2}
        it.brevo.faults.clear()
        it.clock.now += timedelta(minutes=3)
        assert await send(it) == Sent(sent=2)
        assert mailed(it) == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("arrived", [True, False])
async def test_who_opts_out_while_a_call_has_no_answer_is_not_in_the_next(
    mailer: Callable[..., Any], person: Callable[..., Any], arrived: bool
) -> None:
    """Whether the call had arrived or not, nobody is mailed after they opted out, and the other exactly once."""
    async with mailer(person("a@example.com"), person("b@example.com")) as it:
        await plan(it)
        it.brevo.faults.order(Fault.reset_after() if arrived else Fault.respond(503), "POST /smtp/email", times=1)
        it.brevo.faults.order(Fault.respond(503), "POST /smtp/email", times=None)
        with pytest.raises(TransientError):
            await send(it)
        it.brevo.faults.clear()
        it.brevo.unsubscribe("b@example.com")
        it.clock.now += timedelta(minutes=3)
        again = Sent(sent=2) if arrived else Sent(sent=1, uncertain=1)
        assert await send(it) == again
        assert mailed(it) == (["a@example.com", "b@example.com"] if arrived else ["a@example.com"])


async def test_after_the_life_of_its_key_the_log_tells_and_the_rest_is_uncertain(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com"), person("b@example.com")) as it:
        await plan(it)
        it.brevo.faults.order(Fault.reset_after(), "POST /smtp/email", times=1)
        it.brevo.faults.order(Fault.respond(503), "POST /smtp/email", times=None)
        with pytest.raises(TransientError):
            await send(it)
        it.brevo.faults.clear()
        it.brevo.sent_mails.pop()
        it.clock.now += timedelta(minutes=31)
        assert await send(it) == Sent(sent=1, uncertain=1)
        assert len(mailed(it)) == 1
        assert await send(it) == Sent()


async def test_one_whom_brevo_refuses_costs_nobody_else_the_mail(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    people = [person(f"p{n}@example.com") for n in range(5)]
    async with mailer(*people) as it:
        await plan(it)
        refuse = Fault.respond(400, b'{"code":"invalid_parameter","message":"email is not valid in to"}')
        it.brevo.faults.order(refuse, "POST /smtp/email", times=3)  # the five, the first two of them, the first
        report = await send(it)
        assert (report.sent, report.refused) == (4, 1)
        (letter,) = it.database.read_now(letters.open_letters)
        assert letter.subject == "p0@example.com"
        assert mailed(it) == [f"p{n}@example.com" for n in range(1, 5)]


async def test_a_recording_mail_shows_the_newest_link(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    async with mailer(person("a@example.com"), person("b@example.com", Outcome.NO_SHOW), rules=[REPLAY]) as it:
        told = Recorded("u9", "9", Kind.WEBINAR, "", "https://zoom.example/1", "pw", 60, False, it.clock() - HOUR)
        it.database.write_now(recordings.save, told)
        (held,) = it.database.read_now(rosters.held)
        await plan(it, recorded={held.key: told.told_at})
        newer = Recorded("u9", "9", Kind.WEBINAR, "", "https://zoom.example/2", "pw", 60, False, it.clock())
        it.database.write_now(recordings.save, newer)
        await plan(it, recorded={held.key: newer.told_at})
        assert await send(it, "replay") == Sent(sent=1)
        (mail,) = it.brevo.sent_mails
        assert (mail.to, mail.params["share_url"]) == (["b@example.com"], "https://zoom.example/2")


async def test_a_preview_shows_the_recording_or_says_that_it_is_not_there(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com"), person("b@example.com", Outcome.NO_SHOW), rules=[REPLAY]) as it:
        rule = mailing.rule_named(it.services, "replay")
        (held,) = await mailing.session(it.services, "9")
        shown = (await mailing.preview(it.services, rule, held)).json()
        assert (shown["would_get_it"], shown["why_nobody"]) == (0, "the recording is not there yet")
        told = Recorded("u9", "9", Kind.WEBINAR, "", "https://zoom.example/1", "pw", 60, False, it.clock())
        it.database.write_now(recordings.save, told)
        shown = (await mailing.preview(it.services, rule, held)).json()
        share = {"share_url": "https://zoom.example/1", "passcode": "pw"}
        assert shown["samples"] == [{"email": "b@example.com", "params": share}]
        assert (shown["others"], shown["why_nobody"], shown["only_on_purpose"]) == (1, None, None)


@pytest.mark.parametrize(
    ("readiness", "why"),
    [(Readiness.COMING, "the session is still to come, or goes on"), (Readiness.SETTLING, "the session's report may")],
)
async def test_a_preview_of_a_session_that_is_not_over_says_so(
    mailer: Callable[..., Any],
    person: Callable[..., Any],
    roster: Callable[..., None],
    readiness: Readiness,
    why: str,
) -> None:
    async with mailer(person("a@example.com")) as it:
        roster(it.database, person("a@example.com", Outcome.REGISTERED), ready=readiness)
        (held,) = await mailing.session(it.services, "9")
        shown = (await mailing.preview(it.services, mailing.rule_named(it.services, "thanks"), held)).json()
        assert (shown["would_get_it"], shown["others"]) == (0, None)
        assert shown["why_nobody"].startswith(why)


async def test_a_rule_is_previewed_cancelled_and_sent_on_purpose(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    async with mailer(person("a@example.com"), person("b@example.com")) as it:
        services = it.services
        rule = mailing.rule_named(services, "thanks")
        (held,) = await mailing.session(services, "9")
        it.brevo.unsubscribe("b@example.com")
        shown = (await mailing.preview(services, rule, held)).json()
        assert (shown["would_get_it"], list(shown["barred"].values())) == (1, [1])
        assert it.brevo.sent_mails == []
        await plan(it)
        assert await mailing.cancel(services, rule, held) == 2
        roster(it.database, person("a@example.com"), person("b@example.com"), person("c@example.com"))
        await it.deliver("c@example.com")
        await plan(it)
        assert await send(it) == Sent()
        it.clock.now += timedelta(days=30)
        done = await mailing.send(services, [await mailing.preview(services, rule, held)])
        assert (done["sent"], mailed(it)) == (2, ["a@example.com", "c@example.com"])
        again = await mailing.preview(services, rule, held)
        assert await mailing.send(services, [again]) == {"asked": 0}


async def test_who_registers_after_the_rule_was_cancelled_gets_no_mail(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    """A registration's mail is about the session, not about one of its dates: cancelling is, too."""
    welcome = {"name": "welcome", "when": "webinar.registered", "send": {"template": 12}}
    async with mailer(rules=[welcome]) as it:
        signed_up = person("a@example.com", Outcome.REGISTERED)
        roster(it.database, signed_up, ready=Readiness.COMING)
        (held,) = await mailing.session(it.services, "9")
        rule = mailing.rule_named(it.services, "welcome")
        assert await mailing.cancel(it.services, rule, held) == 0
        assert await plan(it) == {"kept": 0, "too_old": 0}
        await it.deliver("a@example.com")
        it.database.write_now(mails.ask, (await mailing.preview(it.services, rule, held)).meant.mails, it.clock())
        assert states(it, "welcome") == {"waiting": 1}


async def test_sending_on_purpose_sees_a_dead_process_call_to_its_end(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    """Everybody's mail was on its way when the process ended: nobody else waits, and the call is made again."""
    async with mailer(person("a@example.com"), person("b@example.com")) as it:
        await plan(it)
        (held,) = await mailing.session(it.services, "9")
        waiting = it.database.read_now(mails.load, "thanks", held.key, mails.WAITING)
        claims = [(each.key, {"minutes": 40}) for each in waiting]
        call = "0d7e2c6e-5a0f-4d0b-9a53-0c6f3f6b8a11"
        it.database.write_now(partial(mails.claim, call=call, holder="gone", now=it.clock()), claims)
        shown = await mailing.preview(it.services, mailing.rule_named(it.services, "thanks"), held)
        assert shown.json()["would_get_it"] == 0
        assert (await mailing.send(it.services, [shown]))["sent"] == 2
        assert mailed(it) == ["a@example.com", "b@example.com"]


ANNOUNCE = {
    "name": "announce",
    "when": "webinar.attended",
    "campaign": {"template": 12, "list": "Recording: {topic} {date}", "to": ["attended"], "mode": "send"},
}


async def test_a_campaign_goes_to_a_list_of_its_own_once(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    people = [person("a@example.com"), person("b@example.com"), person("c@example.com")]
    async with mailer(*people, rules=[ANNOUNCE]) as it:
        it.brevo.unsubscribe("c@example.com")
        await plan(it)
        assert await send(it, "announce") == Sent(sent=2, suppressed=1)
        (campaign,) = it.brevo.campaigns.values()
        assert (campaign.status, sorted(campaign.recipients)) == ("sent", ["a@example.com", "b@example.com"])
        names = [each.name for each in it.brevo.lists.values()]
        assert names.count("Recording: 봄 웨비나 2026-11-24") == 1


async def test_a_campaign_that_breaks_off_anywhere_is_one_campaign(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    """Brevo's answer to each of its calls is lost once: nothing is there twice."""
    async with mailer(person("a@example.com"), rules=[ANNOUNCE]) as it:
        await plan(it)
        for call in ("POST /contacts/lists/", "POST /emailCampaigns", "POST /emailCampaigns/"):
            it.brevo.faults.order(Fault.reset_after(), re.compile(rf"^{call}"), times=1)
            try:
                await send(it, "announce")
            except TransientError:
                it.clock.now += timedelta(minutes=3)
        assert (await send(it, "announce")).refused == 0
        (campaign,) = it.brevo.campaigns.values()
        assert campaign.recipients == ["a@example.com"]
        assert states(it, "announce") == {"sent": 1}


async def test_who_comes_by_a_correction_after_the_campaign_is_not_mailed_by_another_one(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    async with mailer(person("a@example.com"), rules=[ANNOUNCE]) as it:
        await plan(it)
        await send(it, "announce")
        roster(it.database, person("a@example.com"), person("b@example.com"))
        await it.deliver("b@example.com")
        await plan(it)
        assert await send(it, "announce") == Sent(too_old=1)
        assert len(it.brevo.campaigns) == 1


async def test_a_draft_is_left_as_a_draft(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    draft = ANNOUNCE | {"campaign": ANNOUNCE["campaign"] | {"mode": "draft"}}
    async with mailer(person("a@example.com"), rules=[draft]) as it:
        await plan(it)
        assert await send(it, "announce") == Sent(drafted=1)
        (campaign,) = it.brevo.campaigns.values()
        assert campaign.status == "draft"
        assert states(it, "announce") == {"drafted": 1}
        await plan(it)
        (held,) = await mailing.session(it.services, "9")
        shown = await mailing.preview(it.services, mailing.rule_named(it.services, "announce"), held)
        assert shown.json()["why_nobody"] == "all whom the rule means have it, or may have it"
        assert await mailing.send(it.services, [shown]) == {"asked": 0}


async def test_check_names_what_a_rule_lacks(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    bare = {"name": "bare", "when": "webinar.attended", "send": {"template": 12}}
    gone = {"name": "gone", "when": "webinar.attended", "send": {"template": 99}}
    off = {"name": "off", "when": "webinar.attended", "send": {"template": 13}}
    async with mailer(person("a@example.com"), rules=[bare, gone, off, REPLAY]) as it:
        it.brevo.add_template(12, html="<p>{{ params.minutes }} {{params.share_url}}</p>")
        it.brevo.add_template(13, is_active=False)
        found = [each async for each in checking.check(it.services, it.services.tokens)]
        told = {each.text: each.exit for each in found if each.subject == "follow-ups"}
        assert [
            any(words in text and code == 3 for text, code in told.items())
            for words in (
                "shows params.minutes, which the follow-up bare",
                "no template 99",
                "template 13 is not active",
            )
        ] == [True, True, True]
        with pytest.raises(ConfigError, match=r"params\.minutes"):
            await checking.require_brevo(it.services)


async def test_a_start_does_not_wait_for_a_brevo_that_is_away(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        it.brevo.faults.order(Fault.respond(503), "GET /smtp/templates/12", times=None)
        await checking.require_brevo(it.services)


async def test_two_thousand_mails_are_one_call_or_two(mailer: Callable[..., Any], person: Callable[..., Any]) -> None:
    async with mailer(*(person(f"p{n:04}@example.com") for n in range(2000))) as it:
        await plan(it)
        it.brevo.calls.clear()
        assert await send(it) == Sent(sent=2000)
        assert it.brevo.calls.count(method="POST", prefix="/smtp/email") <= 3
        assert len(set(mailed(it))) == len(mailed(it)) == 2000


async def test_killed_before_any_write_nobody_is_mailed_twice(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    """Killed before its first write, its second, and so on; a webinar of its own each time, and done again."""
    async with mailer() as it:
        died, number = True, 0
        while died:
            number += 1
            people = [person(f"k{number}p{n}@example.com") for n in range(3)]
            roster(it.database, *people, number=str(number))
            await it.deliver(*(each.email for each in people))
            await plan(it)
            line = next(each for each in it.database.read_now(mails.overview) if f":{number}:" in each["subject"])
            work = partial(sending.send_due, it.services, "thanks", line["subject"])
            died = await it.as_if_killed_before(number - 1, work)
            it.clock.now += timedelta(minutes=3)
            await work()
            assert sorted(to for to in mailed(it) if to.startswith(f"k{number}p")) == [each.email for each in people]
        assert number > 3


async def test_why_tells_a_persons_mails_and_why_there_is_none(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com"), person("b@example.com"), person("c@example.com", Outcome.NO_SHOW)) as it:
        it.brevo.unsubscribe("b@example.com")
        await plan(it)
        await send(it)
        lines = {
            who: "\n".join(narrate(it.database.read_now(story, f"{who}@example.com", it.services.terms) or {}))
            for who in ("a", "b", "c")
        }
        assert "mail thanks about webinar:9:20261124T0430Z: sent" in lines["a"]
        assert "suppressed" in lines["b"]
        assert "suppressed since" in lines["b"]
        assert "mail missed about webinar:9:20261124T0430Z: waiting" in lines["c"]


async def test_mails_of_a_rule_that_is_taken_out_wait_for_it_to_come_back(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        with_rules, it.services.config = it.services.config, it.sims.config(follow_ups=[])
        assert await followups.enqueue_due(it.services) == 0
        assert await send(it) == Sent()
        it.services.config = with_rules
        assert await send(it) == Sent(sent=1)


async def test_an_event_after_a_kill_leaves_the_mails_of_before_to_their_rule(
    mailer: Callable[..., Any], person: Callable[..., Any]
) -> None:
    """Killed before the answer to a call was kept; the next process tells events first, and then the rule goes on."""
    async with mailer(person("a@example.com")) as it:
        await plan(it)
        await it.as_if_killed_before(3, partial(send, it))
        assert states(it) == {"sending": 1}
        it.clock.forward(minutes=3)
        it.services.started_at = it.clock()
        await announce(it.services, [])
        assert await release(it.services) == 0
        assert (await send(it)).sent == 1
        assert (states(it), mailed(it)) == ({"sent": 1}, ["a@example.com"])


async def test_whom_a_later_read_brings_gets_the_mail_about_the_recording(
    mailer: Callable[..., Any], person: Callable[..., Any], roster: Callable[..., None]
) -> None:
    """Told while the report was overdue, when nobody could say who was missed; a read after that says it."""
    async with mailer(person("a@example.com", Outcome.UNKNOWN), rules=[REPLAY]) as it:
        end = it.clock() - 4 * HOUR
        held = Instance("u9", end - HOUR, end)
        it.database.write_now(facts.save_instances, Kind.WEBINAR, "9", [held])
        told = Recorded(
            "u9", "9", Kind.WEBINAR, "", "https://z.example/s", "", 60, transcript=False, told_at=it.clock()
        )
        it.database.write_now(recordings.save, told)
        await plan(it, recorded={each.key: it.clock() for each in it.database.read_now(rosters.held)})
        assert states(it, "replay") == {}
        roster(it.database, person("a@example.com", Outcome.NO_SHOW))
        await live.tell(it.services, ["a@example.com"], it.database.read_now(rosters.held))
        assert (await send(it, "replay")).sent == 1
