"""Whatever is wrong is one clear line (where, what, what to do), the right exit code, and nothing written to Brevo."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tajo.connectors.zoom.api.scopes import SCOPES
from tajo.simulators.faults import Fault

pytestmark = pytest.mark.timeout(120)

EVERY = (("sync", "zoom"), ("plan", "zoom"), ("check",), ("connectors", "connect", "zoom"))
SYNC_AND_PLAN = EVERY[:2]


def untouched(desk: Any, before: dict[str, Any]) -> None:
    assert desk.book == before
    assert desk.writes == []


def refused(desk: Any, args: tuple[str, ...], code: int, *said: str, remedy: bool = True) -> None:
    """The command ends with the code and one line that says all of it; Brevo stays as it was."""
    before = desk.book
    ran = desk.tajo(*args)
    assert "Traceback" not in ran.err, ran.err.splitlines()[-1]
    assert ran.code == code, ran.err + ran.out
    line = ran.error
    for each in said:
        assert each in line, line
    assert not remedy or " — " in line, f"no remedy: {line}"
    assert ran.out == ""
    untouched(desk, before)


# --- the configuration: 3 ---

WRONG_FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "no YAML": ("connectors: [zoom\n", ("tajo.yml:",)),
    "a tab": ("connectors:\n\tzoom: {}\n", ("tajo.yml:2",)),
    "a list": ("- zoom\n", ("tajo.yml",)),
    "unknown key": ("connectors: {zoom: {acount_id: x}}\n", ("tajo.yml:1", "acount_id", "account_id")),
    "unknown key at the top": ("conectors: {}\n", ("tajo.yml:1", "connectors")),
    "key in the wrong place": ("account_id: x\n", ("tajo.yml:1", "connectors.zoom.account_id")),
    "unknown field": ("field_mapping: {emial: email}\n", ("tajo.yml:1", "email")),
    "unknown plan": ("connectors: {zoom: {plan: gold}}\n", ("tajo.yml:1", "plan", "business")),
    "twice": ("brevo: {}\nbrevo: {}\n", ("tajo.yml:2", "brevo")),
    "no address": ("brevo: {api_url: nowhere}\n", ("tajo.yml:1", "api_url")),
    "no key": ("brevo: {api_key: 이건 키가 아니야}\n", ("tajo.yml:1", "api_key")),
    "no duration": ("connectors: {zoom: {restart_gap: soon}}\n", ("tajo.yml:1", "restart_gap")),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_told_with_file_and_line(name: str, desk: Any) -> None:
    text, said = WRONG_FILES[name]
    here = desk()
    here.write(text)
    for args in SYNC_AND_PLAN:
        refused(here, args, 3, *said, remedy=False)  # "must be …" is one
    assert not here.zoom.calls


def test_all_problems_of_a_file_are_told_at_once(desk: Any) -> None:
    here = desk()
    here.write("brevo: {api_kei: x}\nconnectors: {zoom: {plan: gold}}\n")
    ran = here.tajo("sync", "zoom")
    assert ran.code == 3
    assert "api_key" in ran.err
    assert "business" in ran.err
    assert "tajo.yml:1" in ran.err
    assert "tajo.yml:2" in ran.err


def test_without_a_file_the_remedy_is_init(desk: Any) -> None:
    here = desk()
    (here.folder / "tajo.yml").unlink()
    for args in SYNC_AND_PLAN:
        refused(here, args, 3, "tajo.yml", "tajo init")


def test_a_file_that_was_named_has_to_be_there(desk: Any) -> None:
    here = desk()
    for args in EVERY:
        refused(here, (*args, "--config", "elsewhere.yml"), 3, "elsewhere.yml")


def test_a_folder_is_no_file(desk: Any) -> None:
    refused(desk(), ("sync", "zoom", "--config", "."), 3, "directory")


MISSING = {
    "connectors.zoom.account_id": "ZOOM_ACCOUNT_ID",
    "connectors.zoom.client_id": "ZOOM_CLIENT_ID",
    "connectors.zoom.client_secret": "ZOOM_CLIENT_SECRET",
    "brevo.api_key": "BREVO_API_KEY",
}


@pytest.mark.parametrize("key", MISSING)
def test_a_missing_secret_is_named_with_its_variable(key: str, desk: Any) -> None:
    """Named in the file but not set, as in a fresh checkout without .env."""
    here = desk()
    here.configure(**{key: f"${{{MISSING[key]}}}"})
    for args in EVERY:
        refused(here, args, 3, MISSING[key], "tajo.yml:")
    assert not here.zoom.calls


@pytest.mark.parametrize("key", MISSING)
def test_a_secret_without_a_line_is_told_how_to_write(key: str, desk: Any) -> None:
    here = desk()
    here.configure(**{key: None})
    refused(here, ("sync", "zoom"), 3, MISSING[key])


def test_secrets_never_show(desk: Any) -> None:
    """Wrong ones, in every command and on both streams."""
    here = desk()
    here.configure(**{"connectors.zoom.client_secret": "hush-hush-secret", "brevo.api_key": "xkeysib-very-wrong"})
    for args in (*EVERY, ("connectors", "list"), ("connectors", "status", "zoom")):
        ran = here.tajo(*args)
        for secret in ("hush-hush-secret", "xkeysib-very-wrong"):
            assert secret not in ran.out + ran.err
    for path in here.folder.glob("*.db*"):
        assert b"hush-hush-secret" not in path.read_bytes()
        assert b"xkeysib-very-wrong" not in path.read_bytes()


def test_a_disabled_connector_does_nothing(desk: Any) -> None:
    here = desk()
    here.configure(**{"connectors.zoom.enabled": False})
    for args in EVERY:
        refused(here, args, 3, "switched off", "connectors.zoom.enabled", "tajo.yml:")
    assert not here.zoom.calls
    assert not here.brevo.calls


def test_a_list_number_that_nobody_has(desk: Any) -> None:
    here = desk(lists={15: "m", 16: "w"})
    for args in SYNC_AND_PLAN:
        refused(here, args, 3, "17", "webinar_registrants", "tajo.yml:")
    assert not here.zoom.calls


def test_an_attribute_of_a_clashing_type(desk: Any) -> None:
    here = desk(
        attributes={
            "MEETING_JOIN_DATE": "boolean",
            "MEETING_DURATION": "float",
            "WEBINAR_NAME": "text",
            "ATTENDANCE_STATUS": "text",
            "UTM_SOURCE": "text",
        }
    )
    for args in SYNC_AND_PLAN:
        refused(here, args, 3, "MEETING_JOIN_DATE", "boolean")
    assert not here.zoom.calls


def test_a_missing_attribute_is_named_with_the_command_that_makes_it(desk: Any) -> None:
    here = desk(attributes={"MEETING_DURATION": "float", "WEBINAR_NAME": "text", "ATTENDANCE_STATUS": "text"})
    for args in SYNC_AND_PLAN:
        refused(here, args, 3, "MEETING_JOIN_DATE", "UTM_SOURCE", "tajo connectors connect zoom")


# --- the database: 3 and 5 ---


def test_a_database_of_a_newer_version_is_left_alone(desk: Any) -> None:
    here = desk()
    assert here.tajo("connectors", "connect", "zoom").code == 0
    connection = sqlite3.connect(here.folder / "tajo.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = here.rows()
    here.brevo.calls.clear()
    for args in (("sync", "zoom"), ("plan", "zoom"), ("why", "kim@mail.example"), ("connectors", "status", "zoom")):
        refused(here, args, 3, "newer version")
    assert here.rows() == before


@pytest.mark.parametrize("args", [("sync", "zoom"), ("plan", "zoom"), ("why", "kim@mail.example")], ids=" ".join)
@pytest.mark.parametrize(
    "content", [b"this is no database, but a letter to my mother\n" * 40, b"SQLite format 3\0" * 99]
)
def test_a_file_that_is_no_database(content: bytes, args: tuple[str, ...], desk: Any) -> None:
    here = desk()
    (here.folder / "tajo.db").write_bytes(content)
    before = here.book
    ran = here.tajo(*args)
    assert ran.code in (1, 3, 5)
    assert "database" in ran.error
    assert (here.folder / "tajo.db").read_bytes() == content
    untouched(here, before)


@pytest.mark.parametrize(
    "url",
    ["sqlite:///nowhere/tajo.db", "sqlite:////proc/tajo.db", "mysql://a@b/c", "tajo.db", "sqlite:///."],
)
def test_a_database_that_cannot_be(url: str, desk: Any) -> None:
    here = desk()
    here.configure(database_url=url)
    refused(here, ("sync", "zoom"), 3, "database", remedy=False)


def test_a_postgres_that_is_not_there_keeps_its_password(desk: Any, dead_port: int) -> None:
    here = desk()
    here.configure(database_url=f"postgresql://tajo:pass-word-9@127.0.0.1:{dead_port}/tajo")
    for args in (("sync", "zoom"), ("plan", "zoom"), ("connectors", "status", "zoom")):
        refused(here, args, 5, "database")
        ran = here.tajo(*args)
        assert "pass-word-9" not in ran.err


def test_a_locked_database_is_said_to_be_so(slow: Any) -> None:
    """Another program holds the write lock for longer than ours waits for it (30 s)."""
    ran, took_s = slow("locked")
    assert ran.code == 5, ran.err
    assert "locked" in ran.error
    assert "database" in ran.error
    assert ran.out == ""
    assert 25 <= took_s <= 60


def test_a_sync_gives_up_after_a_minute_without_any_answer_of_zoom(slow: Any) -> None:
    """Nobody listens at Zoom's address, and nothing can shorten the patience: sixty seconds, then 5 and a way on."""
    ran, took_s = slow("silent")
    assert ran.code == 5, ran.err
    assert "no answer" in ran.error or "no connection" in ran.error
    assert "goes on" in ran.error
    assert ran.out == ""
    assert 55 <= took_s <= 100


# --- credentials: 4 ---

ACCESS: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
    "expired Brevo key": (lambda here: here.brevo.expire_key(), ("key", "https://app.brevo.com/settings/keys/api")),
    "switched-off Brevo key": (lambda here: here.brevo.deactivate(), ("key", "https://app.brevo.com/settings/keys")),
    "blocked IP": (lambda here: here.brevo.block_ip("203.0.113.9"), ("203.0.113.9", "authorised_ips")),
    "wrong Brevo key": (lambda here: here.configure(**{"brevo.api_key": "xkeysib-wrong"}), ("key",)),
    "wrong client secret": (
        lambda here: here.configure(**{"connectors.zoom.client_secret": "wrong"}),
        ("client secret", "client_secret"),
    ),
    "wrong client id": (lambda here: here.configure(**{"connectors.zoom.client_id": "wrong"}), ("client_id",)),
    "wrong account id": (lambda here: here.configure(**{"connectors.zoom.account_id": "wrong"}), ("account_id",)),
    "app switched off": (lambda here: here.zoom.deactivate(), ("activate",)),
}


@pytest.mark.parametrize("name", ACCESS)
def test_refused_access_ends_with_4(name: str, desk: Any) -> None:
    break_it, said = ACCESS[name]
    here = desk()
    break_it(here)
    for args in (("plan", "zoom"), ("connectors", "connect", "zoom"), ("sync", "zoom")):
        refused(here, args, 4, *said)


NEEDED = {needed.granular for needed in SCOPES.values() if {"participants", "webinars"} & set(needed.features)}


def test_each_missing_scope_is_named(desk: Any) -> None:
    """`connect` and `check` name it before anything goes wrong."""
    here = desk()
    granted = set(here.zoom.scopes)
    for scope in sorted(NEEDED):
        here.zoom.scopes = granted - {scope, scope.removesuffix(":admin")}
        refused(here, ("connectors", "connect", "zoom"), 4, scope)
        checked = here.tajo("check")
        assert checked.code == 4
        assert f"✗ zoom scopes: {scope} is missing" in checked.out
        assert f"add the scope {scope}" in checked.out


@pytest.mark.parametrize(
    "scope",
    [
        "user:read:list_users:admin",
        "report:read:list_history_meetings:admin",
        "report:read:list_webinar_participants:admin",
        "webinar:read:list_registrants:admin",
    ],
)
def test_a_sync_without_a_scope_names_it_or_finds_another_way(scope: str, desk: Any) -> None:
    here = desk()
    here.zoom.scopes = here.zoom.scopes - {scope, scope.removesuffix(":admin")}
    ran = here.tajo("plan", "zoom")
    if ran.code == 4:
        assert scope in ran.error
    else:
        assert ran.code == 0, ran.err
        assert "kim@mail.example" in ran.out
    assert here.brevo.contacts == {}


# --- not found, and what cannot be meant: 1 and 2 ---


@pytest.mark.parametrize("args", SYNC_AND_PLAN, ids=" ".join)
@pytest.mark.parametrize(
    "which",
    [("--meeting", "86000000000"), ("--webinar", "86000000000"), ("--meeting", "abcABC123/+=="), ("--webinar", "x")],
)
def test_an_unknown_session_is_not_found(which: tuple[str, str], args: tuple[str, ...], desk: Any) -> None:
    refused(desk(), (*args, *which), 1, which[0].strip("-"), which[1])


@pytest.mark.parametrize("args", SYNC_AND_PLAN, ids=" ".join)
def test_a_meeting_asked_for_as_a_webinar_says_so(args: tuple[str, ...], desk: Any) -> None:
    here = desk()
    number = str(here.plans["meeting"].session.id)
    before = here.book
    ran = here.tajo(*args, "--webinar", number)
    assert ran.code in (1, 2)
    assert number in ran.error
    untouched(here, before)


DATES: dict[str, tuple[tuple[str, ...], str]] = {
    "the wrong way round": (("--since", "2026-11-02", "--until", "2026-11-01"), "as since"),
    "no day": (("--since", "yesterday"), "30d"),
    "no such day": (("--since", "2026-02-30"), "30d"),
    "negative": (("--since", "-3d"), "30d"),
    "in the future": (("--since", "2199-01-01", "--until", "2199-02-01"), "future"),
    "a meeting and a webinar": (("--meeting", "1", "--webinar", "2"), "one of them"),
    "the year 1": (("--since", "0001-01-01"), "since"),
    "the year 9999": (("--until", "9999-12-31"), "until"),
}


@pytest.mark.parametrize("args", SYNC_AND_PLAN, ids=" ".join)
@pytest.mark.parametrize("name", DATES)
def test_impossible_windows_end_with_2(name: str, args: tuple[str, ...], desk: Any) -> None:
    more, said = DATES[name]
    here = desk()
    refused(here, (*args, *more), 2, said)
    assert not here.zoom.calls
    assert not (here.folder / "tajo.db").exists()


def test_the_longest_window_is_walked_or_refused(desk: Any) -> None:
    """Zoom keeps a year at most: four of them are no reason for fifty calls of the day's budget."""
    here = desk()
    ran = here.tajo("plan", "zoom", "--since", "1500d")
    assert ran.code in (0, 2), ran.err
    assert here.zoom.calls.count(prefix="/report/history_meetings") < 20


def test_nothing_odd_poisons_the_database(desk: Any) -> None:
    """After whatever went wrong, the ordinary command works."""
    here = desk()
    for more in (("--since", "0001-01-01"), ("--until", "9999-12-31"), ("--meeting", "x"), ("--webinar", "1")):
        here.tajo("sync", "zoom", *more)
    ran = here.tajo("sync", "zoom")
    assert ran.code == 0, ran.err.splitlines()[-1]
    assert "dead letter" not in ran.out


# --- Zoom or Brevo out of reach: 5 ---


@pytest.mark.parametrize("args", [("check",), ("connectors", "connect", "zoom")], ids=" ".join)
def test_what_only_looks_gives_up_soon(args: tuple[str, ...], desk: Any, dead_port: int) -> None:
    here = desk()
    here.configure(**{"connectors.zoom.oauth_url": f"http://127.0.0.1:{dead_port}/oauth"})
    ran = here.tajo(*args)
    assert ran.code == 5, ran.err + ran.out
    assert "no connection" in ran.err + ran.out


# --- records that Brevo refuses: 6 ---


def test_a_refused_record_ends_with_6_and_is_told(desk: Any) -> None:
    here = desk()
    here.brevo.faults.order(
        Fault.respond(400, b'{"code":"invalid_parameter","message":"Invalid email address"}'), "POST /contacts"
    )
    ran = here.tajo("sync", "zoom")
    assert ran.code == 6
    assert "1 refused" in ran.out
    assert "tajo connectors status zoom" in ran.out
    status = here.tajo("connectors", "status", "zoom")
    assert "dead letter: " in status.out
    assert "Invalid email address" in status.out
    again = here.tajo("sync", "zoom")
    assert again.code == 0, again.out
    assert "1 created" in again.out
    assert "dead letter" not in here.tajo("connectors", "status", "zoom").out


def test_json_errors_leave_stdout_readable(desk: Any) -> None:
    """Nothing, or the problem as JSON; the line for people is on stderr."""
    here = desk()
    here.brevo.expire_key()
    for args in (("sync", "zoom"), ("plan", "zoom"), ("connectors", "connect", "zoom"), ("check",)):
        ran = here.tajo(*args, "--json")
        assert ran.code == 4
        if ran.out.strip():
            json.loads(ran.out)
    assert Path(here.folder / "tajo.yml").exists()
