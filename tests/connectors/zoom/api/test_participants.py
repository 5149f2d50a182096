"""Rows of participants lists."""

from __future__ import annotations

from datetime import UTC, datetime

from tajo.connectors.zoom.api.participants import ParticipantRow, participants_page, read_row

HOST = {
    "id": "30R7kT7bTIKSNUFEuH_Qlg",
    "user_id": "16778240",
    "participant_user_id": "30R7kT7bTIKSNUFEuH_Qlg",
    "name": "Ana Host",
    "user_email": " ana@corp.example",
    "join_time": "2026-09-01T14:00:03.66Z",
    "leave_time": "2026-09-01T15:00:10Z",
    "duration": 3607,
    "failover": True,
    "status": "in_meeting",
    "customer_key": "349589LkJyeW",
    "registrant_id": "",
    "bo_mtg_id": "b1",
    "internal_user": True,
}


def test_a_full_row() -> None:
    assert read_row(HOST) == ParticipantRow(
        name="Ana Host",
        email="ana@corp.example",
        join_time=datetime(2026, 9, 1, 14, 0, 3, 660_000, tzinfo=UTC),
        leave_time=datetime(2026, 9, 1, 15, 0, 10, tzinfo=UTC),
        duration_s=3607,
        registrant_id="",
        customer_key="349589LkJyeW",
        participant_user_id="30R7kT7bTIKSNUFEuH_Qlg",
        join_id="16778240",
        status="in_meeting",
        breakout_id="b1",
        failover=True,
        internal_user=True,
    )


def test_a_guests_row_has_no_account_and_no_address() -> None:
    row = read_row({"id": "", "user_id": "16779264", "name": "iPhone", "duration": 0, "registrant_id": None})
    assert row.participant_user_id == row.email == row.registrant_id == ""
    assert row.duration_s == 0
    assert row.join_time is None
    assert row.internal_user is None


def test_the_deprecated_id_stands_in_for_the_account() -> None:
    assert read_row({"id": "abc"}).participant_user_id == "abc"


def test_waiting_room_rows_are_told_apart() -> None:
    assert read_row({"status": "in_waiting_room"}).waiting
    assert not read_row(HOST).waiting


def test_an_empty_row_is_read() -> None:
    assert len(participants_page({"participants": [{}]}).items) == 1
