"""`tajo follow-ups list|preview|cancel|send` beside nothing running: what they say, to people and to programs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo.simulators.faults import Fault
from tajo.store import heartbeats
from tajo.store.database import Database
from tajo.workflows.roles import role_lock

THANKS = {"name": "thanks", "when": "webinar.attended", "send": {"template": 12, "params": {"title": "topic"}}}
MISSED = {"name": "missed", "when": "webinar.no_show", "send": {"template": 13}}
SHOWN = {
    *("rule", "subject", "topic", "template", "due", "would_get_it", "why_nobody", "only_on_purpose"),
    *("barred", "others", "mails", "samples"),
}
TALLIES = {"sent", "drafted", "withdrawn", "suppressed", "too_old", "refused", "uncertain"}


@pytest.fixture
def here(desk: Callable[..., Any]) -> Any:
    """A webinar of three days ago with one attendee and one no-show, in Brevo; no mail has gone out."""
    made = desk()
    made.brevo.add_template(12)
    made.brevo.add_template(13)
    ran = made.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    made.configure(follow_ups=[THANKS, MISSED])
    return made


def webinar(here: Any) -> str:
    return str(here.plans["webinar"].session.id)


def mailed(here: Any) -> list[str]:
    return sorted(to for mail in here.brevo.sent_mails for to in mail.to)


# list


def test_without_rules_the_list_says_where_to_read_about_them(desk: Callable[..., Any]) -> None:
    made = desk()
    files = made.files()
    ran = made.tajo("follow-ups", "list")
    assert (ran.code, ran.out) == (0, "no follow-ups are configured: see docs/follow-ups.md\n")
    assert made.tajo("follow-ups", "list", "--json").json == {"rules": [], "sessions": []}
    assert made.files() == files


def test_the_list_shows_rules_and_what_became_of_their_mails(here: Any) -> None:
    ran = here.tajo("follow-ups", "list")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["thanks", "webinar.attended", "template", "12"],
        ["missed", "webinar.no_show", "template", "13"],
    ]
    assert here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes").code == 0
    ran = here.tajo("follow-ups", "list")
    last = ran.out.splitlines()[-1]
    assert "thanks" in last
    assert last.endswith("1 sent")
    told = here.tajo("follow-ups", "list", "--json").json
    assert told["rules"][0] == {"rule": "thanks", "when": "webinar.attended", "template": 12, "rests": None}
    (line,) = told["sessions"]
    assert (line["rule"], line["mails"], line["due"]) == ("thanks", {"sent": 1}, None)
    assert line["subject"].startswith(f"webinar:{webinar(here)}")


# preview


def test_a_preview_shows_whom_the_rule_means_and_sends_nothing(here: Any) -> None:
    writes = list(here.writes)
    ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
    assert ran.code == 0
    assert "thanks, template 12, about “봄 웨비나”" in ran.out
    assert "would get it now: 1" in ran.out
    assert "for example kim@mail.example: title=봄 웨비나" in ran.out
    (told,) = here.tajo("follow-ups", "preview", "missed", webinar(here), "--json").json
    assert set(told) == SHOWN
    assert "T" in told["due"]
    assert datetime.fromisoformat(told["due"]).tzinfo is not None
    assert (told["would_get_it"], told["samples"]) == (1, [{"email": "lee@mail.example", "params": {}}])
    assert here.writes == writes
    assert mailed(here) == []


def test_a_preview_says_who_is_held_back_and_why(here: Any) -> None:
    here.brevo.unsubscribe("kim@mail.example")
    ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
    assert "would get it now: 0" in ran.out
    assert "held back: 1 (suppressed: " in ran.out
    (told,) = here.tajo("follow-ups", "preview", "thanks", webinar(here), "--json").json
    assert (told["would_get_it"], list(told["barred"].values()), told["samples"]) == (0, [1], [])


def test_a_preview_counts_those_whom_the_rule_does_not_mean(here: Any) -> None:
    """Of six on the roster one attended."""
    ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
    assert "  5 others on the roster: the rule does not mean them\n" in ran.out
    here.configure(follow_ups=[THANKS | {"if": {"topic": "여름*"}}])
    ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
    assert "would get it now: 0 (nobody on the roster meets the rule's conditions)" in ran.out
    assert "by itself" not in ran.out


def test_a_preview_says_when_the_rule_sends_nothing_by_itself(here: Any) -> None:
    """Three days ago is within a max_age of 30 days, and before the rule was first loaded."""
    for age, why in (("1h", "it was longer ago than max_age (1 h)"), ("30d", "before the rule was first loaded")):
        here.configure(follow_ups=[THANKS | {"max_age": age}])
        ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
        assert "would get it now: 1\n" in ran.out
        (line,) = [each for each in ran.out.splitlines() if "by itself" in each]
        assert why in line
        assert line.endswith("`tajo follow-ups send` does")


@pytest.mark.parametrize("named", ["number", "key", "uuid"])
def test_a_session_may_be_named_by_its_number_its_key_and_its_uuid(named: str, here: Any) -> None:
    (told,) = here.tajo("follow-ups", "preview", "thanks", webinar(here), "--json").json
    (held,) = here.zoom.world.sessions[int(webinar(here))].instances
    session = {"number": webinar(here), "key": told["subject"], "uuid": held.uuid}[named]
    assert here.tajo("follow-ups", "preview", "thanks", session, "--json").json == [told]


# send


def test_send_mails_everybody_once(here: Any) -> None:
    ran = here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes", "--json")
    assert ran.code == 0
    assert ran.json == dict.fromkeys(TALLIES, 0) | {"sent": 1}
    assert "would get it now: 1" in ran.err
    assert mailed(here) == ["kim@mail.example"]
    ran = here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes")
    assert (ran.code, ran.out) == (0, "nothing sent\n")
    assert "so far: 1 sent" in ran.err
    assert mailed(here) == ["kim@mail.example"]


def test_send_says_in_words_what_became_of_the_mails(here: Any) -> None:
    ran = here.tajo("follow-ups", "send", "missed", webinar(here), "--yes")
    assert (ran.code, ran.out) == (0, "1 sent\n")


@pytest.mark.parametrize("options", [(), ("--no-input",), ("--json",)])
def test_send_that_cannot_ask_sends_nothing_without_yes(options: tuple[str, ...], here: Any) -> None:
    ran = here.process("follow-ups", "send", "thanks", webinar(here), *options)
    assert (ran.code, bool(ran.out)) == (2, "--json" in options)
    assert "1 mail would go out" in ran.err
    assert "add --yes to send them" in ran.err
    assert mailed(here) == []
    assert here.tajo("follow-ups", "list", "--json").json["sessions"] == []


def test_a_mail_that_brevo_refuses_is_told_by_the_exit_code(here: Any) -> None:
    refusal = b'{"code":"invalid_parameter","message":"email is not valid"}'
    here.brevo.faults.order(Fault.respond(400, refusal), "POST /smtp/email", times=None)
    ran = here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes", "--json")
    assert (ran.code, ran.json["refused"], ran.json["sent"]) == (6, 1, 0)
    (line,) = here.tajo("follow-ups", "list", "--json").json["sessions"]
    assert line["mails"] == {"refused": 1}


def test_what_is_handed_to_a_running_service_is_said_in_words(here: Any) -> None:
    database = Database(f"sqlite:///{here.folder / 'tajo.db'}")
    with closing(database), role_lock(database, "main"):
        database.write_now(heartbeats.beat, "main", datetime.now(UTC))
        ran = here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes")
        assert (ran.code, ran.out) == (0, "1 mail is handed to the running service\n")
        assert here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes", "--json").json == {"asked": 1}
    assert mailed(here) == []


# cancel


def test_cancel_stops_what_would_follow_until_send_undoes_it(here: Any) -> None:
    ran = here.tajo("follow-ups", "cancel", "thanks", webinar(here))
    said = "0 mails cancelled; the rule sends nothing about this session any more\n"
    assert (ran.code, ran.out) == (0, said)
    assert here.tajo("follow-ups", "list").out.splitlines()[-1].endswith("cancelled in advance")
    (line,) = here.tajo("follow-ups", "list", "--json").json["sessions"]
    assert (line["rule"], line["mails"], line["cancelled"]) == ("thanks", {}, True)
    ran = here.tajo("follow-ups", "preview", "thanks", webinar(here))
    assert "sends nothing about this by itself (it was cancelled by hand)" in ran.out
    assert here.tajo("follow-ups", "cancel", "thanks", webinar(here), "--json").json == {"cancelled": 0}
    assert mailed(here) == []
    assert here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes").code == 0
    assert mailed(here) == ["kim@mail.example"]
    (line,) = here.tajo("follow-ups", "list", "--json").json["sessions"]
    assert (line["mails"], line["cancelled"]) == ({"sent": 1}, False)


# what cannot be meant


@pytest.mark.parametrize("command", [("preview",), ("cancel",), ("send", "--yes")])
def test_an_unknown_rule_is_1_and_names_those_there_are(command: tuple[str, ...], here: Any) -> None:
    name, *options = command
    ran = here.tajo("follow-ups", name, "thank", webinar(here), *options)
    assert (ran.code, ran.out) == (1, "")
    assert "there is no follow-up 'thank'" in ran.error
    assert "thanks, missed" in ran.error


@pytest.mark.parametrize("command", [("preview",), ("cancel",), ("send", "--yes")])
def test_an_unknown_session_is_1_and_says_how_to_name_one(command: tuple[str, ...], here: Any) -> None:
    name, *options = command
    ran = here.tajo("follow-ups", name, "thanks", "123", *options)
    assert (ran.code, ran.out) == (1, "")
    assert "no session '123' is known" in ran.error
    assert "give a meeting's or webinar's id" in ran.error


@pytest.mark.parametrize("command", [("list",), ("preview", "thanks", "1"), ("send", "thanks", "1", "--yes")])
def test_a_rule_that_cannot_be_read_is_3_with_its_place(command: tuple[str, ...], here: Any) -> None:
    here.configure(follow_ups=[THANKS | {"when": "webinar.liked"}])
    ran = here.tajo("follow-ups", *command)
    assert (ran.code, ran.out) == (3, "")
    assert "tajo.yml:" in ran.error
    assert "follow_ups[0].when must be " in ran.error


def test_a_template_that_is_not_active_is_3_and_the_mail_waits(here: Any) -> None:
    here.brevo.templates[12].is_active = False
    ran = here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "template 12 is not active" in ran.err
    here.brevo.templates[12].is_active = True
    assert here.tajo("follow-ups", "send", "thanks", webinar(here), "--yes").code == 0
    assert mailed(here) == ["kim@mail.example"]
