"""Which scope each call needs and which feature needs the call, so that a check can name what is missing.

An app made since 2024 has granular scopes, an older one classic ones: either is enough. A Server-to-Server app uses
the ":admin" form that stands here; the app of a single user has the same names without it.
Source: https://developers.zoom.us/docs/integrations/oauth-scopes-granular/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tajo.connectors.zoom.api.auth import Level


@dataclass(frozen=True, slots=True)
class Needed:
    """The scopes that open a call, in their ":admin" form, and the features that need it.

    Features named as in the configuration's `sync`: "participants" (meetings and who came), "webinars", "recordings".
    Five more that nothing breaks without: "engagement" (polls and Q&A), "questions" (naming registration questions),
    "fallback" (finding past sessions user by user), "zones" (a host's time zone, for sessions without one) and
    "comparison" (checking our figures against another of Zoom's).
    """

    classic: str
    granular: str
    features: tuple[str, ...]

    def at(self, level: Level) -> Needed:
        """The same for a token of this level: a user's scopes lack ":admin"."""
        if level == "account":
            return self
        return Needed(_bare(self.classic), _bare(self.granular), self.features)


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
        "zoom.past.meeting_polls": Needed(_MEETING, "meeting:read:list_poll_results:admin", ("engagement",)),
        "zoom.past.meeting_qa": Needed(_MEETING, "meeting:read:past_qa:admin", ("engagement",)),
        "zoom.past.webinar_polls": Needed(_WEBINAR, "webinar:read:list_past_polls:admin", ("engagement",)),
        "zoom.past.webinar_qa": Needed(_WEBINAR, "webinar:read:past_qa:admin", ("engagement",)),
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
            _RECORDING, "cloud_recording:read:list_user_recordings:admin", ("comparison",)
        ),
    }
)


def is_granted(granted: Iterable[str], needed: Needed) -> bool:
    """Whether one of the granted scopes opens the call, in its classic or granular form, for one user or all."""
    bare = {_bare(scope) for scope in granted}
    return _bare(needed.classic) in bare or _bare(needed.granular) in bare


# What takes the place of reports and of the list of users, which no user's sign-in may read.
_FOR_A_USER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "zoom.users.get": _BOTH,
        "zoom.past.meeting_participants": ("participants",),
        "zoom.past.webinar_participants": ("webinars",),
    }
)


def needs(features: Iterable[str], level: Level = "account") -> dict[str, Needed]:
    """The least that these features need of a token of this level: origin → scopes, in the order of the table."""
    wanted = frozenset(features)
    rows = ((origin, needed) for origin, needed in SCOPES.items() if wanted.intersection(_for(origin, needed, level)))
    return {origin: needed.at(level) for origin, needed in rows}


def _for(origin: str, needed: Needed, level: Level) -> tuple[str, ...]:
    """The features that need this call, where a token of this level may make it at all."""
    if level == "account":
        return needed.features
    if origin.startswith("zoom.report.") or origin == "zoom.users.list":
        return ()
    return _FOR_A_USER.get(origin, needed.features)


def missing(granted: Iterable[str], features: Iterable[str], level: Level = "account") -> dict[str, Needed]:
    """What these features need and the token lacks: origin → scopes, in the order of the table."""
    have = frozenset(granted)
    return {origin: needed for origin, needed in needs(features, level).items() if not is_granted(have, needed)}


_EVENT_SCOPES = (
    (("started", "ended"), "{kind}:read:{kind}:admin"),
    (("participant_joined", "participant_left"), "{kind}:read:participant:admin"),
    (
        ("registration_created", "registration_approved", "registration_denied", "registration_cancelled"),
        "{kind}:read:registrant:admin",
    ),
)


def _event_scopes() -> dict[str, Needed]:
    found: dict[str, Needed] = {}
    for kind, classic, feature in (("meeting", _MEETING, "participants"), ("webinar", _WEBINAR, "webinars")):
        for names, scope in _EVENT_SCOPES:
            needed = Needed(classic, scope.format(kind=kind), (feature,))
            found |= {f"{kind}.{name}": needed for name in names}
    recording = Needed(_RECORDING, "cloud_recording:read:recording:admin", ("recordings",))
    for name in ("started", "stopped", "completed", "transcript_completed"):
        found[f"recording.{name}"] = recording
    return found


# Webhook event → what an app has to be allowed to read to be told of it.
EVENT_SCOPES: Mapping[str, Needed] = MappingProxyType(_event_scopes())

# What an app needs to subscribe by itself; Zoom adds both to the apps for which it allows that.
SUBSCRIBING = ("marketplace:write:event_subscription", "marketplace:read:list_event_subscriptions")


def may_subscribe(granted: Iterable[str]) -> bool:
    bare = {_bare(scope) for scope in granted}
    return all(scope in bare for scope in SUBSCRIBING)


def _bare(scope: str) -> str:
    return scope.removesuffix(":admin").removesuffix(":master")
