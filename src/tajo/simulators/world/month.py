"""One ordinary month of an account, with every awkward case that Zoom's documentation and users report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tajo.simulators.world.crowd import attend
from tajo.simulators.world.meetings import coming_meetings, past_meetings
from tajo.simulators.world.model import Question, World
from tajo.simulators.world.odd import odd_names, odd_phones
from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Date, SessionPlan, Stage, as_person

_HOST_DOMAIN = "tajo-academy.example"


class Cast:
    """The account's users and the public that its sessions draw from."""

    def __init__(self, stage: Stage) -> None:
        made = stage.now - timedelta(days=400)
        user = stage.user
        self.stage = stage
        self.host = user(f"webinars@{_HOST_DOMAIN}", created_at=made)
        self.second = user(f"second.host@{_HOST_DOMAIN}", timezone="Europe/Berlin")
        self.trainer = user(f"trainer@{_HOST_DOMAIN}", webinar_plan=False, dept="Training")
        self.basic = user(f"basic@{_HOST_DOMAIN}", type=1, webinar_plan=False)
        self.former = user(f"former@{_HOST_DOMAIN}", status="inactive", webinar_plan=False)
        user(f"invited@{_HOST_DOMAIN}", status="pending", webinar_plan=False)
        names = stage.names
        self.public = [names.person() for _ in range(330)]
        self.odd = odd_names(stage) + odd_phones(stage)
        self.colleagues = [names.person(email=f"colleague{n}@{_HOST_DOMAIN}", zoom_id=names.key()) for n in range(5)]
        self.colleagues = [replace(person, internal=True) for person in self.colleagues]

    def some(self, count: int) -> list[Person]:
        return self.stage.rng.sample(self.public, count)

    def day(self, days_ago: int, hour: int = 5, minute: int = 0) -> datetime:
        """An hour of a past (or, negative, coming) day, UTC; 05:00 UTC is 14:00 in Seoul."""
        day = self.stage.now - timedelta(days=days_ago)
        return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def month(seed: int = 7, *, now: datetime) -> World:
    """About a month before `now` (aware UTC) and the next days: webinars, meetings and some 350 people.

    Eight webinars (two of them series) and fourteen meetings took place; two webinars and two meetings are to come.
    """
    stage = Stage(seed, now)
    cast = Cast(stage)
    for make in (_plain, _approved_by_hand, _restarted_after_rehearsal, _series_once, _series_each):
        make(cast)
    for make in (_without_registration, _odd, _fresh, _coming):
        make(cast)
    past_meetings(stage, cast)
    coming_meetings(stage, cast)
    return stage.world()


def _sign_up(plan: SessionPlan, people: list[Person], dates: list[Date] | None = None) -> None:
    """Register all, some with answers and a tracking source."""
    rng = plan.stage.rng
    sources = plan.session.tracking_sources
    for person in people:
        answers = tuple(
            (q.title, rng.choice(q.answers or ("친구 소개", "Newsletter", ""))) for q in plan.session.questions
        )
        source = rng.choice(sources).id if sources and rng.random() < 0.6 else ""
        plan.register(person, dates=dates, custom_questions=answers, source_id=source)


def _plain(cast: Cast) -> None:
    """Twenty-seven days ago; the uuid begins with a slash; three people registered after the end."""
    questions = (
        Question("어떻게 알게 되셨나요?", "short"),
        Question("Interests", "multiple", False, ("Data", "Marketing", "Data;Marketing")),
    )
    plan = cast.stage.webinar("봄 웨비나: 데이터로 시작하기", start=cast.day(27), host=cast.host, questions=questions)
    for name, visitors in (("newsletter", 80), ("homepage", 31), ("카카오톡", 12)):
        plan.tracking_source(name, visitors)
    people = cast.some(60)
    _sign_up(plan, people)
    held = plan.hold(shape="slash", late_min=2)
    attend(held, people[:41])
    for minute, person in enumerate(people[:12], start=10):
        held.ask(person, "How are you?", "Good;Very good", minute=minute)
    for minute, person in enumerate(people[4:9], start=30):
        held.ask(person, "다음 주제로 무엇을 듣고 싶으세요?", "Data", minute=minute)
    for minute, person in enumerate([people[2], people[2], people[20]], start=45):
        held.ask(person, f"Question {minute}?", "", minute=minute, poll=False)
    held.ask(people[21], "Can I have the slides?", "live answered", minute=49, poll=False, shown=False)
    held.ask(None, "Is there a recording?", "live answered", minute=50, poll=False)
    held.record(sets=2, transcript=True, kept_days=90)
    for late in cast.some(90):
        if late not in people and len(plan.signups) < 63:
            plan.register(late, create_time=held.end + timedelta(hours=2 + len(plan.signups)))


def _approved_by_hand(cast: Cast) -> None:
    """Registrants wait, are refused, cancel; the host restarts after six minutes; panelists; `//` in the uuid."""
    plan = cast.stage.webinar("Manual approval — Q&A", start=cast.day(21, 6), host=cast.host, approval_type=1)
    people = cast.some(48)
    _sign_up(plan, people[:36])
    for person, status in zip(people[36:44], ("pending", "denied") * 4, strict=True):
        plan.register(person, status=status)
    for person in people[44:]:
        plan.register(person, cancelled_at=cast.day(22))
    panelists = [cast.stage.names.person(zoom_id="") for _ in range(2)]
    for person in panelists:
        plan.panelist(person)
    first = plan.hold(minutes=25, shape="double")
    attend(first, people[:24])
    first.come(panelists[0], -5, 25, staff=True)
    second = plan.hold(start=first.end + timedelta(minutes=6), minutes=30)
    attend(second, people[6:28])
    for person in panelists:
        second.come(person, 0, 30, staff=True)


def _restarted_after_rehearsal(cast: Cast) -> None:
    """A rehearsal the day before with host, panelist and one registrant; then a restart after fifty minutes."""
    plan = cast.stage.webinar(
        "Kundentag: Fallstudien", start=cast.day(17, 8), host=cast.second, timezone="Europe/Berlin"
    )
    plan.session = replace(plan.session, alternative_hosts=(cast.trainer.email,))
    plan.tracking_source("partner", 9)
    people = cast.some(40)
    _sign_up(plan, people)
    speaker = cast.stage.names.person(zoom_id="")
    plan.panelist(speaker)
    rehearsal = plan.date(cast.day(18, 8, 30), rehearsal=True)
    tried = plan.hold(date=rehearsal, minutes=25)
    tried.come(speaker, 1, 24, staff=True)
    tried.come(people[0], 5, 12)
    first = plan.hold(minutes=20, shape="plus")
    attend(first, people[:20])
    second = plan.hold(start=first.end + timedelta(minutes=50), minutes=45)
    attend(second, people[10:26])
    second.come(as_person(cast.trainer), 0, 45, staff=True)


def _series_once(cast: Cast) -> None:
    """A weekly series for which people register once; one date was deleted, one is to come."""
    plan = cast.stage.webinar("매주 화요일 라이브", start=cast.day(20, 11), type=9, host=cast.host, registration_type=1)
    dates = [plan.occurs(cast.day(days, 11), deleted=days == 13) for days in (20, 13, 6, -1)]
    people = cast.some(45)
    _sign_up(plan, people)
    newcomers = [person for person in cast.some(60) if person not in people][:8]
    for number, person in enumerate(newcomers):
        plan.register(person, create_time=cast.day(12, 3, number))
    attend(plan.hold(date=dates[0], late_min=-2), people[:30])
    attend(plan.hold(date=dates[2], late_min=5, shape="slash"), [*people[10:35], *newcomers[:5]])


def _series_each(cast: Cast) -> None:
    """A series with a registration for each date; some people come to two of them under two registrant ids."""
    plan = cast.stage.webinar(
        "Product deep dive", start=cast.day(12, 13), type=9, host=cast.second, registration_type=2
    )
    dates = [plan.occurs(cast.day(days, 13)) for days in (12, 5, -2)]
    people = cast.some(50)
    for date, audience in zip(dates, (people[:28], people[15:42], people[30:]), strict=True):
        _sign_up(plan, audience, [date])
    attend(plan.hold(date=dates[0]), people[:19])
    attend(plan.hold(date=dates[1], late_min=-4, minutes=75), people[15:33])


def _without_registration(cast: Cast) -> None:
    """Nobody registered; attendees are anonymous, some show an address."""
    plan = cast.stage.webinar("Open doors 오픈하우스", start=cast.day(9, 7), host=cast.host, approval_type=2)
    held = plan.hold()
    for number, person in enumerate(cast.some(30)):
        if number % 3 == 0:
            held.come(person, 2 + number, 55)
            continue
        stranger = cast.stage.names.person(zoom_id="")
        held.come(stranger, 1 + number * 0.5, 40, email="", name=f"Attendee {number}" if number % 2 else stranger.name)


def _odd(cast: Cast) -> None:
    """Four days ago: odd names and phones, double registrations, shared computers, other accounts, colleagues."""
    stage = cast.stage
    plan = stage.webinar(
        "🎓 이상한 이름들 <b>special</b>", start=cast.day(4), host=cast.host, uuid=stage.names.uuid("slash")
    )
    people = [*cast.odd, *cast.some(20), *cast.colleagues[:3]]
    _sign_up(plan, people)
    held = plan.hold(minutes=62, shape="double")
    attend(held, [*people[:20], *cast.colleagues[:2]])
    names = stage.names

    twice = names.person(email="dana.twice@mail.example", zoom_id="")
    plan.register(twice)
    again = plan.register(twice, email="Dana.Twice@Mail.Example")
    held.come(twice, 3, 30)
    held.come(twice, 25, 50, registrant_id=again.id, email=again.email)

    shared = names.key()
    pair = [names.person(zoom_id=shared) for _ in range(2)]
    _sign_up(plan, pair)
    held.come(pair[0], 1, 20)
    held.come(pair[1], 22, 60, email=pair[0].email)  # still signed in as the other one

    for other in (False, True):  # signed in elsewhere: the row shows the registered address, or another one
        person = names.person(zoom_id=names.key())
        _sign_up(plan, [person])
        held.come(person, 5, 44, email="private.account@home.example" if other else person.email)


def _fresh(cast: Cast) -> None:
    """Ended ninety minutes ago, with a practice session before it and a second host from the staff."""
    start = (cast.stage.now - timedelta(minutes=150)).replace(second=0, microsecond=0)
    plan = cast.stage.webinar("오늘의 웨비나", start=start, host=cast.host)
    plan.session = replace(plan.session, alternative_hosts=(cast.second.email,))
    people = [*cast.some(34), *cast.odd[:4]]
    _sign_up(plan, people)
    speaker = cast.stage.names.person(zoom_id="")
    plan.panelist(speaker)
    held = plan.hold(minutes=60)
    attend(held, people[:25])
    held.come(speaker, -20, 0, staff=True, practice=True)
    held.come(speaker, 0, 60, staff=True)
    held.come(as_person(cast.second), 2, 58, staff=True)
    held.record(ready_min=240)


def _coming(cast: Cast) -> None:
    """Two webinars to come; on the second people wait to be approved."""
    soon = cast.stage.webinar("다음 웨비나", start=cast.day(-2), host=cast.host, created_at=cast.day(20))
    _sign_up(soon, [*cast.some(22), *cast.odd[:3]])
    later = cast.stage.webinar("Herbst-Webinar", start=cast.day(-9, 9), host=cast.second, approval_type=1)
    later.session = replace(later.session, created_at=cast.day(19))
    people = cast.some(18)
    _sign_up(later, people[:9])
    for person in people[9:14]:
        later.register(person, status="pending")
    later.register(people[14], status="denied")
    for person in people[15:]:
        later.register(person, cancelled_at=cast.stage.now - timedelta(hours=30))
