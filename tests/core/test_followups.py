"""Follow-up rules: whom they mean, and when their mails are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.announce import Moment, Share
from tajo.core.conditions import Condition, comparison
from tajo.core.contact import Entry
from tajo.core.engagement import Weights
from tajo.core.facts import Kind
from tajo.core.fields import FIELDS, Terms, question
from tajo.core.followups import Rule, Window, due, in_terms, is_meant, is_too_late, meant, params, those_within
from tajo.core.outcome import Outcome, Readiness

START = datetime(2026, 9, 1, 5, 0, tzinfo=UTC)  # 14:00 in Seoul
ENDED = START + timedelta(hours=1)
LONG_AGO = START - timedelta(days=90)
KEY = "webinar:9:20260901T0500Z"


def entry(outcome: Outcome = Outcome.ATTENDED, **more: Any) -> Entry:
    """An hour's webinar; an attendee was there for all of it."""
    came = outcome is Outcome.ATTENDED
    given: dict[str, Any] = {
        "occurrence": KEY,
        "kind": Kind.WEBINAR,
        "session_id": "9",
        "uuid": "u",
        "topic": "제품 소개",
        "start": START,
        "time_zone": "Asia/Seoul",
        "host_email": "host@example.com",
        "held": timedelta(hours=1),
        "readiness": Readiness.FINAL,
        "outcome": outcome,
        "approved": True,
        "ended_at": ENDED,
        "joined": START if came else None,
        "left": ENDED if came else None,
        "late_at": START + timedelta(minutes=48),
        "present": timedelta(hours=1) if came else timedelta(),
        "joins": int(came),
        "registered_at": START - timedelta(days=3),
    }
    return Entry(**given | more)


def rule(moment: Moment = Moment.ATTENDED, **more: Any) -> Rule:
    return Rule("thanks", Kind.WEBINAR, moment, 12, **more)


def mails(mine: Rule, *entries: Entry, now: datetime = ENDED, **more: Any) -> list[str]:
    people = {f"p{n}@example.com": [each] for n, each in enumerate(entries)}
    given: dict[str, Any] = {"now": now, "since": LONG_AGO} | more
    return [each.email for each in meant(mine, people, [KEY], **given).mails]


def test_attended_means_the_attendees_alone() -> None:
    everybody = [entry(outcome) for outcome in Outcome]
    assert mails(rule(), *everybody) == [f"p{list(Outcome).index(Outcome.ATTENDED)}@example.com"]


def test_a_no_show_of_a_report_that_never_settled_gets_no_mail() -> None:
    missed = rule(Moment.NO_SHOW)
    assert mails(missed, entry(Outcome.NO_SHOW)) == ["p0@example.com"]
    assert mails(missed, entry(Outcome.NO_SHOW, readiness=Readiness.OVERDUE)) == []


@pytest.mark.parametrize("moment", [Moment.REGISTERED, Moment.ATTENDED, Moment.NO_SHOW, Moment.RECORDING_READY])
@pytest.mark.parametrize("who", ["attended", "no_show", "unknown", "left_early"])
def test_a_rule_can_mean_those_within_its_moment_and_no_others(moment: Moment, who: str) -> None:
    left = entry(left=START + timedelta(minutes=10))
    everybody = [left, *(entry(outcome) for outcome in Outcome)]
    mine = rule(moment, to=frozenset({who}))
    some = any(is_meant(mine, "a@example.com", [each], each) for each in everybody)
    assert some is (who in those_within(moment))


def test_nobody_who_is_excluded_or_not_settled_yet_is_meant() -> None:
    assert mails(rule(), entry(excluded="host"), entry(readiness=Readiness.SETTLING)) == []


def test_conditions_all_have_to_hold_and_read_the_session_that_the_mail_is_about() -> None:
    half = Condition(FIELDS["attended_percent"], (comparison(FIELDS["attended_percent"], ">= 50"),))
    product = Condition(FIELDS["topic"], (comparison(FIELDS["topic"], "제품*"),))
    mine = rule(conditions=(half, product))
    short = entry(present=timedelta(minutes=29))
    assert mails(mine, entry(), short, entry(topic="영업 회의")) == ["p0@example.com"]


def test_whoever_left_early_is_an_attendee_among_them() -> None:
    early = entry(left=START + timedelta(minutes=47))
    late = entry(left=START + timedelta(minutes=48))
    replay = replace(rule(Moment.RECORDING_READY), kind=None, to=frozenset({"no_show", "left_early"}))
    assert mails(replay, early, late, entry(Outcome.NO_SHOW), recorded_at=ENDED) == ["p0@example.com", "p2@example.com"]
    assert mails(replay, early) == []  # no recording yet


def test_what_was_before_the_rule_or_is_older_than_max_age_is_counted_and_not_mailed() -> None:
    people = {"a@example.com": [entry()]}
    late = meant(rule(), people, [KEY], now=ENDED + timedelta(hours=73), since=LONG_AGO)
    before = meant(rule(), people, [KEY], now=ENDED, since=ENDED + timedelta(minutes=1))
    assert [(found.mails, found.too_old) for found in (late, before)] == [((), 1), ((), 1)]


def test_a_mail_that_waited_too_long_goes_no_more() -> None:
    assert not is_too_late(rule(), entry(), ENDED + timedelta(hours=72))
    assert is_too_late(rule(), entry(), ENDED + timedelta(hours=72, seconds=1))


def test_dates_of_a_series_are_registered_for_together() -> None:
    coming = {"ended_at": None, "readiness": Readiness.COMING, "joined": None, "left": None}
    dates = [entry(Outcome.REGISTERED, **coming), entry(Outcome.REGISTERED, occurrence="webinar:9:later", **coming)]
    found = meant(
        rule(Moment.REGISTERED), {"a@example.com": dates}, [e.occurrence for e in dates], now=START, since=LONG_AGO
    )
    assert [each.key for each in found.mails] == ["mail:thanks:webinar:9:a@example.com"]


@pytest.mark.parametrize(
    ("mine", "zone", "expected"),
    [
        (rule(wait=timedelta(hours=2)), "Asia/Seoul", "2026-09-01T08:00"),
        (rule(at=time(9)), "Asia/Seoul", "2026-09-02T00:00"),
        (rule(at=time(15, 30)), "Asia/Seoul", "2026-09-01T06:30"),
        (rule(quiet=Window(time(14), time(18))), "Asia/Seoul", "2026-09-01T09:00"),
        (rule(wait=timedelta(hours=8), quiet=Window(time(21), time(8))), "Asia/Seoul", "2026-09-01T23:00"),
        (rule(at=time(9)), "no/where", "2026-09-01T09:00"),
    ],
)
def test_due_by_the_clock_on_the_wall_of_the_sessions_zone(mine: Rule, zone: str, expected: str) -> None:
    """The webinar ended at 06:00 UTC, 15:00 in Seoul."""
    assert due(mine, ENDED, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ("2026-03-28T18:00", "2026-03-29T07:00"),  # the clocks went forward that night
        ("2026-10-24T18:00", "2026-10-25T08:00"),  # and back
    ],
)
def test_nine_o_clock_is_nine_o_clock_when_the_clocks_change(ended: str, expected: str) -> None:
    moment = due(rule(at=time(9)), datetime.fromisoformat(ended).replace(tzinfo=UTC), "Europe/Berlin")
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert moment.astimezone(ZoneInfo("Europe/Berlin")).time() == time(9)


def test_an_hour_that_the_clocks_leave_out_is_the_one_after() -> None:
    moment = due(rule(at=time(2, 30)), datetime(2026, 3, 28, 18, tzinfo=UTC), "Europe/Berlin")
    assert moment.astimezone(ZoneInfo("Europe/Berlin")).time() == time(3, 30)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.times(),
    st.times(),
    st.timedeltas(timedelta(), timedelta(days=3)),
)
def test_never_early_never_in_the_quiet_hours(
    happened: datetime, zone: str, start: time, end: time, wait: timedelta
) -> None:
    start, end = start.replace(second=0, microsecond=0, fold=0), end.replace(second=0, microsecond=0, fold=0)
    quiet = Window(start, end) if start != end else None
    moment = due(rule(wait=wait, quiet=quiet), happened, zone)
    assert moment >= happened + wait
    assert moment - happened - wait < timedelta(hours=49)
    local = moment.astimezone(ZoneInfo(zone))
    jumped = local.utcoffset() != (local - timedelta(hours=3)).astimezone(UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert quiet is None or jumped or not quiet.holds(local.time().replace(fold=0))


def test_parameters_stay_harmless_text_and_show_the_recording() -> None:
    mine = replace(
        rule(Moment.RECORDING_READY),
        params=(
            ("minutes", FIELDS["duration_minutes"]),
            ("title", FIELDS["topic"]),
            ("start", FIELDS["session_start"]),
        ),
    )
    odd = entry(topic="{{7*7}} <img src=x>")
    told = params(mine, "a@example.com", [odd], odd, Share("https://zoom.example/rec", "pw"))
    assert told == {
        "minutes": 60,
        "title": "{ {7*7}} ‹img src=x›",
        "start": "2026-09-01 14:00",
        "share_url": "https://zoom.example/rec",
        "passcode": "pw",
    }


def test_a_score_in_a_rule_is_by_the_configured_weights() -> None:
    """Half an hour of an hour, and gone early: 25 of 50 points by default, 50 where presence is all."""
    half = entry(left=START + timedelta(minutes=30), present=timedelta(minutes=30))
    asked = Condition(FIELDS["score"], (comparison(FIELDS["score"], ">= 50"),))
    mine = rule(conditions=(asked,), params=(("score", FIELDS["score"]), ("size", question("Size"))))
    alone = in_terms(mine, Terms(Weights(presence=100, to_the_end=0, polls=0, questions=0, repeat=0)))
    assert (mails(mine, half), mails(alone, half)) == ([], ["p0@example.com"])
    assert [name for name, _ in alone.params] == ["score", "size"]
    assert in_terms(mine, Terms()) == mine
