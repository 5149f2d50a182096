"""`tajo plan`: the same as a sync, without a trace."""

from __future__ import annotations

from typing import Any

import pytest

PLANS = [("plan", "zoom"), ("sync", "zoom", "--dry-run")]
BUDGETS = ("budgets", "budget_counts")
SAME = ("sessions", "rows", "outcomes", "created", "changed", "unchanged", "refused", "excluded", "in_review")


@pytest.mark.parametrize("args", PLANS, ids=" ".join)
def test_it_leaves_no_trace_where_nothing_was(args: tuple[str, ...], desk: Any) -> None:
    """No database, no file of any kind, no call to Brevo that writes."""
    here = desk()
    files, book = here.files(), here.book
    ran = here.tajo(*args)
    assert ran.code == 0, ran.err
    assert "nothing was written" in ran.out
    assert here.files() == files
    assert here.book == book
    assert here.writes == []


@pytest.mark.parametrize("args", PLANS, ids=" ".join)
def test_it_changes_no_row_of_a_database_but_the_calls_counted(args: tuple[str, ...], desk: Any) -> None:
    here = desk()
    assert here.tajo("sync", "zoom").code == 0
    here.brevo.calls.clear()
    rows, counts, book = here.rows(*BUDGETS), here.rows(), here.book
    ran = here.tajo(*args)
    assert ran.code == 0, ran.err
    assert here.rows(*BUDGETS) == rows
    assert any(here.rows()[name] != counts[name] for name in BUDGETS)  # limits are shared, whoever calls
    assert here.book == book
    assert here.writes == []
    assert {path for path in here.files() if ".db" not in path} == {"tajo.yml", ".env.example"} & set(here.files())


def test_it_changes_nothing_of_a_run_that_was_paused(desk: Any) -> None:
    """A plan in between neither takes the run up nor ends it."""
    here = desk()
    here.brevo.expire_key()
    assert here.tajo("sync", "zoom").code == 4
    here.brevo.restore()
    rows = here.rows(*BUDGETS)
    assert here.tajo("plan", "zoom").code == 0
    assert here.rows(*BUDGETS) == rows
    ran = here.tajo("sync", "zoom")
    assert "goes on with" in ran.err


@pytest.mark.parametrize("existing", [False, True], ids=["fresh", "after a sync"])
def test_plan_and_sync_agree(existing: bool, desk: Any) -> None:
    """Counts, and the very people, attributes and lists."""
    here = desk()
    if existing:
        assert here.tajo("sync", "zoom").code == 0
        meeting = here.plans["meeting"]
        held = meeting.hold(start=meeting.dates[0].held[-1].end)
        held.come(here.people["attendee"], 0, 20)
        here.zoom.world = here.zoom.world.with_session(meeting.build())
    planned = here.tajo("plan", "zoom", "--json").json
    before = here.book["contacts"]
    done = here.tajo("sync", "zoom", "--json").json
    assert {name: planned[name] for name in SAME} == {name: done[name] for name in SAME}
    assert planned["created"] + planned["changed"] > 0
    after = here.book["contacts"]
    touched = {email for email in after if after[email] != before.get(email)}
    assert {write["email"] for write in planned["writes"]} == touched
    for write in planned["writes"]:
        values, _ = after[write["email"]]
        for name, value in write["attributes"].items():
            assert str(values.get(name, "")) == str(value) or (name, value) in (("MEETING_DURATION", 0),), name


def test_the_window_options_mean_the_same(desk: Any) -> None:
    here = desk()
    number = str(here.plans["webinar"].session.id)
    for more in (("--webinar", number), ("--since", "2d"), ("--since", "1d", "--until", "1d")):
        planned = here.tajo("plan", "zoom", *more, "--json")
        assert planned.code == 0, planned.err
        assert planned.out == here.tajo("sync", "zoom", "--dry-run", *more, "--json").out or planned.json


def test_ids_are_read_as_people_copy_them(desk: Any) -> None:
    here = desk()
    number = str(here.plans["webinar"].session.id)
    spaced = f" {number[:3]} {number[3:7]}-{number[7:]} "
    plain, copied = (here.tajo("plan", "zoom", "--webinar", each, "--json").json for each in (number, spaced))
    assert [each["email"] for each in plain["writes"]] == [each["email"] for each in copied["writes"]]
    assert plain["writes"]


def test_one_instance_by_its_uuid(desk: Any) -> None:
    here = desk()
    uuid = here.plans["webinar"].build().instances[0].uuid
    ran = here.tajo("plan", "zoom", "--webinar", uuid, "--json")
    assert ran.code == 0, ran.err
    assert {write["email"] for write in ran.json["writes"]} == {"kim@mail.example", "lee@mail.example"}


def test_the_table_says_who_what_and_where(desk: Any) -> None:
    """In words of the account: a list by its name."""
    ran = desk().tajo("plan", "zoom")
    assert "kim@mail.example" in ran.out
    assert "ATTENDANCE_STATUS=attended" in ran.out
    assert "Webinar people" in ran.out


def test_a_long_plan_says_how_many_it_does_not_show(desk: Any) -> None:
    from datetime import UTC, datetime

    from tajo.simulators.world import backfill

    here = desk(backfill(4, now=datetime.now(UTC), sessions=2, participants=40))
    ran = here.tajo("plan", "zoom")
    planned = here.tajo("plan", "zoom", "--json").json
    assert f"… and {len(planned['writes']) - 50} more" in ran.out
