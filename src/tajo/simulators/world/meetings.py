"""The meetings of the month, past and to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from tajo.simulators.world.crowd import USUAL, attend, breaks_out, waits_first
from tajo.simulators.world.model import User
from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Held, SessionPlan, Stage


class Public(Protocol):
    """What the meetings need of the month's cast."""

    host: User
    second: User
    trainer: User
    basic: User
    former: User
    colleagues: list[Person]

    def some(self, count: int) -> list[Person]: ...
    def day(self, days_ago: int, hour: int = 5, minute: int = 0) -> datetime: ...


def past_meetings(stage: Stage, cast: Public) -> None:
    """Fourteen meetings, from instant ones to series."""
    for make in (_instant, _personal_room, _no_fixed_time, _series, _rooms, _telephone, _alone, _keys):
        make(stage, cast)
    for make in (_deleted_later, _former_host, _hidden, _restarted, _colleagues_only, _today):
        make(stage, cast)


def coming_meetings(stage: Stage, cast: Public) -> None:
    """One with registration, one without."""
    workshop = stage.meeting("워크숍 (예정)", start=cast.day(-3, 2), approval_type=0, host=cast.trainer)
    _sign_up(workshop, cast.some(12))
    stage.meeting("Weekly sync", start=cast.day(-6, 1), host=cast.trainer)


def _sign_up(plan: SessionPlan, people: Sequence[Person]) -> None:
    for person in people:
        plan.register(person)


def _unscheduled(plan: SessionPlan, start: datetime, minutes: float) -> Held:
    """An occurrence of its own, of a meeting without a fixed time."""
    return plan.hold(date=plan.date(start), minutes=minutes)


def _instant(stage: Stage, cast: Public) -> None:
    plan = stage.meeting("Quick call", start=None, type=1, host=cast.trainer, created_at=cast.day(25, 4))
    held = _unscheduled(plan, cast.day(25, 4), 22)
    attend(held, cast.some(2))


def _personal_room(stage: Stage, cast: Public) -> None:
    """Back after 6 minutes is the same meeting, back after 50 is another one."""
    plan = stage.meeting(f"{cast.trainer.name}'s Personal Meeting Room", start=None, type=4, host=cast.trainer)
    people = cast.some(6)
    first = _unscheduled(plan, cast.day(18, 3), 30)
    attend(first, people[:4])
    again = plan.hold(date=first.date, start=first.end + timedelta(minutes=6), minutes=20)
    attend(again, people[2:5])
    other = _unscheduled(plan, again.end + timedelta(minutes=50), 15)
    attend(other, people[3:])


def _no_fixed_time(stage: Stage, cast: Public) -> None:
    plan = stage.meeting("스터디 모임", start=None, type=3, host=cast.second, created_at=cast.day(40))
    people = cast.some(9)
    for days in (16, 9, 2):
        attend(_unscheduled(plan, cast.day(days, 12, 7), 48), people[: 4 + days % 5])
    attend(_unscheduled(plan, cast.day(2, 12, 7) + timedelta(minutes=98), 20), people[1:4])


def _series(stage: Stage, cast: Public) -> None:
    """Weekly, with registration once for all dates; the next date is to come."""
    start = cast.day(15, 10)
    plan = stage.meeting("Office hours 질문 시간", start=start, type=8, approval_type=0, host=cast.trainer)
    people = cast.some(20)
    _sign_up(plan, people)
    for number, days in enumerate((15, 8, 1, -6)):
        date = plan.occurs(cast.day(days, 10))
        if days > 0:
            attend(plan.hold(date=date, late_min=number - 1), people[number * 4 : number * 4 + 10])


def _rooms(stage: Stage, cast: Public) -> None:
    """Waiting room and breakout rooms; one registrant never got further than the waiting room."""
    plan = stage.meeting("그룹 토론", start=cast.day(14, 6), approval_type=0, host=cast.trainer, minutes=90)
    people = cast.some(18)
    _sign_up(plan, people)
    held = plan.hold()
    attend(held, people[:8], (breaks_out,))
    attend(held, people[8:13], (waits_first,))
    held.come(people[13], 2, 9, status="in_waiting_room")


def _telephone(stage: Stage, cast: Public) -> None:
    """No registration: guests with an address, guests without, two telephones."""
    plan = stage.meeting("Info call", start=cast.day(13, 9), host=cast.trainer)
    held = plan.hold()
    attend(held, cast.some(5))
    for number in ("821055501234", "16505550100"):
        caller = stage.names.person(zoom_id="")
        held.come(caller, 3, 41, name=number, email="", phone=number)
    held.come(stage.names.person(zoom_id=""), 6, 30, name="iPhone", email="")


def _alone(stage: Stage, cast: Public) -> None:
    """Only the host was there."""
    stage.meeting("Nobody came", start=cast.day(11, 5), host=cast.basic).hold(minutes=9)


def _keys(stage: Stage, cast: Public) -> None:
    """Joins through the SDK: the key is on every row of a person, the address on the first only."""
    plan = stage.meeting("Embedded class", start=cast.day(10, 5), host=cast.trainer)
    held = plan.hold()
    for person in cast.some(6):
        key = stage.names.key()
        held.come(person, 1, 20, customer_key=key, participant_user_id="")
        held.come(person, 21, 50, customer_key=key, participant_user_id="", email="", name="SDK user")
    for _ in range(2):  # the same with the account that somebody is signed in to
        person = stage.names.person(zoom_id=stage.names.key())
        held.come(person, 2, 20)
        held.come(person, 15, 40, email="", failover=True)


def _deleted_later(stage: Stage, cast: Public) -> None:
    plan = stage.meeting("Deleted afterwards", start=cast.day(8, 7), host=cast.trainer)
    attend(plan.hold(shape="plus"), cast.some(5))
    plan.session = replace(plan.session, deleted=True)


def _former_host(stage: Stage, cast: Public) -> None:
    """The host has left the company since."""
    plan = stage.meeting("Handover", start=cast.day(19, 1), host=cast.former)
    attend(plan.hold(), cast.some(4))


def _hidden(stage: Stage, cast: Public) -> None:
    """Zoom hides the addresses of people from other accounts."""
    plan = stage.meeting("External partners", start=cast.day(7, 6), host=cast.second)
    plan.session = replace(plan.session, email_in_attendee_report=False)
    held = plan.hold()
    for number in range(7):
        stranger = stage.names.person(zoom_id=stage.names.key() if number % 2 else "")
        held.come(stranger, number, 50, email="")
    attend(held, cast.colleagues[:2])


def _restarted(stage: Stage, cast: Public) -> None:
    plan = stage.meeting("세미나 (재시작)", start=cast.day(5, 8), approval_type=0, host=cast.trainer)
    people = cast.some(15)
    _sign_up(plan, people)
    first = plan.hold(minutes=12, shape="double")
    attend(first, people[:8])
    attend(plan.hold(start=first.end + timedelta(minutes=50), minutes=40), people[4:12])


def _colleagues_only(stage: Stage, cast: Public) -> None:
    plan = stage.meeting("Team meeting", start=cast.day(3, 0, 30), host=cast.trainer, minutes=30)
    attend(plan.hold(), cast.colleagues)


def _today(stage: Stage, cast: Public) -> None:
    """Ended three hours ago, with registration by hand."""
    start = (stage.now - timedelta(hours=4)).replace(second=0, microsecond=0)
    plan = stage.meeting("오늘 상담", start=start, approval_type=1, host=cast.trainer)
    people = cast.some(14)
    _sign_up(plan, people[:11])
    for person, status in zip(people[11:], ("pending", "denied", "denied"), strict=True):
        plan.register(person, status=status)
    attend(plan.hold(), people[:7], USUAL)
