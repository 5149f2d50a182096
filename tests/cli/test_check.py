"""`tajo check`: each kind of problem, found with its remedy, and nothing changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

ALL_WELL = {"zoom credentials", "zoom scopes", "zoom plan", "zoom webinars", "brevo key", "brevo attributes"}


def findings(ran: Any) -> dict[str, Any]:
    """Subject → the worst finding about it."""
    rank = ("ok", "warning", "failed")
    worst: dict[str, Any] = {}
    for each in ran.json:
        before = worst.get(each["subject"])
        if before is None or rank.index(each["level"]) > rank.index(before["level"]):
            worst[each["subject"]] = each
    return worst


def test_all_is_well(desk: Any) -> None:
    """One warning: that nobody has asked for consent."""
    here = desk()
    files, book = here.files(), here.book
    ran = here.tajo("check", "--json")
    assert ran.code == 0
    found = findings(ran)
    assert set(found) == {"consent", *ALL_WELL, "brevo lists"}
    assert {subject for subject, each in found.items() if each["level"] != "ok"} == {"consent"}
    assert here.files() == files
    assert here.book == book
    assert here.writes == []


PROBLEMS: dict[str, tuple[Callable[[Any], Any], str, str, int, str]] = {
    # what is wrong, where it is found, what is said, the exit code, the remedy
    "client secret": (
        lambda here: here.configure(**{"connectors.zoom.client_secret": "x"}),
        "zoom credentials",
        "client secret",
        4,
        "client_secret",
    ),
    "account id": (
        lambda here: here.configure(**{"connectors.zoom.account_id": "x"}),
        "zoom credentials",
        "account id",
        4,
        "account_id",
    ),
    "app switched off": (lambda here: here.zoom.deactivate(), "zoom credentials", "not active", 4, "activate"),
    "Zoom down": (
        lambda here: here.configure(**{"connectors.zoom.oauth_url": "http://127.0.0.1:9/oauth"}),
        "zoom credentials",
        "no connection",
        5,
        "https://status.zoom.us",
    ),
    "free plan": (lambda here: setattr(here.zoom, "plan", "free"), "zoom plan", "plan", 0, "Pro"),
    "no webinar add-on": (
        lambda here: here.zoom_switch(webinar_plan="nobody"),
        "zoom webinars",
        "no host has the webinar add-on",
        0,
        "connectors.zoom.sync.webinars",
    ),
    "expired key": (lambda here: here.brevo.expire_key(), "brevo key", "key", 4, "https://app.brevo.com"),
    "blocked IP": (lambda here: here.brevo.block_ip(), "brevo key", "203.0.113.9", 4, "authorised_ips"),
    "missing attribute": (
        lambda here: here.brevo.attributes.pop("UTM_SOURCE"),
        "brevo attributes",
        "UTM_SOURCE does not exist (registration_source",
        3,
        "tajo connectors connect zoom",
    ),
    "clashing attribute": (
        lambda here: here.brevo.add_attribute("MEETING_JOIN_DATE", "boolean"),
        "brevo attributes",
        "MEETING_JOIN_DATE is of the type boolean",
        3,
        "join_time",
    ),
    "missing list": (lambda here: here.brevo.lists.pop(16), "brevo lists", "16", 3, "list"),
    "list still to create": (
        lambda here: here.configure(**{"connectors.zoom.lists.webinar_no_shows": "No-shows"}),
        "brevo lists",
        "No-shows",
        0,
        "tajo connectors connect zoom",
    ),
    "no lists": (
        lambda here: here.configure(**{"connectors.zoom.lists": None}),
        "brevo lists",
        "no list is configured",
        0,
        "connectors.zoom.lists",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_problem_is_found_with_its_remedy(name: str, desk: Any) -> None:
    from dataclasses import replace

    arrange, subject, said, code, remedy = PROBLEMS[name]
    here = desk()

    def switch(**changes: Any) -> None:
        here.zoom.switches = replace(here.zoom.switches, **changes)

    here.zoom_switch = switch
    arrange(here)
    ran = here.tajo("check", "--json")
    found = findings(ran)[subject]
    assert found["level"] == ("failed" if code else "warning")
    assert said in found["text"]
    assert remedy in found["remedy"]
    assert remedy == "" or found["remedy"]
    assert ran.code == code
    assert here.writes == []
    shown = here.tajo("check")
    assert shown.code == code
    assert f"{'✗' if code else '!'} {subject}: " in shown.out
    assert "Traceback" not in shown.err


VARIABLES = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "BREVO_API_KEY")


def test_all_missing_variables_are_named_at_once(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy: for the account id there are two."""
    here = desk()
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    here.tajo("init")
    (here.folder / "tajo.yml").unlink()
    here.tajo("init")
    for typed in ("check", "plan zoom", "sync zoom", "connectors connect zoom"):
        ran = here.tajo(*typed.split())
        assert ran.code == 3
        assert [name for name in VARIABLES if f"needs {name}, which is not set" in ran.err] == list(VARIABLES)
        assert "connect zoom --oauth" in ran.err


def test_without_an_account_id_both_ways_are_named(desk: Any) -> None:
    here = desk()
    here.configure(**{"connectors.zoom.account_id": None})
    ran = here.tajo("check")
    assert ran.code == 3
    assert 'write account_id: "${ZOOM_ACCOUNT_ID}"' in ran.err
    assert "or sign in as a user: `tajo connectors connect zoom --oauth`" in ran.err


def test_variables_that_no_sync_needs_are_a_warning(desk: Any) -> None:
    here = desk()
    here.configure(**{"connectors.zoom.webhook": {"secret_token": "${NOBODY_SET_THIS}"}})
    ran = here.tajo("check", "--json")
    assert ran.code == 0
    assert findings(ran)["variables"]["text"] == "not set: NOBODY_SET_THIS (connectors.zoom.webhook.secret_token)"


def test_a_key_of_the_http_api_that_is_too_short(desk: Any) -> None:
    here = desk()
    here.configure(server={"api_key": "short"})
    ran = here.tajo("check", "--json")
    assert ran.code == 3
    assert "fewer than 16 signs" in findings(ran)["api key"]["text"]
    assert "openssl rand" in findings(ran)["api key"]["remedy"]


def test_a_silent_brevo_is_told_in_seconds(desk: Any, dead_port: int) -> None:
    here = desk()
    here.configure(**{"brevo.api_url": f"http://127.0.0.1:{dead_port}/v3"})
    began = time.monotonic()
    found = findings(here.tajo("check", "--json"))["brevo key"]
    assert time.monotonic() - began < 20
    assert "Brevo gave no answer for 8 s" in found["text"]
    assert "https://status.brevo.com" in found["remedy"]


def test_what_was_found_first_hides_nothing_else(desk: Any) -> None:
    """Zoom's secret and Brevo's key are both wrong: both are said."""
    here = desk()
    here.configure(**{"connectors.zoom.client_secret": "x"})
    here.brevo.expire_key()
    found = findings(here.tajo("check", "--json"))
    assert found["zoom credentials"]["level"] == "failed"
    assert found["brevo key"]["level"] == "failed"


def test_a_switched_off_family_needs_no_scope_of_its_own(desk: Any) -> None:
    here = desk()
    here.zoom.scopes = {scope for scope in here.zoom.scopes if "webinar" not in scope}
    assert here.tajo("check").code == 4
    here.configure(**{"connectors.zoom.sync": {"participants": True, "webinars": False, "recordings": True}})
    assert here.tajo("check").code == 0


def test_a_feature_whose_scope_is_missing_is_off_and_nothing_fails(desk: Any) -> None:
    """Polls, Q&A and recordings are worth having, and a sync does without: of families that are read, each is named."""
    here = desk()
    wanted = ("list_poll_results", "past_qa", "list_past_polls", "list_recording_files")
    here.zoom.scopes = {scope for scope in here.zoom.scopes if not any(name in scope for name in wanted)}

    def off() -> list[str]:
        ran = here.tajo("check", "--json")
        assert ran.code == 0
        return [each["text"] for each in ran.json if each["text"].startswith("feature off: ")]

    assert len(off()) == 5
    assert any("recordings are known by webhooks only" in each for each in off())
    here.configure(**{"connectors.zoom.sync": {"participants": False, "webinars": True, "recordings": False}})
    assert len(off()) == 2
    assert all("webinars" in each for each in off())
    assert here.tajo("sync", "zoom").code == 0


# --- consent ---

ASKS = {
    "question": "News?",
    "on_missing": "double_opt_in",
    "double_opt_in": {"template": 12, "redirect_url": "https://example.com/thanks"},
}


def test_with_a_consent_block_the_policy_is_told_and_nothing_warned_of(desk: Any) -> None:
    here = desk()
    here.configure(consent={"question": "News?", "on_missing": "skip"})
    found = findings(here.tajo("check", "--json"))
    assert found["consent"]["level"] == "ok"
    assert found["consent"]["text"].endswith("without one: skip")
    assert "double opt-in" not in found


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"html": "{{ params.DOIurl }} <p>yes</p>", "tag": "optin"}, 0),
        ({"html": "{{ params.DOIurl }} <p>yes</p>", "tag": "optin", "is_active": False}, 3),
        ({}, 3),
        (None, 3),
    ],
)
def test_the_template_of_the_double_opt_in_is_looked_at(desk: Any, template: Any, code: int) -> None:
    here = desk()
    here.configure(consent=ASKS)
    if template is not None:
        here.brevo.add_template(12, **template)
    ran = here.tajo("check", "--json")
    found = findings(ran)["double opt-in"]
    assert (ran.code, found["level"]) == (code, "failed" if code else "ok")
    if code:
        line = 1 + next(
            n for n, text in enumerate((here.folder / "tajo.yml").read_text().splitlines()) if '"template"' in text
        )
        assert found["text"].startswith(f"tajo.yml:{line}: ")
        assert found["remedy"]
