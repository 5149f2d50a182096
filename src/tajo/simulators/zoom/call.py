"""One API call on its way through the simulator, and the ways in which times are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from tajo.simulators.faults import Fault
from tajo.simulators.world import Session, User
from tajo.simulators.zoom.archive import MONTH, Archive, Took
from tajo.simulators.zoom.errors import ZoomError, bad_access_token, invalid, no_webinar_plan
from tajo.simulators.zoom.paging import MAX_SIZE, Pager
from tajo.simulators.zoom.switches import Plan, ZoomSwitches
from tajo.simulators.zoom.tokens import Token

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler works from. `args` are the variable parts of the path, decoded; `now` is aware UTC."""

    archive: Archive
    pager: Pager
    switches: ZoomSwitches
    plan: Plan
    token: Token
    path: str
    args: Mapping[str, str]
    query: Mapping[str, str]
    now: datetime
    fault: Fault | None = None

    def page(
        self,
        name: str,
        items: Sequence[T],
        render: Callable[[T], Json],
        *,
        max_size: int = MAX_SIZE,
        numbered: bool = False,
    ) -> Json:
        """The asked page of `items`, in Zoom's envelope; `numbered` lists still know page_number."""
        return self.pager.page(
            name,
            items,
            render,
            path=self.path,
            query=self.query,
            now=self.now,
            switches=self.switches,
            fault=self.fault,
            max_size=max_size,
            numbered=numbered,
        )

    def user(self) -> User:
        """The user in the path. Account-level tokens must name one, user-level tokens must say "me"."""
        ref = self.args["user"]
        if ref == "me":
            if self.token.level == "account" and not self.token.grant:
                raise bad_access_token("This API does not support client credentials for authorization.", status=400)
            return self.archive.user(self.token.user_id)
        if self.token.level == "user":
            raise bad_access_token()
        return self.archive.user(ref)

    def meeting(self) -> Session:
        return self.permitted(self.archive.scheduled("meeting", self.args["ref"]))

    def webinar(self) -> Session:
        session = self.permitted(self.archive.scheduled("webinar", self.args["ref"]))
        self.needs_webinar_plan(session.host)
        return session

    def past_meeting(self, *, ready: bool = False) -> Took:
        """The instance in the path; `ready`: it must be old enough for its rows to be known."""
        return self._past(self.archive.took_place("meeting", self.args["ref"], self.now, delay=self._delay(ready)))

    def past_webinar(self, *, ready: bool = False) -> Took:
        took = self._past(self.archive.took_place("webinar", self.args["ref"], self.now, delay=self._delay(ready)))
        self.needs_webinar_plan(took.session.host)
        return took

    def _delay(self, ready: bool) -> timedelta:
        return self.switches.report_delay if ready else timedelta(0)

    def _past(self, took: Took) -> Took:
        self.permitted(took.session)
        return took

    def permitted(self, session: Session) -> Session:
        """A user-level token may not touch what belongs to somebody else."""
        if self.token.level == "user" and session.host.id != self.token.user_id:
            text = "The authenticated user has not permitted access to the targeted resource."
            raise ZoomError(403, 403, text)
        return session

    def needs_webinar_plan(self, host: User) -> None:
        switch = self.switches.webinar_plan
        if switch == "nobody" or (switch == "per_host" and not host.webinar_plan):
            raise no_webinar_plan(host.id)

    def dates(self, *, required: bool = True) -> tuple[datetime, datetime]:
        """`from` and `to` as [begin, end) in UTC, both days included; at most one month apart."""
        begin, end = self._day("from", required), self._day("to", required) + timedelta(days=1)
        if end <= begin or end - begin > MONTH + timedelta(days=1):
            raise ZoomError(400, 300, "The date range must be within one month.", field="from")
        return begin, end

    def _day(self, name: str, required: bool) -> datetime:
        text = self.query.get(name, "")
        if not text and not required:
            today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
            return today if name == "from" else today + timedelta(days=1)
        try:
            day = date.fromisoformat(text[:10])
        except ValueError:
            raise invalid(name) from None
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A query parameter with fixed values, the first of which is the default; others are refused with 400/300."""
        value = self.query.get(name) or allowed[0]
        if value not in allowed:
            raise invalid(name)
        return value


def utc(time: datetime | None) -> str:
    """yyyy-MM-ddTHH:mm:ssZ; "" for no time."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minutes(took: Took) -> int:
    """The length of an instance in minutes, begun ones counted."""
    return -(-int((took.instance.end - took.instance.start).total_seconds()) // 60)
