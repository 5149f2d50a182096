"""`tajo connectors` and `tajo init`: a new user's first quarter of an hour."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tajo.config.template import ENV_EXAMPLE, TAJO_YML

# The three blocks of the connector's documentation page, as they stand there.
BASIC = """\
connectors:
  zoom:
    enabled: true
    account_id: "${ZOOM_ACCOUNT_ID}"
    client_id: "${ZOOM_CLIENT_ID}"
    client_secret: "${ZOOM_CLIENT_SECRET}"
    sync:
      participants: true
      webinars: true
      recordings: true
    webhook:
      secret_token: "${ZOOM_WEBHOOK_SECRET}"
      verification_token: "${ZOOM_VERIFICATION_TOKEN}"
    lists:
      meeting_participants: 15
      webinar_attendees: 16
      webinar_registrants: 17
"""
MAPPING = """\
field_mapping:
  email: email
  name: FIRSTNAME
  join_time: MEETING_JOIN_DATE
  duration: MEETING_DURATION
  webinar_title: WEBINAR_NAME
  attendance_status: ATTENDANCE_STATUS
  registration_source: UTM_SOURCE
"""
DEBUG = """\
connectors:
  zoom:
    debug: true
    log_level: verbose
    log_webhooks: true
"""


def addresses(here: Any) -> str:
    zoom = here.settings["connectors"]["zoom"]
    return f"    api_url: {zoom['api_url']}\n    oauth_url: {zoom['oauth_url']}\n    plan: business\n"


def secrets(here: Any) -> dict[str, str]:
    zoom = here.settings["connectors"]["zoom"]
    return {
        "ZOOM_ACCOUNT_ID": zoom["account_id"],
        "ZOOM_CLIENT_ID": zoom["client_id"],
        "ZOOM_CLIENT_SECRET": zoom["client_secret"],
        "BREVO_API_KEY": here.settings["brevo"]["api_key"],
    }


@pytest.mark.parametrize(
    ("where", "inside"), [("environment", False), (".env", True)], ids=["mapping at the top", "mapping inside, .env"]
)
def test_the_documentations_blocks_work_as_they_stand(
    where: str, inside: bool, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ZOOM_WEBHOOK_SECRET, which only `serve` needs; the legacy token costs a warning."""
    here = desk(attributes={})
    mapping = "".join(f"    {line}\n" for line in MAPPING.splitlines()) if inside else MAPPING
    debug = "".join(DEBUG.splitlines(keepends=True)[2:])
    brevo = f"brevo: {{api_url: {here.settings['brevo']['api_url']}}}\n"
    here.write(BASIC + debug + addresses(here) + mapping + brevo)
    if where == ".env":
        (here.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in secrets(here).items()))
    else:
        for name, value in secrets(here).items():
            monkeypatch.setenv(name, value)
    done = here.tajo("connectors", "connect", "zoom")
    assert done.code == 0, done.err
    assert "created in Brevo, attributes: " in done.out
    ran = here.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    assert "legacy" in ran.err
    values, lists = here.book["contacts"]["kim@mail.example"]
    assert values["FIRSTNAME"] == "김민수" or "민수" in values["FIRSTNAME"]
    assert values["MEETING_DURATION"] == 38 * 60
    assert values["WEBINAR_NAME"] == "봄 웨비나"
    assert lists == [16, 17]


@pytest.mark.parametrize("block", [BASIC, MAPPING, DEBUG, BASIC + MAPPING], ids=["basic", "mapping", "debug", "both"])
def test_each_block_alone_is_a_configuration(block: str, desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = desk()
    here.write(block)
    for name, value in secrets(here).items():
        monkeypatch.setenv(name, value)
    assert here.tajo("connectors", "list").code == 0


# --- init ---


def test_init_writes_both_files_and_says_what_comes_next(folder: Path, desk: Any) -> None:
    here = desk()
    (folder / "tajo.yml").unlink()
    ran = here.tajo("init")
    assert ran.code == 0
    assert (folder / "tajo.yml").read_text(encoding="utf-8") == TAJO_YML
    assert (folder / ".env.example").read_text(encoding="utf-8") == ENV_EXAMPLE
    assert "Next: " in ran.out
    assert ran.err == ""


def test_init_never_writes_over_a_file(folder: Path, desk: Any) -> None:
    here = desk()
    (folder / "tajo.yml").write_text("mine: true\n")
    ran = here.tajo("init", "--json")
    assert ran.json == {"written": [".env.example"], "kept": ["tajo.yml"]}
    assert (folder / "tajo.yml").read_text() == "mine: true\n"
    (folder / ".env.example").write_text("MINE=1\n")
    ran = here.tajo("init")
    assert ran.code == 3
    assert "nothing is written over a file" in ran.error
    assert (folder / "tajo.yml").read_text() == "mine: true\n"
    assert (folder / ".env.example").read_text() == "MINE=1\n"


def test_init_follows_no_link(folder: Path, desk: Any) -> None:
    """A dangling link is something that is there, too."""
    here = desk()
    (folder / "tajo.yml").unlink()
    target = folder.parent / "target.yml"
    (folder / "tajo.yml").symlink_to(target)
    here.tajo("init")
    assert not target.exists()


def test_init_in_another_folder(folder: Path, desk: Any) -> None:
    here = desk()
    (folder / "inner").mkdir()
    assert here.tajo("init", "--directory", "inner").code == 0
    assert (folder / "inner" / "tajo.yml").exists()
    assert here.tajo("init", "--directory", "made/for/it").code == 0
    assert (folder / "made" / "for" / "it" / ".env.example").exists()
    ran = here.tajo("init", "--directory", "tajo.yml/below")
    assert ran.code == 3
    assert "tajo.yml" in ran.error


def test_init_writes_the_configuration_that_was_named(folder: Path, desk: Any) -> None:
    """Although there is a tajo.yml; .env.example is beside the new one, and is kept where it is there."""
    here = desk()
    before = (folder / "tajo.yml").read_bytes()
    assert here.tajo("init", "--config", "x.yml").code == 0
    assert (folder / "x.yml").read_text(encoding="utf-8") == TAJO_YML
    assert (folder / ".env.example").exists()
    ran = here.tajo("init", "--config", "y.yml", "--json")
    assert ran.json == {"written": ["y.yml"], "kept": [".env.example"]}
    ran = here.tajo("init", "--config", str(folder / "made" / "for" / "it.yml"))
    assert "--config" in ran.out
    assert {path.name for path in (folder / "made" / "for").iterdir()} == {"it.yml", ".env.example"}
    assert here.tajo("init", "--config", "x.yml").code == 3
    assert (folder / "tajo.yml").read_bytes() == before


def test_the_template_connects_with_nothing_but_an_env_file(folder: Path, desk: Any) -> None:
    """`tajo init`, .env filled in, `connect`, `check`, `sync`: only the addresses are another's here."""
    here = desk(attributes={}, lists={})
    (folder / "tajo.yml").unlink()
    assert here.tajo("init").code == 0
    text = (folder / "tajo.yml").read_text(encoding="utf-8")
    secret_line = '    client_secret: "${ZOOM_CLIENT_SECRET}"\n'
    assert secret_line in text
    text = text.replace(secret_line, secret_line + addresses(here))
    assert text.count("\nbrevo:\n") == 1
    text = text.replace("\nbrevo:\n", f"\nbrevo:\n  api_url: {here.settings['brevo']['api_url']}\n")
    (folder / "tajo.yml").write_text(text, encoding="utf-8")
    filled = ENV_EXAMPLE
    for name, value in secrets(here).items():
        filled = filled.replace(f"{name}=\n", f"{name}={value}\n")
    (folder / ".env").write_text(filled, encoding="utf-8")
    done = here.tajo("connectors", "connect", "zoom")
    assert done.code == 0, done.err
    assert here.tajo("check").code == 0
    ran = here.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    assert "kim@mail.example" in here.book["contacts"]


# --- connect, list, status, disconnect ---


def test_connect_creates_what_brevo_lacks_and_says_so(desk: Any) -> None:
    here = desk(attributes={}, lists={})
    here.configure(
        **{
            "connectors.zoom.lists": {
                "meeting_participants": "회의 참가자",
                "webinar_attendees": "Webinar [red]people[/red]",
            }
        }
    )
    ran = here.tajo("connectors", "connect", "zoom")
    assert ran.code == 0, ran.err
    assert "MEETING_JOIN_DATE" in ran.out
    assert "회의 참가자" in ran.out
    assert "Webinar [red]people[/red]" in ran.out
    assert here.brevo.attributes["MEETING_JOIN_DATE"].type == "date"
    assert here.brevo.attributes["MEETING_DURATION"].type == "float"
    assert {"회의 참가자", "Webinar [red]people[/red]"} <= {entry.name for entry in here.brevo.lists.values()}
    again = here.tajo("connectors", "connect", "zoom", "--json").json
    assert again["created_attributes"] == []
    assert again["created_lists"] == []
    assert len(here.brevo.lists) == 3  # two of ours and Brevo's own


def test_connect_creates_nothing_when_access_is_not_proved(desk: Any) -> None:
    here = desk(attributes={})
    here.configure(**{"connectors.zoom.client_secret": "wrong"})
    ran = here.tajo("connectors", "connect", "zoom")
    assert ran.code == 4
    assert here.writes == []


def test_connect_with_credentials_on_the_command_line(desk: Any) -> None:
    """They win over the file, and what to do for later commands is said; the secret is not repeated."""
    here = desk()
    zoom = dict(here.settings["connectors"]["zoom"])
    here.configure(**{f"connectors.zoom.{name}": "${NOT_SET}" for name in ("account_id", "client_id", "client_secret")})
    given = [
        part
        for name in ("account_id", "client_id", "client_secret")
        for part in (f"--{name.replace('_', '-')}", zoom[name])
    ]
    ran = here.tajo("connectors", "connect", "zoom", *given)
    assert ran.code == 0, ran.err
    assert ".env" in ran.out
    assert zoom["client_secret"] not in ran.out + ran.err
    assert here.tajo("sync", "zoom").code == 3


def test_the_life_of_a_connection(desk: Any) -> None:
    here = desk()
    assert "not connected" in here.tajo("connectors", "status", "zoom").out
    assert "no sync yet" in here.tajo("connectors", "status", "zoom").out
    ran = here.tajo("connectors", "disconnect", "zoom")
    assert ran.code == 1
    assert here.tajo("connectors", "connect", "zoom").code == 0
    first = here.tajo("connectors", "status", "zoom", "--json").json["connected_at"]
    assert here.tajo("connectors", "connect", "zoom").code == 0
    status = here.tajo("connectors", "status", "zoom", "--json").json
    assert status["connected_at"] == first  # the first connection counts
    assert here.tajo("sync", "zoom").code == 0
    assert "last sync: done" in here.tajo("connectors", "status", "zoom").out
    before = here.book
    assert here.tajo("connectors", "disconnect", "zoom").code == 0
    assert here.tajo("connectors", "status", "zoom", "--json").json["connected_at"] is None
    assert here.book == before
    assert here.tajo("connectors", "disconnect", "zoom", "--json").json == {"disconnected": False}


def test_status_tells_why_a_run_stopped(desk: Any) -> None:
    here = desk()
    here.brevo.block_ip()
    assert here.tajo("sync", "zoom").code == 4
    shown = here.tajo("connectors", "status", "zoom")
    assert "last sync: paused" in shown.out
    assert "203.0.113.9" in shown.out
    assert "authorised_ips" in shown.out


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "configured"),
        ({"connectors.zoom.enabled": False}, "disabled"),
        ({"connectors.zoom.client_id": None}, "not configured"),
    ],
    ids=["configured", "disabled", "not configured"],
)
def test_list_tells_the_state(change: dict[str, Any], state: str, desk: Any) -> None:
    here = desk()
    here.configure(**change)
    assert here.tajo("connectors", "list").out == f"zoom  {state}\n"
    assert here.tajo("connectors", "list", "--json").json == [{"connector": "zoom", "state": state}]


def test_list_needs_no_file(desk: Any) -> None:
    here = desk()
    (here.folder / "tajo.yml").unlink()
    assert here.tajo("connectors", "list").out == "zoom  not configured\n"


# --- the file that is read, and the files that are made ---


def test_the_file_may_be_named_in_three_ways(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config, then TAJO_CONFIG, then tajo.yml."""
    here = desk()
    place = here.folder / "other place"
    place.mkdir()
    (place / "my.yml").write_text(json.dumps(here.settings))
    (here.folder / "tajo.yml").write_text("broken: true\n")
    assert here.tajo("connectors", "list").code == 3
    assert here.tajo("connectors", "list", "--config", "other place/my.yml").code == 0
    monkeypatch.setenv("TAJO_CONFIG", str(place / "my.yml"))
    assert here.tajo("connectors", "list").code == 0
    assert here.tajo("connectors", "list", "--config", "tajo.yml").code == 3


def test_files_are_private(desk: Any) -> None:
    """Names and addresses are in them: nobody but the owner reads them."""
    here = desk()
    before = os.umask(0o000)
    try:
        assert here.tajo("sync", "zoom").code == 0
    finally:
        os.umask(before)
    made = [path for path in here.folder.iterdir() if path.name != "tajo.yml"]
    assert any(path.suffix == ".db" for path in made)
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
