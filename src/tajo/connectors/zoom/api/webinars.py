"""Webinars as they are scheduled, and their people. By numeric id; absentees of one instance by its UUID.

All need the webinar add-on on the host: else CapabilityMissing.
Source: https://developers.zoom.us/docs/api/meetings/#tag/webinars
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tajo.connectors.zoom.api.paging import Page, page_query
from tajo.connectors.zoom.api.paths import id_segment, uuid_segment
from tajo.connectors.zoom.api.reading import Fields, address, count, ident, rows, text, whole
from tajo.connectors.zoom.api.registrants import Registrant, RegistrationForm, Status, read_form, registrants_page
from tajo.connectors.zoom.api.sessions import SessionDetails, read_details
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class Panelist:
    """Somebody who speaks. Participant rows carry no role, so the e-mail tells who was a panelist there."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class TrackingSource:
    """A registration link with a name. `registrations` and `visitors` are Zoom's counts."""

    id: str
    name: str
    registrations: int
    visitors: int


def webinar(webinar_id: str) -> Call[SessionDetails]:
    """A webinar's details with all of its dates, past ones too.

    Light. Scope webinar:read:webinar:admin, or webinar:read:admin.
    """
    path, query = f"/webinars/{id_segment(webinar_id)}", {"show_previous_occurrences": "true"}
    return Call("GET", path, read_details, "zoom.webinars.details", "light", query)


def registrants(
    webinar_id: str,
    *,
    status: Status = "approved",
    occurrence_id: str = "",
    tracking_source_id: str = "",
    page_token: str = "",
) -> Call[Page[Registrant]]:
    """One page of the registrants in one status, of one date and from one tracking source when given.

    No registrant tells its source: listing by `tracking_source_id` does. Without registration the list is empty or
    the call is refused. Medium. Scope webinar:read:list_registrants:admin, or webinar:read:admin.
    """
    path = f"/webinars/{id_segment(webinar_id)}/registrants"
    query = page_query(page_token, status=status, occurrence_id=occurrence_id, tracking_source_id=tracking_source_id)
    return Call("GET", path, registrants_page, "zoom.webinars.registrants", "medium", query)


def panelists(webinar_id: str) -> Call[tuple[Panelist, ...]]:
    """All panelists. Medium. Scope webinar:read:list_panelists:admin, or webinar:read:admin."""
    path = f"/webinars/{id_segment(webinar_id)}/panelists"
    return Call("GET", path, _panelists, "zoom.webinars.panelists", "medium")


def tracking_sources(webinar_id: str) -> Call[tuple[TrackingSource, ...]]:
    """All tracking sources. Medium. Scope webinar:read:list_tracking_sources:admin, or webinar:read:admin."""
    path = f"/webinars/{id_segment(webinar_id)}/tracking_sources"
    return Call("GET", path, _sources, "zoom.webinars.tracking_sources", "medium")


def registration_questions(webinar_id: str) -> Call[RegistrationForm]:
    """What the registration form asks; WrongKind (3000) where there is no registration.

    Light. Scope webinar:read:list_registration_questions:admin, or webinar:read:admin.
    """
    path = f"/webinars/{id_segment(webinar_id)}/registrants/questions"
    return Call("GET", path, read_form, "zoom.webinars.questions", "light")


def absentees(webinar_uuid: str, *, occurrence_id: str = "", page_token: str = "") -> Call[Page[Registrant]]:
    """One page of the registrants whom Zoom did not see in this instance; WrongKind (3000) without registration.

    For comparing with our own figures. Heavy. Scope webinar:read:list_absentees:admin, or webinar:read:admin.
    """
    path = f"/past_webinars/{uuid_segment(webinar_uuid)}/absentees"
    query = page_query(page_token, occurrence_id=occurrence_id)
    return Call("GET", path, registrants_page, "zoom.webinars.absentees", "heavy", query)


def _panelists(answer: Any) -> tuple[Panelist, ...]:
    return rows(whole(answer), "panelists", _panelist)


def _panelist(fields: Fields) -> Panelist:
    return Panelist(ident(fields, "id"), text(fields, "name"), address(fields, "email"))


def _sources(answer: Any) -> tuple[TrackingSource, ...]:
    return rows(whole(answer), "tracking_sources", _source)


def _source(fields: Fields) -> TrackingSource:
    return TrackingSource(
        id=ident(fields, "id"),
        name=text(fields, "source_name"),
        registrations=count(fields, "registration_count"),
        visitors=count(fields, "visitor_count"),
    )
