"""The world as Zoom would find it at a moment: look-ups by id, uuid and host, and what may be seen when.

Lists that are paged through are made once and kept, so that a page costs what is on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tajo.simulators.world import Instance, Occurrence, Registrant, Row, Session, User, World
from tajo.simulators.world.model import Kind
from tajo.simulators.zoom.errors import ZoomError, invalid, no_session, no_user, not_ended, too_old
from tajo.simulators.zoom.switches import ZoomSwitches

ID_LIFETIME = timedelta(days=30)  # an unused id expires
YEAR = timedelta(days=365)
MONTH = timedelta(days=31)
HALF_YEAR = timedelta(days=183)


@dataclass(frozen=True, slots=True)
class Took:
    """An instance together with its session."""

    session: Session
    instance: Instance


@dataclass(slots=True)
class _Kept:
    """A list and the times between which it is right."""

    items: list[Registrant]
    since: datetime
    until: datetime | None


@dataclass(slots=True)
class Archive:
    """Indexes over one world. A changed world needs a new archive."""

    world: World
    _users: dict[str, User] = field(default_factory=dict)
    _by_uuid: dict[str, Took] = field(default_factory=dict)
    _by_schedule: dict[str, Session] = field(default_factory=dict)
    _took: list[Took] = field(default_factory=list)  # oldest first
    _rows: dict[tuple[str, bool, bool], list[Row]] = field(default_factory=dict)
    _registrants: dict[tuple[int, str, str, str], _Kept] = field(default_factory=dict)
    _absentees: dict[str, tuple[list[Registrant], list[Registrant]]] = field(default_factory=dict)
    _heads: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for user in self.world.users:
            self._users[user.email.lower()] = user
            if user.status != "pending":
                self._users[user.id] = user
        for session, instance in self.world.instances():
            took = Took(session, instance)
            self._took.append(took)
            self._by_uuid[instance.uuid] = took
        self._by_schedule = {session.uuid: session for session in self.world.sessions.values()}

    # --- users ---

    def user(self, ref: str) -> User:
        """By id, or e-mail in any letter case; 404/1001 for nobody, 400/1120 for somebody who did not accept yet."""
        user = self._users.get(ref) or self._users.get(ref.lower())
        if user is None:
            raise no_user(ref)
        if user.status == "pending":
            raise ZoomError(400, 1120, "The user has not accepted the invitation yet.")
        return user

    def hosted(self, user: User) -> list[Session]:
        return [session for session in self.world.sessions.values() if session.host.id == user.id]

    # --- sessions ---

    def scheduled(self, kind: Kind, ref: str) -> Session:
        """A session that still exists, by numeric id or by the uuid of its schedule or of an instance."""
        session = self.world.sessions.get(int(ref)) if ref.isdecimal() else self._of_uuid(ref)
        if session is None or (session.deleted and session.kind == kind):
            raise no_session(kind, ref)
        if session.kind != kind:
            if kind == "meeting":
                raise ZoomError(400, 3000, "Cannot access webinar info.")
            raise ZoomError(400, 300, "Invalid webinar ID.")
        return session

    def _of_uuid(self, ref: str) -> Session | None:
        took = self._by_uuid.get(ref)
        return took.session if took else self._by_schedule.get(ref)

    def listed(self, sessions: list[Session], kind: Kind, now: datetime) -> list[Session]:
        """Those that a user's list shows: existing, not expired, not instant and not the personal room itself."""
        return [
            session
            for session in sessions
            if session.kind == kind
            and not session.deleted
            and session.type not in (1, 4)
            and session.created_at <= now
            and ((session.last_end or now) + ID_LIFETIME > now)
        ]

    # --- instances ---

    def took_place(self, kind: Kind, ref: str, now: datetime, *, delay: timedelta = timedelta(0)) -> Took:
        """The ended instance that `ref` names: by uuid, or the latest one of an id.

        404/3001 when there is none, when it goes on, or until `delay` after its end; 400/12702 after a year.
        """
        took = self._latest(int(ref), now) if ref.isdecimal() else self._by_uuid.get(ref)
        if took is None or took.session.kind != kind or took.instance.end + delay > now:
            raise not_ended(kind)
        if now - took.instance.end > YEAR:
            raise too_old()
        return took

    def _latest(self, number: int, now: datetime) -> Took | None:
        session = self.world.sessions.get(number)
        if session is None or session.deleted:
            return None
        started = [instance for instance in session.instances if instance.start <= now]
        return Took(session, max(started, key=lambda i: i.start)) if started else None

    def ended(self, now: datetime) -> list[Took]:
        """All ended instances, oldest first."""
        return [took for took in self._took if took.instance.end <= now]

    def live(self, session: Session, now: datetime) -> Instance | None:
        return next((i for i in session.instances if i.start <= now < i.end), None)

    def rows(self, took: Took, now: datetime, switches: ZoomSwitches) -> list[Row]:
        """The rows of an instance; while the report settles, its first half."""
        key = (took.instance.uuid, switches.practice_session_rows, self.settling(took, now, switches))
        if key not in self._rows:
            rows = [row for row in took.instance.rows if key[1] or not row.practice]
            self._rows[key] = rows[: (len(rows) + 1) // 2] if key[2] else rows
        return self._rows[key]

    def settling(self, took: Took, now: datetime, switches: ZoomSwitches) -> bool:
        """Whether the report is there but not yet whole."""
        return now < took.instance.end + switches.report_delay + switches.report_settling

    def heads(self, took: Took) -> int:
        """How many different participants Zoom counts, the host included."""
        uuid = took.instance.uuid
        if uuid not in self._heads:
            rows = took.instance.rows
            keys = {r.participant_user_id or r.registrant_id or r.customer_key or r.email or r.user_id for r in rows}
            self._heads[uuid] = len(keys)
        return self._heads[uuid]

    # --- registrants ---

    def registrants(
        self, session: Session, now: datetime, *, status: str = "approved", occurrence: str = "", source: str = ""
    ) -> list[Registrant]:
        """Those whom a list shows now, in order of registration; whoever cancelled is gone."""
        if occurrence:
            self.occurrence(session, occurrence)
        key = (session.id, status, occurrence, source)
        kept = self._registrants.get(key)
        if kept is None or now < kept.since or (kept.until is not None and now >= kept.until):
            kept = self._registrants[key] = self._select(session, now, status, occurrence, source)
        return kept.items

    def _select(self, session: Session, now: datetime, status: str, occurrence: str, source: str) -> _Kept:
        items = [
            r
            for r in session.registrants
            if r.status == status
            and r.create_time <= now
            and (r.cancelled_at is None or r.cancelled_at > now)
            and (not occurrence or not r.occurrence_ids or occurrence in r.occurrence_ids)
            and (not source or r.source_id == source)
        ]
        changes = [t for r in session.registrants for t in (r.create_time, r.cancelled_at) if t is not None and t > now]
        return _Kept(items, now, min(changes, default=None))

    def occurrence(self, session: Session, number: str) -> Occurrence:
        for occurrence in session.occurrences:
            if occurrence.id == number:
                return occurrence
        raise invalid("occurrence_id")

    def absentees(self, took: Took, now: datetime) -> list[Registrant]:
        """The approved registrants of the instance's occurrence without a row in it."""
        uuid = took.instance.uuid
        occurrence = nearest(took)
        approved = self.registrants(took.session, now, occurrence=occurrence.id if occurrence else "")
        known, absent = self._absentees.get(uuid, ([], []))
        if known is not approved:
            seen = {row.registrant_id for row in took.instance.rows}
            absent = [r for r in approved if r.id not in seen and r.create_time < took.instance.end]
            self._absentees[uuid] = approved, absent
        return absent


def nearest(took: Took) -> Occurrence | None:
    """The scheduled occurrence that an instance belongs to; Zoom has no direct key."""
    start = took.instance.start
    return min(took.session.occurrences, key=lambda o: abs(o.start - start), default=None)
