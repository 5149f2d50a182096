"""Which scope each call needs and which feature needs the call, so that a check can name what is missing.

An app made since 2024 has granular scopes, an older one classic ones: either is enough. A Server-to-Server app uses
the ":admin" form that stands here; the app of a single user has the same names without it.
Source: https://developers.zoom.us/docs/integrations/oauth-scopes-granular/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Needed:
    """The scopes that open a call, in their ":admin" form, and the features that need it.

    Features named as in the configuration's `sync`: "participants" (meetings and who came), "webinars", "recordings".
    Four more that nothing breaks without: "questions" (naming registration questions), "fallback" (finding past
    sessions user by user), "zones" (a host's time zone, for sessions without one) and "comparison" (checking our
    figures against another of Zoom's).
    """

    classic: str
    granular: str
    features: tuple[str, ...]


_MEETING = "meeting:read:admin"
_WEBINAR = "webinar:read:admin"
_REPORT = "report:read:admin"
_RECORDING = "recording:read:admin"
_USER = "user:read:admin"
_BOTH = ("participants", "webinars")

SCOPES: Mapping[str, Needed] = MappingProxyType(
    {
        "zoom.users.list": Needed(_USER, "user:read:list_users:admin", _BOTH),
        "zoom.users.get": Needed(_USER, "user:read:user:admin", ("zones",)),
        "zoom.users.meetings": Needed(_MEETING, "meeting:read:list_meetings:admin", ("participants",)),
        "zoom.users.webinars": Needed(_WEBINAR, "webinar:read:list_webinars:admin", ("webinars",)),
        "zoom.meetings.details": Needed(_MEETING, "meeting:read:meeting:admin", ("participants",)),
        "zoom.meetings.registrants": Needed(_MEETING, "meeting:read:list_registrants:admin", ("participants",)),
        "zoom.meetings.questions": Needed(_MEETING, "meeting:read:list_registration_questions:admin", ("questions",)),
        "zoom.webinars.details": Needed(_WEBINAR, "webinar:read:webinar:admin", ("webinars",)),
        "zoom.webinars.registrants": Needed(_WEBINAR, "webinar:read:list_registrants:admin", ("webinars",)),
        "zoom.webinars.panelists": Needed(_WEBINAR, "webinar:read:list_panelists:admin", ("webinars",)),
        "zoom.webinars.tracking_sources": Needed(_WEBINAR, "webinar:read:list_tracking_sources:admin", ("webinars",)),
        "zoom.webinars.questions": Needed(_WEBINAR, "webinar:read:list_registration_questions:admin", ("questions",)),
        "zoom.webinars.absentees": Needed(_WEBINAR, "webinar:read:list_absentees:admin", ("comparison",)),
        "zoom.past.meeting": Needed(_MEETING, "meeting:read:past_meeting:admin", ("participants",)),
        "zoom.past.meeting_instances": Needed(_MEETING, "meeting:read:list_past_instances:admin", ("participants",)),
        "zoom.past.webinar_instances": Needed(_WEBINAR, "webinar:read:list_past_instances:admin", ("webinars",)),
        "zoom.past.meeting_participants": Needed(
            _MEETING, "meeting:read:list_past_participants:admin", ("comparison",)
        ),
        "zoom.past.webinar_participants": Needed(
            _WEBINAR, "webinar:read:list_past_participants:admin", ("comparison",)
        ),
        "zoom.report.meeting": Needed(_REPORT, "report:read:meeting:admin", ("comparison",)),
        "zoom.report.webinar": Needed(_REPORT, "report:read:webinar:admin", ("webinars",)),
        "zoom.report.meeting_participants": Needed(
            _REPORT, "report:read:list_meeting_participants:admin", ("participants",)
        ),
        "zoom.report.webinar_participants": Needed(
            _REPORT, "report:read:list_webinar_participants:admin", ("webinars",)
        ),
        "zoom.report.history": Needed(_REPORT, "report:read:list_history_meetings:admin", _BOTH),
        "zoom.report.user_meetings": Needed(_REPORT, "report:read:user:admin", ("fallback",)),
        "zoom.recordings.of_session": Needed(
            _RECORDING, "cloud_recording:read:list_recording_files:admin", ("recordings",)
        ),
        "zoom.recordings.of_user": Needed(
            _RECORDING, "cloud_recording:read:list_user_recordings:admin", ("recordings",)
        ),
    }
)


def is_granted(granted: Iterable[str], needed: Needed) -> bool:
    """Whether one of the granted scopes opens the call, in its classic or granular form, for one user or all."""
    bare = {_bare(scope) for scope in granted}
    return _bare(needed.classic) in bare or _bare(needed.granular) in bare


def missing(granted: Iterable[str], features: Iterable[str]) -> dict[str, Needed]:
    """What these features need and the token lacks: origin → scopes, in the order of the table."""
    have, wanted = frozenset(granted), frozenset(features)
    return {
        origin: needed
        for origin, needed in SCOPES.items()
        if wanted.intersection(needed.features) and not is_granted(have, needed)
    }


def _bare(scope: str) -> str:
    return scope.removesuffix(":admin").removesuffix(":master")
