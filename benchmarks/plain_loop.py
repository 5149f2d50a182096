"""The loops of the original page, line by line in Python: one Brevo call for each row of a session's first page.

The page reads a session by its number (which gives the latest instance), asks for no page size (30 rows) and no second
page, and writes every row by itself. `every_page` lets it read on, which the page does not. Where a limit refuses a
call it waits with growing delay, as the page advises.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import httpx2

from benchmarks.vendors import API_KEY, Vendors, token
from tajo.simulators.world import Session

TRIES = 8


class PlainLoop:
    """Zoom into Brevo as on the page. `rows` counts what it read, `refused` what Brevo did not take."""

    def __init__(self, vendors: Vendors, *, every_page: bool) -> None:
        self._zoom, self._brevo = f"{vendors.zoom_url}/v2", f"{vendors.brevo_url}/v3"
        self._headers = {"Authorization": f"Bearer {vendors.ask(token)}", "Content-Type": "application/json"}
        self._every_page = every_page
        self.rows = 0
        self.refused = 0

    def run(self, sessions: Iterable[Session]) -> None:
        """All sessions, one after the other, in the order given."""
        with httpx2.Client(timeout=30) as self._http:
            for session in sessions:
                if session.kind == "meeting":
                    self._meeting(session)
                else:
                    self._webinar(session)

    def _meeting(self, session: Session) -> None:
        for participant in self._participants(f"/past_meetings/{session.id}/participants"):
            if participant["user_email"]:
                self._sync(
                    participant["user_email"],
                    {
                        "FIRSTNAME": participant["name"],
                        "MEETING_DURATION": participant["duration"],
                        "MEETING_JOIN_DATE": participant["join_time"],
                        "ATTENDANCE_STATUS": "attended",
                    },
                    15,
                )

    def _webinar(self, session: Session) -> None:
        for attendee in self._participants(f"/past_webinars/{session.id}/participants"):
            self._sync(
                attendee["user_email"],
                {
                    "FIRSTNAME": attendee["name"],
                    "WEBINAR_NAME": session.topic,
                    "ATTENDANCE_STATUS": "attended",
                    "MEETING_DURATION": attendee["duration"],
                },
                16,
            )

    def _participants(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query: dict[str, str] = {}
        while True:
            answer = self._patiently("GET", self._zoom + path, params=query, headers=self._headers)
            body = answer.json() if answer.status_code == 200 else {}
            found += body.get("participants", [])
            query = {"next_page_token": body.get("next_page_token", "")}
            if not (self._every_page and query["next_page_token"]):
                self.rows += len(found)
                return found

    def _sync(self, email: str, attributes: dict[str, Any], list_id: int) -> None:
        """`tajo.contacts.sync` of the page: Brevo's "create or update a contact"."""
        contact = {"email": email, "attributes": attributes, "listIds": [list_id], "updateEnabled": True}
        answer = self._patiently("POST", f"{self._brevo}/contacts", json=contact, headers={"api-key": API_KEY})
        self.refused += answer.status_code >= 400

    def _patiently(self, method: str, url: str, **request: Any) -> httpx2.Response:
        for attempt in range(TRIES):
            answer = self._http.request(method, url, **request)
            if answer.status_code != 429:
                return answer
            time.sleep(0.5 * 2**attempt)
        return answer
