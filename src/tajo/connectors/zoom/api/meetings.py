"""Meetings as they are scheduled, and who registered for them. By numeric id only.

Source: https://developers.zoom.us/docs/api/meetings/#tag/meetings
"""

from __future__ import annotations

from tajo.connectors.zoom.api.paging import Page, page_query
from tajo.connectors.zoom.api.paths import id_segment
from tajo.connectors.zoom.api.registrants import Registrant, RegistrationForm, Status, read_form, registrants_page
from tajo.connectors.zoom.api.sessions import SessionDetails, read_details
from tajo.http import Call


def meeting(meeting_id: str) -> Call[SessionDetails]:
    """A meeting's details with all of its dates, past ones too. WrongKind for a webinar's id, NotReady when gone.

    An id expires 30 days after its last use.
    Light. Scope meeting:read:meeting:admin, or meeting:read:admin.
    """
    path, query = f"/meetings/{id_segment(meeting_id)}", {"show_previous_occurrences": "true"}
    return Call("GET", path, read_details, "zoom.meetings.details", "light", query)


def registrants(
    meeting_id: str, *, status: Status = "approved", occurrence_id: str = "", page_token: str = ""
) -> Call[Page[Registrant]]:
    """One page of the registrants in one status, of one date of a series when `occurrence_id` is given.

    Who cancelled is in no status. Medium. Scope meeting:read:list_registrants:admin, or meeting:read:admin.
    """
    path = f"/meetings/{id_segment(meeting_id)}/registrants"
    query = page_query(page_token, status=status, occurrence_id=occurrence_id)
    return Call("GET", path, registrants_page, "zoom.meetings.registrants", "medium", query)


def registration_questions(meeting_id: str) -> Call[RegistrationForm]:
    """What the registration form asks. Light. Scope meeting:read:list_registration_questions:admin,
    or meeting:read:admin.
    """
    path = f"/meetings/{id_segment(meeting_id)}/registrants/questions"
    return Call("GET", path, read_form, "zoom.meetings.questions", "light")
