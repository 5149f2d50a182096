"""Status, code and headers of a refused answer, and the error that they become."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.connectors.zoom.api import meetings, reports, users, webinars
from tajo.connectors.zoom.api.errors import (
    CapabilityMissing,
    NoRecording,
    NotReady,
    PageTokenExpired,
    RateLimited,
    ScopeMissing,
    TokenRefused,
    TooOld,
    WrongKind,
    error_for,
)
from tajo.core.errors import ContractError, CredentialError, RejectedError, TajoError, TransientError
from tajo.http import Call, Reply

MakeReply = Callable[..., Reply]
REPORT = reports.webinar_participants("u==")
TRACKING = "v=2.0;clid=us02;rid=WEB_0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 124, TokenRefused),
        (400, 124, TokenRefused),
        (401, None, TokenRefused),
        (400, 300, RejectedError),
        (404, 1001, RejectedError),
        (400, 1010, RejectedError),
        (400, 1120, RejectedError),
        (404, 2300, ContractError),
        (400, 3000, WrongKind),
        (404, 3001, NotReady),
        (400, 3161, CapabilityMissing),
        (404, 3301, NoRecording),
        (400, 12702, TooOld),
        (403, 12703, RejectedError),
        (403, None, CredentialError),
        (409, 4711000, RejectedError),
        (302, None, ContractError),
        (500, None, TransientError),
        (520, 300, TransientError),
        (429, 429, RateLimited),
    ],
)
def test_codes_become_the_error_that_says_what_is_next(
    status: int, code: int | None, kind: type[TajoError], reply: MakeReply, now: datetime
) -> None:
    error = error_for(REPORT, reply(status, {"code": code, "message": "Algo no va."}), now)
    assert type(error) is kind
    assert error.origin == "zoom.report.webinar_participants"


def test_a_rejection_keeps_status_and_code(reply: MakeReply, now: datetime) -> None:
    error = error_for(REPORT, reply(404, {"code": "3001"}, x_zm_trackingid=TRACKING), now)
    assert isinstance(error, NotReady)
    assert (error.status, error.code) == (404, "3001")
    assert "Zoom code 3001" in error.message
    assert TRACKING in error.message


def test_a_missing_scope_is_named_with_its_alternatives(reply: MakeReply, now: datetime) -> None:
    accepted = "report:read:list_webinar_participants:admin, report:read:admin"
    text = f"Invalid access token, does not contain scopes:[{accepted}]."
    error = error_for(REPORT, reply(400, {"code": 4711, "message": text}), now)
    assert isinstance(error, ScopeMissing)
    assert error.scopes == ("report:read:list_webinar_participants:admin", "report:read:admin")
    assert "report:read:list_webinar_participants:admin or report:read:admin" in error.message
    assert error.hint.startswith("add the scope report:read:list_webinar_participants:admin to the Zoom app, then")


def test_a_missing_scope_without_a_list_is_named_from_our_table(reply: MakeReply, now: datetime) -> None:
    error = error_for(users.list_users(), reply(400, {"code": 4700, "message": "Falta permiso"}), now)
    assert type(error) is ScopeMissing
    assert "user:read:list_users:admin or user:read:admin" in error.message


def test_code_104_is_about_scopes_only_when_it_lists_some(reply: MakeReply, now: datetime) -> None:
    listed = {"code": 104, "message": "Invalid access token, does not contain scopes:[phone:read:admin]"}
    assert type(error_for(REPORT, reply(400, listed), now)) is ScopeMissing
    assert type(error_for(REPORT, reply(400, {"code": 104, "message": "Other"}), now)) is RejectedError


@pytest.mark.parametrize(
    ("call", "text", "remedy"),
    [
        (users.user_webinars("u"), "Webinar plan is missing. You must subscribe to …", "add-on"),
        (users.user_webinars("u"), "Falta el plan", "add-on"),
        (REPORT, "Only available for paid account: abc.", "Pro"),
        (REPORT, "This API is only available for ZMP and Business or higher accounts …", "Business"),
        (webinars.webinar("1"), "No permission.", "role"),
        (REPORT, "Sin acceso", "role"),
    ],
)
def test_code_200_names_the_plan_and_its_remedy(
    call: Call[Any], text: str, remedy: str, reply: MakeReply, now: datetime
) -> None:
    error = error_for(call, reply(400, {"code": 200, "message": text}), now)
    assert type(error) is CapabilityMissing
    assert remedy in error.hint
    assert text not in error.line()


def test_an_expired_page_token_is_known_by_the_call_not_the_language(reply: MakeReply, now: datetime) -> None:
    """Code 300 means a hundred things; on a later page the query differs from the first by its token only."""
    spanish = {"code": 300, "message": "El token no es válido o ha caducado."}
    later = meetings.registrants("1", page_token="n")
    assert type(error_for(later, reply(400, spanish), now)) is PageTokenExpired
    assert type(error_for(meetings.registrants("1"), reply(400, spanish), now)) is RejectedError


def test_a_webinars_id_among_meetings_is_the_wrong_kind(reply: MakeReply, now: datetime) -> None:
    body = {"code": 300, "message": "Cannot access webinar info."}
    assert type(error_for(meetings.registrants("1"), reply(400, body), now)) is WrongKind


def test_a_daily_limit_tells_when_it_ends(reply: MakeReply, now: datetime) -> None:
    body = {"code": 429, "message": "You have reached the maximum daily rate limit for this API. Refer to the …"}
    error = error_for(REPORT, reply(429, body, retry_after="2026-09-02T00:00:00Z"), now)
    assert isinstance(error, RateLimited)
    assert error.daily
    assert error.retry_at == datetime(2026, 9, 2, tzinfo=UTC)


def test_a_per_second_limit_ends_soon(reply: MakeReply, now: datetime) -> None:
    error = error_for(REPORT, reply(429, {"code": 429, "message": "per-second"}), now, jitter=0)
    assert isinstance(error, RateLimited)
    assert not error.daily
    assert error.retry_at == now + timedelta(seconds=1)


@pytest.mark.parametrize("status", [200, 400, 404, 500, 502])
def test_html_in_zooms_place_is_a_passing_fault(status: int, reply: MakeReply, now: datetime) -> None:
    assert type(error_for(REPORT, reply(status, b"<html>Bad gateway</html>"), now)) is TransientError


def test_a_success_cut_off_breaks_the_contract(reply: MakeReply, now: datetime) -> None:
    assert type(error_for(REPORT, reply(200, b'{"participants": ['), now)) is ContractError


def test_access_not_shared_is_one_users_matter(reply: MakeReply, now: datetime) -> None:
    body = {"message": "The authenticated user has not permitted access to the targeted resource"}
    assert type(error_for(REPORT, reply(403, body), now)) is CapabilityMissing


@given(
    st.integers(300, 599),
    st.none() | st.integers() | st.text(),
    st.text(),
    st.text(max_size=20),
)
def test_every_refusal_becomes_one_of_our_errors_and_copies_no_text(
    status: int, code: Any, text: str, tracking: str
) -> None:
    """A marker in the message stands for an e-mail address: it is in no line that we would log."""
    body = json.dumps({"code": code, "message": text + "jill@x.example"}).encode()
    now = datetime(2026, 9, 1, tzinfo=UTC)
    error = error_for(REPORT, Reply(status, {"x-zm-trackingid": tracking}, body), now)
    assert isinstance(error, TajoError)
    assert "@" not in error.line()


def test_errors_cross_process_borders(reply: MakeReply, now: datetime) -> None:
    error = error_for(REPORT, reply(429, {"code": 429, "message": "daily"}), now)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RateLimited
    assert (again.daily, again.retry_at, again.line()) == (True, error.retry_at, error.line())
