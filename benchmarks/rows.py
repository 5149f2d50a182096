"""Invented rows and registrants of one webinar in all their shapes: Zoom's JSON, typed rows, facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tajo.core.facts import Instance, Kind, Occurrence, Registration, Scheduled, Session, Status, Stay

START = datetime(2026, 9, 1, 5, 0, tzinfo=UTC)
LENGTH = timedelta(minutes=90)
UUID = "Abenchmark0000000000000=="
SESSION_ID = "97871060099"
MORE_REGISTRANTS = 1.25  # registrants for each attendee, where there is registration


@dataclass(frozen=True, slots=True)
class Crowd:
    """`rows` joins of `people`, spread evenly over them; the first people registered, if there are registrants."""

    rows: int
    people: int
    registrants: int

    def occurrence(self) -> Occurrence:
        scheduled = Scheduled("", START, LENGTH)
        session = Session(
            Kind.WEBINAR,
            SESSION_ID,
            topic="The big webinar",
            type=5,
            host_email="host@tajo-academy.example",
            time_zone="Asia/Seoul",
            scheduled=(scheduled,),
            registration_required=self.registrants > 0,
        )
        return Occurrence(session, scheduled, (Instance(UUID, START, START + LENGTH),))

    def registrations(self) -> list[Registration]:
        return [
            Registration(
                registrant_id=f"rid{number:06d}",
                email=_email(number),
                status=Status.APPROVED,
                registered_at=START - timedelta(days=3, seconds=number),
                first_name="Ha-eun",
                last_name=f"Kim{number}",
                source="newsletter",
                join_url=f"https://us02web.zoom.us/w/{SESSION_ID}?tk=rid{number:06d}",
                country="KR",
            )
            for number in range(self.registrants)
        ]

    def stays(self) -> list[Stay]:
        return [
            Stay(
                join=join,
                leave=leave,
                name=f"Kim{person} Ha-eun",
                email=_email(person),
                registrant_id=f"rid{person:06d}" if person < self.registrants else "",
                user_id=f"account{person:06d}" if person % 3 == 0 else "",
                instance=UUID,
            )
            for person, join, leave in self._joins()
        ]

    def json_rows(self) -> list[dict[str, Any]]:
        """The same rows as Zoom's report shows them."""
        found = []
        for number, (person, join, leave) in enumerate(self._joins()):
            row: dict[str, Any] = {
                "id": f"account{person:06d}" if person % 3 == 0 else "",
                "user_id": str(16_778_240 + 1_024 * number),
                "name": f"Kim{person} Ha-eun",
                "user_email": _email(person),
                "join_time": f"{join:%Y-%m-%dT%H:%M:%SZ}",
                "leave_time": f"{leave:%Y-%m-%dT%H:%M:%SZ}",
                "duration": int((leave - join).total_seconds()),
                "failover": False,
                "status": "in_meeting",
                "registrant_id": f"rid{person:06d}" if person < self.registrants else "",
            }
            if person % 3 == 0:
                row |= {"participant_user_id": row["id"], "bo_mtg_id": ""}
            found.append(row)
        return found

    def _joins(self) -> list[tuple[int, datetime, datetime]]:
        """(person, join, leave), in the order of the joins, as reports are."""
        rng = Random(3)
        found = []
        for number in range(self.rows):
            join = START + timedelta(seconds=rng.randrange(5_000))
            found.append((number % self.people, join, join + timedelta(seconds=rng.randrange(60, 1_800))))
        return sorted(found, key=lambda each: (each[1], each[0]))


def _email(number: int) -> str:
    return f"person{number:06d}@mail.example"
