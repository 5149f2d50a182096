"""Cloud recordings: started, stopped, completed and, later, the transcript. object.id is a number.

The addresses differ from the API's and come with a download_token of their own, good for 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from tajo.simulators.world import Recording, World
from tajo.simulators.zoom.archive import Took
from tajo.simulators.zoom.call import minutes, utc
from tajo.simulators.zoom.endpoints.recordings import _FILES, _file, expiry
from tajo.simulators.zoom.webhooks.event import Event, Json, live, shortly

_TRANSCRIPT = ("TRANSCRIPT", "VTT", "audio_transcript", 7_342)


def recording_events(world: World, took: Took) -> Iterator[Event]:
    """None without a recording; a pair of started and stopped for each file set."""
    instance, recording = took.instance, took.instance.recording
    if recording is None:
        return
    for number in range(recording.sets):
        begin = instance.start + timedelta(minutes=number)
        yield _switched(world, took, "started", begin, None, number)
        yield _switched(world, took, "stopped", begin, instance.end, number)
    files = [_webhook_file(took, number, entry) for number in range(recording.sets) for entry in _FILES]
    yield _ready(world, took, recording, "completed", recording.completed_at, files)
    if recording.transcript_at is not None:
        files = [_webhook_file(took, 0, _TRANSCRIPT)]
        yield _ready(world, took, recording, "transcript_completed", recording.transcript_at, files)


def _switched(world: World, took: Took, what: str, begin: datetime, end: datetime | None, number: int) -> Event:
    session, instance = took.session, took.instance
    body: Json = {
        "id": session.id,
        "uuid": instance.uuid,
        "host_id": session.host.id,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(instance.start),
        "timezone": session.timezone,
        "duration": session.minutes,
        "recording_file": {"recording_start": utc(begin), "recording_end": utc(end)},
    }
    at = shortly(end or begin, f"{instance.uuid}{number}")
    return live(f"recording.{what}", at, {"account_id": world.account_id, "object": body})


def _ready(world: World, took: Took, recording: Recording, what: str, at: datetime, files: list[Json]) -> Event:
    session, instance = took.session, took.instance
    secret = sha256(f"{instance.uuid}{what}".encode()).hexdigest()
    body: Json = {
        "uuid": instance.uuid,
        "id": session.id,
        "account_id": world.account_id,
        "host_id": session.host.id,
        "topic": session.topic,
        "type": session.type,
        "start_time": utc(instance.start),
        "timezone": session.timezone,
        "host_email": session.host.email,
        "duration": minutes(took),
        "total_size": sum(file["file_size"] for file in files),
        "recording_count": len(files),
        "share_url": f"https://us02web.zoom.us/rec/share/{secret[:8]}",
        "recording_files": files,
        "password": recording.passcode,
        "recording_play_passcode": f"{recording.passcode}.simulated",
        "on_prem": False,
    } | expiry(recording)
    payload = {"account_id": world.account_id, "object": body}
    return live(f"recording.{what}", shortly(at, instance.uuid), payload, download_token=f"eyJ.simulated.{secret}")


def _webhook_file(took: Took, number: int, entry: tuple[str, str, str, int]) -> Json:
    """As the API shows it, with an address for holders of the event's token."""
    file = _file(took, number, entry)
    return file | {"download_url": file["download_url"].replace("/rec/download/", "/rec/webhook_download/")}
