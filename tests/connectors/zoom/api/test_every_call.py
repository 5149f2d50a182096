"""What holds for every call of every family."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tajo.connectors.zoom.api import meetings, past, polls, recordings, reports, users, webinars
from tajo.connectors.zoom.api.limits import LIMITS
from tajo.connectors.zoom.api.scopes import SCOPES
from tajo.core.errors import ContractError
from tajo.http import Call

DAY = date(2026, 9, 1)
CALLS: list[Call[Any]] = [
    users.list_users(),
    users.user("u"),
    users.user_meetings("u"),
    users.user_webinars("u"),
    meetings.meeting("1"),
    meetings.registrants("1"),
    meetings.registration_questions("1"),
    webinars.webinar("1"),
    webinars.registrants("1"),
    webinars.panelists("1"),
    webinars.tracking_sources("1"),
    webinars.registration_questions("1"),
    webinars.absentees("u=="),
    past.past_meeting("u=="),
    past.meeting_instances("1"),
    past.webinar_instances("1"),
    past.meeting_participants("u=="),
    past.webinar_participants("u=="),
    polls.of_meeting("u=="),
    polls.of_webinar("u=="),
    polls.questions_of_meeting("u=="),
    polls.questions_of_webinar("u=="),
    reports.meeting("u=="),
    reports.webinar("u=="),
    reports.meeting_participants("u=="),
    reports.webinar_participants("u=="),
    reports.history(DAY, DAY),
    reports.user_meetings("u", DAY, DAY),
    recordings.of_session("u=="),
    recordings.of_user("u", DAY, DAY),
]


def test_each_has_its_own_origin_and_the_table_knows_all_of_them() -> None:
    assert sorted(call.origin for call in CALLS) == sorted(SCOPES)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.origin)
def test_each_is_a_get_on_a_known_budget(call: Call[Any]) -> None:
    assert call.method == "GET"
    assert call.label in LIMITS["pro"]
    assert call.path.startswith("/")
    assert call.query.get("page_size", "300") == "300"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.origin)
def test_each_reads_an_empty_object_and_refuses_what_is_none(call: Call[Any]) -> None:
    call.parse({})
    for shape in (None, [], "text", 3):
        with pytest.raises(ContractError):
            call.parse(shape)
