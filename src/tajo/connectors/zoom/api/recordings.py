"""Cloud recordings.

Source: https://developers.zoom.us/docs/api/meetings/#tag/cloud-recording
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tajo.connectors.zoom.api.paging import Page, page_of, page_query
from tajo.connectors.zoom.api.paths import id_segment, uuid_segment
from tajo.connectors.zoom.api.reading import Fields, address, count, flag, ident, rows, text, when, whole
from tajo.http import Call


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file. `type` is MP4, M4A, CHAT, TRANSCRIPT …; `content` is Zoom's recording_type, "" for some.

    `status` is "completed" or "processing". `play_url` is "" where there is nothing to play. The download address is
    left out: it is another one in every answer, and opens with a token.
    """

    id: str
    type: str
    extension: str
    content: str
    status: str
    start: datetime | None
    end: datetime | None
    size_bytes: int
    play_url: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded of one instance, by its `uuid`. Each start of the recorder makes a whole set of files.

    `share_url` is "" where Zoom leaves it out. `passcode` is what people type; `play_passcode` goes behind the share
    or play address as "?pwd=". Neither is shown when the value is printed. `type` as in SessionDetails, 99 uploaded.
    `expires_on` is the day on which Zoom deletes it, None for one that stays or where nobody says so.
    """

    uuid: str
    id: str
    host_id: str
    host_email: str
    topic: str
    type: int
    start_time: datetime | None
    timezone: str
    duration_min: int
    share_url: str
    passcode: str = field(repr=False)
    play_passcode: str = field(repr=False)
    files: tuple[RecordingFile, ...]
    expires_on: date | None = None

    @property
    def has_transcript(self) -> bool:
        return any(file.type == "TRANSCRIPT" for file in self.files)

    @property
    def is_complete(self) -> bool:
        """Whether there are files and none is being processed."""
        return bool(self.files) and all(file.status != "processing" for file in self.files)


def of_session(session_uuid: str) -> Call[Recording]:
    """The recording of one instance, meeting or webinar; NoRecording when there is none or not yet.

    Light. Scope cloud_recording:read:list_recording_files:admin, or recording:read:admin.
    """
    path = f"/meetings/{uuid_segment(session_uuid)}/recordings"
    return Call("GET", path, _recording, "zoom.recordings.of_session", "light")


def of_user(user_id: str, since: date, until: date, *, page_token: str = "") -> Call[Page[Recording]]:
    """One page of a user's recordings of these UTC days, both in; at most a month in one call.

    Without dates Zoom would list today's only. Medium. Scope cloud_recording:read:list_user_recordings:admin, or
    recording:read:admin.
    """
    path = f"/users/{id_segment(user_id)}/recordings"
    query = page_query(page_token, **{"from": f"{since:%Y-%m-%d}", "to": f"{until:%Y-%m-%d}"})
    return Call("GET", path, page_of("meetings", read_recording), "zoom.recordings.of_user", "medium", query)


def _recording(answer: Any) -> Recording:
    return read_recording(whole(answer))


def read_recording(fields: Fields) -> Recording:
    """Also the object of a recording.completed webhook, which has the same shape."""
    return Recording(
        uuid=text(fields, "uuid"),
        id=ident(fields, "id"),
        host_id=text(fields, "host_id"),
        host_email=address(fields, "host_email"),
        topic=text(fields, "topic"),
        type=count(fields, "type"),
        start_time=when(fields, "start_time"),
        timezone=text(fields, "timezone"),
        duration_min=count(fields, "duration"),
        share_url=text(fields, "share_url"),
        passcode=text(fields, "password"),
        play_passcode=text(fields, "recording_play_passcode"),
        files=rows(fields, "recording_files", _file),
        expires_on=_expires_on(fields),
    )


def _expires_on(fields: Fields) -> date | None:
    day = when(fields, "auto_delete_date")
    return None if day is None or flag(fields, "auto_delete") is False else day.date()


def _file(fields: Fields) -> RecordingFile:
    return RecordingFile(
        id=text(fields, "id"),
        type=text(fields, "file_type"),
        extension=text(fields, "file_extension"),
        content=text(fields, "recording_type"),
        status=text(fields, "status"),
        start=when(fields, "recording_start"),
        end=when(fields, "recording_end"),
        size_bytes=count(fields, "file_size"),
        play_url=text(fields, "play_url"),
    )
