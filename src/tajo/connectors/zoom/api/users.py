"""The people of the account and what they have scheduled.

Source: https://developers.zoom.us/docs/api/users/ and https://developers.zoom.us/docs/api/meetings/
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tajo.connectors.zoom.api.paging import Page, page_of, page_query
from tajo.connectors.zoom.api.paths import id_segment
from tajo.connectors.zoom.api.reading import Fields, address, count, ident, text, when, whole
from tajo.connectors.zoom.api.sessions import ListedSession, read_listed
from tajo.http import Call

LICENSED = 2
ME = "me"  # whom a user's sign-in has to name itself


@dataclass(frozen=True, slots=True)
class User:
    """A user. `id` is "" while an invitation is pending. `type`: 1 basic, 2 licensed, 4 unassigned, 99 none."""

    id: str
    email: str
    first_name: str
    last_name: str
    display_name: str
    type: int
    status: str
    timezone: str
    pmi: str
    created_at: datetime | None
    account_id: str = ""  # told by `user` only

    @property
    def is_licensed(self) -> bool:
        return self.type == LICENSED


def list_users(
    *, status: Literal["active", "inactive", "pending"] = "active", page_token: str = ""
) -> Call[Page[User]]:
    """One page of the account's users in one status. Inactive ones still own past sessions.

    Medium. Scope user:read:list_users:admin, or user:read:admin.
    """
    query = page_query(page_token, status=status)
    return Call("GET", "/users", page_of("users", read_user), "zoom.users.list", "medium", query)


def user(user_id: str) -> Call[User]:
    """One user by id or e-mail, or "me". RejectedError (1001) when not in the account, (1120) while invited.

    Light. Scope user:read:user:admin, or user:read:admin.
    """
    return Call("GET", f"/users/{id_segment(user_id)}", _user, "zoom.users.get", "light")


MeetingList = Literal["scheduled", "live", "upcoming", "upcoming_meetings", "previous_meetings"]


def user_meetings(
    user_id: str, *, listing: MeetingList = "scheduled", page_token: str = ""
) -> Call[Page[ListedSession]]:
    """One page of a user's meetings; "scheduled" is all unexpired ones. Instant meetings are never listed.

    A recurring meeting stands once under "scheduled", and may stand once for each date under "upcoming".
    Medium. Scope meeting:read:list_meetings:admin, or meeting:read:admin.
    """
    path, query = f"/users/{id_segment(user_id)}/meetings", page_query(page_token, type=listing)
    return Call("GET", path, page_of("meetings", read_listed), "zoom.users.meetings", "medium", query)


def user_webinars(
    user_id: str, *, listing: Literal["scheduled", "upcoming"] = "scheduled", page_token: str = ""
) -> Call[Page[ListedSession]]:
    """One page of a user's unexpired webinars. CapabilityMissing when the user has no webinar plan.

    The specification names no next_page_token here; Zoom answers and takes one all the same.
    Medium. Scope webinar:read:list_webinars:admin, or webinar:read:admin.
    """
    path, query = f"/users/{id_segment(user_id)}/webinars", page_query(page_token, type=listing)
    return Call("GET", path, page_of("webinars", read_listed), "zoom.users.webinars", "medium", query)


def _user(answer: Any) -> User:
    return read_user(whole(answer))


def read_user(fields: Fields) -> User:
    return User(
        id=text(fields, "id"),
        email=address(fields, "email"),
        first_name=text(fields, "first_name"),
        last_name=text(fields, "last_name"),
        display_name=text(fields, "display_name"),
        type=count(fields, "type"),
        status=text(fields, "status"),
        timezone=text(fields, "timezone"),
        pmi=ident(fields, "pmi"),
        created_at=when(fields, "user_created_at") or when(fields, "created_at"),
        account_id=text(fields, "account_id"),
    )
