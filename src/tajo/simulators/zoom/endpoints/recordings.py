"""Cloud recordings: the file sets of one instance, and of a user's instances."""

from __future__ import annotations

import zlib
from datetime import timedelta

from tajo.simulators.world import Recording
from tajo.simulators.zoom.archive import Took
from tajo.simulators.zoom.call import Call, Json, minutes, utc
from tajo.simulators.zoom.errors import ZoomError

_FILES = (
    ("MP4", "MP4", "shared_screen_with_speaker_view", 2_860_943),
    ("M4A", "M4A", "audio_only", 468_935),
    ("TIMELINE", "JSON", "timeline", 93),  # has no play_url
)


def meeting_recordings(call: Call) -> Json:
    """GET /meetings/{meetingId or uuid}/recordings, webinars too; 404/3301 for none and for one still in the making."""
    took = _took(call)
    recording = took.instance.recording
    if recording is None:
        raise ZoomError(404, 3301, f"This recording does not exist: {call.args['ref']}.")
    if recording.completed_at > call.now:
        raise ZoomError(404, 3301, "This recording is still being processed.")
    body = _recording(call, took) | {"password": recording.passcode}
    if call.query.get("include_fields") == "download_access_token":
        body["download_access_token"] = "eyJ.simulated.download"
    return body


def user_recordings(call: Call) -> Json:
    """GET /users/{userId}/recordings: today and tomorrow (UTC) unless dates are given; longer spans are cut."""
    user = call.user()
    begin, end = call.dates(required=False)
    took = [
        t
        for t in call.archive.ended(call.now)
        if t.session.host.id == user.id
        and begin <= t.instance.start < end
        and t.instance.recording is not None
        and t.instance.recording.completed_at <= call.now
    ]
    body = call.page("meetings", took, lambda t: _recording(call, t))
    return {"from": begin.date().isoformat(), "to": (end - timedelta(days=1)).date().isoformat()} | body


def transcript(call: Call) -> Json:
    """GET /meetings/{meetingId or uuid}/transcript; 404/3322 for none."""
    took = _took(call)
    recording = took.instance.recording
    if recording is None or recording.transcript_at is None or recording.transcript_at > call.now:
        raise ZoomError(404, 3322, "The transcript does not exist.")
    return {
        "meeting_id": took.instance.uuid,
        "account_id": call.archive.world.account_id,
        "meeting_topic": took.session.topic,
        "host_id": took.session.host.id,
        "can_download": True,
        "download_url": f"https://us02web.zoom.us/rec/download/{zlib.crc32(took.instance.uuid.encode()):08x}.vtt",
    }


def _took(call: Call) -> Took:
    for kind in (call.past_meeting, call.past_webinar):
        try:
            return kind()
        except ZoomError as error:
            if error.code != 3001:
                raise
    raise ZoomError(404, 3301, f"This recording does not exist: {call.args['ref']}.")


def _recording(call: Call, took: Took) -> Json:
    session, instance = took.session, took.instance
    recording = instance.recording
    assert recording is not None
    files = [_file(took, number, entry) for number in range(recording.sets) for entry in _FILES]
    if recording.transcript_at is not None and recording.transcript_at <= call.now:
        files.append(_file(took, 0, ("TRANSCRIPT", "VTT", "audio_transcript", 7_342)))
    return {
        "uuid": instance.uuid,
        "id": session.id,
        "account_id": call.archive.world.account_id,
        "host_id": session.host.id,
        "host_email": session.host.email,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(instance.start),
        "timezone": session.timezone,
        "duration": minutes(took),
        "total_size": sum(file["file_size"] for file in files),
        "recording_count": len(files),
        "share_url": f"https://us02web.zoom.us/rec/share/{zlib.crc32(instance.uuid.encode()):08x}",
        "recording_play_passcode": f"{recording.passcode}.simulated",
        "recording_files": files,
        "participant_audio_files": [],
    } | expiry(recording)


def expiry(recording: Recording) -> Json:
    """When it is deleted by itself, if it is."""
    if recording.deleted_on is None:
        return {}
    return {"auto_delete": True, "auto_delete_date": recording.deleted_on.isoformat()}


def _file(took: Took, number: int, entry: tuple[str, str, str, int]) -> Json:
    kind, extension, recording_type, size = entry
    name = f"{zlib.crc32(took.instance.uuid.encode()):08x}-{number}-{recording_type}"
    body: Json = {
        "id": name,
        "meeting_id": took.instance.uuid,
        "recording_start": utc(took.instance.start + timedelta(minutes=number)),
        "recording_end": utc(took.instance.end),
        "file_type": kind,
        "file_extension": extension,
        "file_size": size,
        "play_url": f"https://us02web.zoom.us/rec/play/{name}",
        "download_url": f"https://us02web.zoom.us/rec/download/{name}",
        "status": "completed",
        "recording_type": recording_type,
    }
    if kind == "TIMELINE":
        del body["play_url"]
    return body
