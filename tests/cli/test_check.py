"""`tajo check`: each kind of problem, found with its remedy, and nothing changed."""

from __future__ import annotations

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
        "",
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
