"""Recordings."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tajo.connectors.zoom.api import recordings

MP4 = {"id": "f1", "file_type": "MP4", "file_size": 2860943, "status": "completed", "play_url": "https://z/p"}
RECORDING = {
    "uuid": "BOKXuumlTAGXuqwr3bLyuQ==",
    "id": 6840331990,
    "type": "5",
    "duration": 61,
    "share_url": "https://us02web.zoom.us/rec/share/xyz",
    "password": "a1B2c3",
    "recording_play_passcode": "yNYIS408",
    "recording_files": [MP4, {"file_type": "TIMELINE"}],
}


def test_a_recording_and_its_files() -> None:
    recording = recordings.of_session("u==").parse(RECORDING)
    assert (recording.id, recording.type, recording.duration_min) == ("6840331990", 5, 61)
    assert [file.type for file in recording.files] == ["MP4", "TIMELINE"]
    assert recording.files[0].size_bytes == 2860943
    assert recording.files[1].play_url == ""


def test_passcodes_are_not_printed() -> None:
    recording = recordings.of_session("u==").parse(RECORDING)
    assert recording.passcode == "a1B2c3"
    assert "a1B2c3" not in repr(recording)
    assert "yNYIS408" not in repr(recording)


@pytest.mark.parametrize(
    ("files", "complete"), [([MP4], True), ([MP4, {"status": "processing"}], False), ([], False), (None, False)]
)
def test_complete_means_files_and_none_in_processing(files: Any, complete: bool) -> None:
    assert recordings.read_recording(RECORDING | {"recording_files": files}).is_complete is complete


def test_a_users_recordings_are_asked_for_by_days() -> None:
    call = recordings.of_user("u1", date(2026, 9, 1), date(2026, 9, 30))
    assert call.query == {"page_size": "300", "from": "2026-09-01", "to": "2026-09-30"}
    assert call.parse({"meetings": [RECORDING]}).items[0].uuid == "BOKXuumlTAGXuqwr3bLyuQ=="
