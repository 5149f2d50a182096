"""Which path is which endpoint, with its rate label, scopes and plan.

Source: Zoom's OpenAPI files of March 2026 (label and scopes of each operation).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from tajo.simulators.zoom.call import Call, Json
from tajo.simulators.zoom.endpoints import lists, metrics, past, recordings, sessions, users
from tajo.simulators.zoom.errors import not_recognized
from tajo.simulators.zoom.limits import Label

Gate = Literal["", "paid", "dashboard"]
_PARTS = {"{user}": r"(?P<user>[^/]+)", "{registrant}": r"(?P<registrant>[^/]+)", "{ref}": r"(?P<ref>.+?)"}


@dataclass(frozen=True, slots=True)
class Route:
    """One GET endpoint. Each of `classic`, and each of `granular`, is enough as a scope."""

    pattern: re.Pattern[str]
    label: Label
    classic: tuple[str, ...]
    granular: tuple[str, ...]
    handler: Callable[[Call], Json]
    gate: Gate = ""


def _route(
    template: str, label: Label, classic: str, granular: str, handler: Callable[[Call], Json], gate: Gate = ""
) -> Route:
    """`template` as in Zoom's reference; scopes written "a(:a)" also exist with :admin."""
    expression = template
    for part, group in _PARTS.items():
        expression = expression.replace(part, group)
    return Route(re.compile(expression), label, _scopes(classic), _scopes(granular), handler, gate)


def _scopes(text: str) -> tuple[str, ...]:
    scopes: list[str] = []
    for scope in text.split():
        plain = scope.removesuffix("(:a)")
        scopes += [plain, f"{plain}:admin"] if plain != scope else [scope]
    return tuple(scopes)


_MEETING, _WEBINAR, _REPORT = "meeting:read(:a)", "webinar:read(:a)", "report:read:admin"
_DASH_M = "dashboard_meetings:read:admin dashboard:read:admin"
_DASH_W = "dashboard_webinars:read:admin dashboard:read:admin"
_RECORDING = "recording:read(:a)"
_FILES = "cloud_recording:read:list_recording_files(:a) cloud_recording:read:list_recording_files:master"
_USER_FILES = "cloud_recording:read:list_user_recordings(:a) cloud_recording:read:list_user_recordings:master"

# Longer templates first: an id or uuid may hold a raw slash, so the last one of a family takes whatever is left.
ROUTES: tuple[Route, ...] = (
    _route("/users", "Medium", "user:read:admin", "user:read:list_users:admin", users.list_users),
    _route("/users/{user}/meetings", "Medium", _MEETING, "meeting:read:list_meetings(:a)", users.list_meetings),
    _route("/users/{user}/webinars", "Medium", _WEBINAR, "webinar:read:list_webinars(:a)", users.list_webinars),
    _route("/users/{user}/recordings", "Medium", _RECORDING, _USER_FILES, recordings.user_recordings),
    _route("/users/{user}", "Light", "user:read(:a)", "user:read:user(:a)", users.get_user),
    _route(
        "/meetings/{ref}/registrants/questions",
        "Light",
        _MEETING,
        "meeting:read:list_registration_questions(:a)",
        sessions.meeting_questions,
    ),
    _route(
        "/meetings/{ref}/registrants/{registrant}",
        "Light",
        _MEETING,
        "meeting:read:registrant(:a)",
        sessions.meeting_registrant,
    ),
    _route(
        "/meetings/{ref}/registrants",
        "Medium",
        _MEETING,
        "meeting:read:list_registrants(:a)",
        sessions.meeting_registrants,
    ),
    _route("/meetings/{ref}/recordings", "Light", _RECORDING, _FILES, recordings.meeting_recordings),
    _route(
        "/meetings/{ref}/transcript",
        "Medium",
        _RECORDING,
        "cloud_recording:read:meeting_transcript(:a)",
        recordings.transcript,
    ),
    _route("/meetings/{ref}", "Light", _MEETING, "meeting:read:meeting(:a)", sessions.get_meeting),
    _route(
        "/webinars/{ref}/registrants/questions",
        "Light",
        _WEBINAR,
        "webinar:read:list_registration_questions(:a)",
        sessions.webinar_questions,
    ),
    _route(
        "/webinars/{ref}/registrants/{registrant}",
        "Light",
        _WEBINAR,
        "webinar:read:registrant(:a)",
        sessions.webinar_registrant,
    ),
    _route(
        "/webinars/{ref}/registrants",
        "Medium",
        _WEBINAR,
        "webinar:read:list_registrants(:a)",
        sessions.webinar_registrants,
    ),
    _route("/webinars/{ref}/panelists", "Medium", _WEBINAR, "webinar:read:list_panelists(:a)", sessions.panelists),
    _route(
        "/webinars/{ref}/tracking_sources",
        "Medium",
        _WEBINAR,
        "webinar:read:list_tracking_sources(:a)",
        sessions.tracking_sources,
    ),
    _route("/webinars/{ref}", "Light", _WEBINAR, "webinar:read:webinar(:a)", sessions.get_webinar),
    _route(
        "/past_meetings/{ref}/instances",
        "Medium",
        _MEETING,
        "meeting:read:list_past_instances(:a)",
        past.meeting_instances,
    ),
    _route(
        "/past_meetings/{ref}/participants",
        "Medium",
        _MEETING,
        "meeting:read:list_past_participants(:a)",
        past.past_meeting_participants,
        "paid",
    ),
    _route("/past_meetings/{ref}/polls", "Medium", _MEETING, "meeting:read:list_poll_results(:a)", past.meeting_polls),
    _route("/past_meetings/{ref}/qa", "Medium", _MEETING, "meeting:read:past_qa(:a)", past.meeting_qa),
    _route("/past_meetings/{ref}", "Light", _MEETING, "meeting:read:past_meeting(:a)", past.past_meeting),
    _route(
        "/past_webinars/{ref}/instances",
        "Light",
        _WEBINAR,
        "webinar:read:list_past_instances(:a)",
        past.webinar_instances,
    ),
    _route(
        "/past_webinars/{ref}/participants",
        "Medium",
        _WEBINAR,
        "webinar:read:list_past_participants(:a)",
        past.past_webinar_participants,
        "paid",
    ),
    _route("/past_webinars/{ref}/absentees", "Heavy", _WEBINAR, "webinar:read:list_absentees(:a)", past.absentees),
    _route("/past_webinars/{ref}/polls", "Medium", _WEBINAR, "webinar:read:list_past_polls(:a)", past.webinar_polls),
    _route("/past_webinars/{ref}/qa", "Medium", _WEBINAR, "webinar:read:past_qa(:a)", past.webinar_qa),
    _route(
        "/report/meetings/{ref}/participants",
        "Heavy",
        _REPORT,
        "report:read:list_meeting_participants:admin",
        past.report_meeting_participants,
        "paid",
    ),
    _route("/report/meetings/{ref}", "Heavy", _REPORT, "report:read:meeting:admin", past.report_meeting, "paid"),
    _route(
        "/report/webinars/{ref}/participants",
        "Heavy",
        _REPORT,
        "report:read:list_webinar_participants:admin",
        past.report_webinar_participants,
        "paid",
    ),
    _route(
        "/report/webinars/{ref}/polls",
        "Heavy",
        _REPORT,
        "report:read:list_webinar_polls:admin",
        past.webinar_polls,
        "paid",
    ),
    _route("/report/webinars/{ref}/qa", "Heavy", _REPORT, "report:read:webinar_qna:admin", past.webinar_qa, "paid"),
    _route("/report/webinars/{ref}", "Heavy", _REPORT, "report:read:webinar:admin", past.report_webinar, "paid"),
    _route("/report/users/{user}/meetings", "Heavy", _REPORT, "report:read:user:admin", lists.user_meetings, "paid"),
    _route("/report/users", "Heavy", _REPORT, "report:read:list_users:admin", lists.report_users, "paid"),
    _route(
        "/report/history_meetings",
        "Heavy",
        _REPORT,
        "report:read:list_history_meetings:admin",
        lists.history_meetings,
        "paid",
    ),
    _route(
        "/report/upcoming_events",
        "Heavy",
        _REPORT,
        "report:read:upcoming_meetings_webinars:admin",
        lists.upcoming_events,
        "paid",
    ),
    _route(
        "/metrics/meetings/{ref}/participants",
        "Heavy",
        _DASH_M,
        "dashboard:read:list_meeting_participants:admin",
        metrics.meeting_participants,
        "dashboard",
    ),
    _route(
        "/metrics/webinars/{ref}/participants",
        "Heavy",
        _DASH_W,
        "dashboard:read:list_webinar_participants:admin",
        metrics.webinar_participants,
        "dashboard",
    ),
    _route(
        "/metrics/meetings/{ref}", "Heavy", _DASH_M, "dashboard:read:meeting:admin", metrics.get_meeting, "dashboard"
    ),
    _route(
        "/metrics/webinars/{ref}", "Heavy", _DASH_W, "dashboard:read:webinar:admin", metrics.get_webinar, "dashboard"
    ),
    _route(
        "/metrics/meetings",
        "Resource-intensive",
        _DASH_M,
        "dashboard:read:list_meetings:admin",
        metrics.list_meetings,
        "dashboard",
    ),
    _route(
        "/metrics/webinars",
        "Resource-intensive",
        _DASH_W,
        "dashboard:read:list_webinars:admin",
        metrics.list_webinars,
        "dashboard",
    ),
)

# What people look for and Zoom does not have; without this they would be taken for odd ids.
_ABSENT = re.compile(
    r"/(meetings|webinars)/[^/]+/(participants|absentees|instances|polls|qa)"
    r"|/report/(meetings|webinars)/[^/]+/(absentees|registrants)"
    r"|/past_(meetings|webinars)/[^/]+/registrants"
)


def match(method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
    """The route of a path without base path, and its decoded variable parts; 404/2300 for anything else.

    The path is decoded once before it is cut up and its parts once more, as by a proxy and the server behind it. So a
    uuid with one slash inside survives single encoding, and one that begins with a slash or contains two in a row only
    double encoding: repeated slashes are merged on the way.
    """
    path = re.sub("/{2,}", "/", unquote(raw_path))
    if method == "GET" and not _ABSENT.fullmatch(path):
        for route in ROUTES:
            found = route.pattern.fullmatch(path)
            if found:
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
    raise not_recognized()


def all_scopes(app_kind: str) -> set[str]:
    """Every scope that an account-level app needs for all endpoints here."""
    scopes: set[str] = set()
    for route in ROUTES:
        names = route.granular if app_kind == "granular" else route.classic
        scopes |= {name for name in names if name.endswith(":admin")}
    return scopes
