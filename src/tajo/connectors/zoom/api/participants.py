"""One row of a participants list: one join of one device, not a person.

Source: https://developers.zoom.us/docs/api/meetings/#tag/reports
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tajo.connectors.zoom.api.paging import page_of
from tajo.connectors.zoom.api.reading import Fields, address, count, flag, text, when


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """A stay as Zoom lists it. Somebody who left and came back has two rows, and a second device has its own.

    `participant_user_id` is the Zoom account the person was signed in to, "" for guests (and for registrants of some
    older reports it is the registrant id); `join_id` is Zoom's "user_id": new with every join, it identifies nobody.
    `email` is "" for most people outside the host's account. `duration_s` is seconds here, and 0 where Zoom has not
    processed the row yet. `status` is "in_meeting" or "in_waiting_room"; `breakout_id` is set on a breakout room's
    rows; `failover` marks a change of data centre. `internal_user` is told by past_* lists only, else None.
    """

    name: str
    email: str
    join_time: datetime | None
    leave_time: datetime | None
    duration_s: int
    registrant_id: str
    customer_key: str
    participant_user_id: str
    join_id: str
    status: str
    breakout_id: str
    failover: bool
    internal_user: bool | None

    @property
    def waiting(self) -> bool:
        """Time in the waiting room, which is not presence."""
        return self.status == "in_waiting_room"


def read_row(fields: Fields) -> ParticipantRow:
    """`id` is the deprecated name of participant_user_id; reports have one, the other, both or neither."""
    return ParticipantRow(
        name=text(fields, "name"),
        email=address(fields, "user_email"),
        join_time=when(fields, "join_time"),
        leave_time=when(fields, "leave_time"),
        duration_s=count(fields, "duration"),
        registrant_id=text(fields, "registrant_id"),
        customer_key=text(fields, "customer_key"),
        participant_user_id=text(fields, "participant_user_id") or text(fields, "id"),
        join_id=text(fields, "user_id"),
        status=text(fields, "status"),
        breakout_id=text(fields, "bo_mtg_id"),
        failover=flag(fields, "failover") or False,
        internal_user=flag(fields, "internal_user"),
    )


participants_page = page_of("participants", read_row)
