"""The log: by allow-list, one line an event, harmless whatever is put in, silent unless somebody listens."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo import logs
from tajo.core.errors import ConfigError, CredentialError, RejectedError

ADDRESS = "kim@mail.example"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(*, level: str = "verbose", webhooks: bool = False, into: io.StringIO | None = None, **events: Any) -> str:
    """What the log shows of these events; "." in their names is "__"."""
    err = into or io.StringIO()
    with redirect_stderr(err), logs.started(level=level, webhooks=webhooks):
        for name, fields in events.items():
            logs.say(name.replace("__", "."), **fields)
    return err.getvalue()


def line(text: str) -> dict[str, Any]:
    """The one line, without its time."""
    (only,) = text.splitlines()
    found: dict[str, Any] = json.loads(only)
    assert found.pop("at").endswith("+00:00")
    return found


# --- what comes through ---


def test_an_event_is_one_line_of_json() -> None:
    call = {"vendor": "zoom", "origin": "zoom.report.participants", "label": "heavy", "status": 200, "ms": 41}
    assert line(said(vendor__called=call)) == {"level": "verbose", "event": "vendor.called", **call}


def test_an_unknown_key_is_dropped() -> None:
    assert "mail" not in said(service__started={"role": "serve", "email": ADDRESS, "subject": ADDRESS})


def test_an_unknown_event_is_dropped() -> None:
    assert said(person__seen={"role": "serve"}) == ""


def test_every_event_that_the_code_names_is_in_the_table() -> None:
    """And every one of the table is said somewhere."""
    source = Path(logs.__file__).parent
    texts = [path.read_text() for path in source.rglob("*.py") if "simulators" not in path.parts]
    named = {name for text in texts for name in re.findall(r'logs\.say\w*\(\s*"([\w.]+)"', text)}
    assert named <= set(logs.EVENTS)
    dynamic = {"follow_up.done", "follow_up.waits", "follow_up.failed", "library.said"}
    dynamic |= {f"{kind}.{how}" for kind in ("sync", "sweep") for how in ("done", "stopped")}
    assert set(logs.EVENTS) - named == dynamic


def test_what_is_wrong_with_the_configuration_is_said_and_no_other_text(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.started(level="info", own_process=False):
        logs.say_error("letter.filed", ConfigError("Brevo has no attribute WEBINAR_NAME", origin="tajo.yml:77"))
        logs.say_error("letter.filed", CredentialError("the key of ana@example.com", origin="brevo"))
        problem = {"kind": "ConfigError", "exit": 3, "message": "field_mapping.x", "origin": "tajo.yml:7"}
        logs.say_problem("sweep.stopped", problem, run="sweep-1")
    first, second, third = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert (first["why"], first["origin"]) == ("Brevo has no attribute WEBINAR_NAME", "tajo.yml:77")
    assert "why" not in second
    assert third["why"] == "field_mapping.x"


def test_a_missing_value_leaves_the_key_out() -> None:
    assert line(said(letter__filed={"error": "RejectedError", "code": None})) == {
        "level": "warning",
        "event": "letter.filed",
        "error": "RejectedError",
    }


@pytest.mark.parametrize(
    "value", [ADDRESS, "Kim Min-su", "김민수", "a\r\nb", "\x1b[31m", "", "x" * 200, b"x", ["x"], {}]
)
def test_what_is_no_code_is_masked(value: Any) -> None:
    assert line(said(webhook__handled={"uuid": value}))["uuid"] == "***"


@pytest.mark.parametrize("value", ["12", ADDRESS, [1], {"a": 1}])
def test_what_is_no_number_is_masked(value: Any) -> None:
    assert line(said(webhook__handled={"id": value}))["id"] == "***"


@pytest.mark.parametrize("terminal", [False, True])
@given(text=st.text() | st.sampled_from(["a\r\n{}", "\x1b]8;;x\x07", "\u202e", "\u2028", "\x9b31m", "\x00"]))
def test_no_text_breaks_a_line_or_steers_a_terminal(terminal: bool, text: str) -> None:
    """In any key of any event: one line each, and every sign of it printable ASCII."""
    fields = dict.fromkeys(("uuid", "webhook", "state", "why", "origin", "error", "host"), text)
    shown = said(
        into=Terminal() if terminal else None,
        webhook__handled=fields,
        webhook__refused=fields,
        letter__filed=fields,
        service__started=fields,
        service__crashed={**fields, "where": [text]},
        webhook__body={"body": json.dumps({text: text, "event": text, "payload": {"object": {"id": text}}}).encode()},
    )
    assert len(shown.splitlines()) == 6
    assert shown.replace("\n", "").isprintable()
    assert shown.isascii()


def test_for_people_a_line_is_key_value() -> None:
    shown = said(into=Terminal(), vendor__waits={"why": "Zoom heavy limit", "seconds": 2.5})
    assert shown.split(None, 1)[1] == "verbose vendor.waits     why=Zoom heavy limit seconds=2.5\n"


# --- levels ---


def test_levels() -> None:
    """Each shows what is as grave, or graver."""
    each = {"vendor__called": {}, "service__started": {}, "vendor__silent": {}, "service__crashed": {}}
    for level, count in (("verbose", 4), ("info", 3), ("warning", 2), ("error", 1)):
        assert len(said(level=level, **each).splitlines()) == count


def test_webhooks_are_shown_at_any_level() -> None:
    each: dict[str, Any] = {"webhook__handled": {"id": 1}, "webhook__body": {"body": b"{}"}, "vendor__called": {}}
    assert len(said(level="error", webhooks=True, **each).splitlines()) == 2
    assert said(level="error", **each) == ""


def test_nothing_is_said_while_nobody_listens() -> None:
    err = io.StringIO()
    with redirect_stderr(err):
        logs.say("service.crashed", role="serve")
        logs.say_seldom("webhook.refused", why="forged")
        with logs.started(level="info"):
            pass
        logs.say("service.crashed", role="serve")
    assert err.getvalue() == ""


def test_what_strangers_cause_is_said_once_a_minute() -> None:
    """A reason each; the next time tells how many were left out."""
    err = io.StringIO()
    with redirect_stderr(err), logs.started(level="info"):
        for _ in range(1000):
            logs.say_seldom("webhook.refused", status=401, why="forged")
        logs.say_seldom("webhook.refused", status=413, why="too large")
        logs.say_seldom("webhook.refused", every_s=0, status=401, why="forged")
    told = [(each["why"], each["times"]) for each in map(json.loads, err.getvalue().splitlines())]
    assert told == [("forged", 1), ("too large", 1), ("forged", 1000)]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    said(into=Broken(), service__started={})
    closed = io.StringIO()
    with redirect_stderr(closed), logs.started(level="info"):
        closed.close()
        logs.say("service.started", role="serve")


# --- errors ---


def test_errors_are_told_by_class_origin_and_code() -> None:
    err = io.StringIO()
    error = RejectedError(f"Brevo refuses {ADDRESS}", origin="brevo.contacts.create", hint=ADDRESS, code="invalid")
    with redirect_stderr(err), logs.started(level="info"):
        logs.say_error("letter.filed", error)
    told = {"error": "RejectedError", "origin": "brevo.contacts.create", "code": "invalid", "exit": 6}
    assert line(err.getvalue()) == {"level": "warning", "event": "letter.filed", **told}


def test_recorded_problems_likewise() -> None:
    err = io.StringIO()
    problem = {"kind": CredentialError.__name__, "exit": 4, "message": ADDRESS, "origin": "zoom.token", "hint": ADDRESS}
    with redirect_stderr(err), logs.started(level="info"):
        logs.say_problem("sweep.stopped", problem, run="sweep-1")
    assert line(err.getvalue())["origin"] == "zoom.token"
    assert ADDRESS not in err.getvalue()


def fail(secret: str) -> None:
    raise ValueError(secret)


def test_crashes_are_told_by_class_and_place() -> None:
    """The innermost place first; no text and no value of the trace."""
    err = io.StringIO()
    with redirect_stderr(err), logs.started(level="info"):
        try:
            fail(ADDRESS)
        except ValueError as error:
            logs.say_crash("service.crashed", error, role="web")
            shown = logs.crash_line(error)
    told = line(err.getvalue())
    assert told["error"] == "ValueError"
    assert told["where"][0].endswith(":fail")
    assert ADDRESS not in err.getvalue() + shown


# --- the libraries ---


def test_libraries_are_heard_without_their_text() -> None:
    err = io.StringIO()
    with redirect_stderr(err), logs.started(level="info"):
        logging.getLogger("sqlalchemy.engine").info("%s", ADDRESS)
        logging.getLogger("asyncio").warning("%s", ADDRESS)
        try:
            fail(ADDRESS)
        except ValueError:
            logging.getLogger("granian").exception(ADDRESS)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn(ADDRESS, stacklevel=1)
        thread = threading.Thread(target=fail, args=(ADDRESS,))
        thread.start()
        thread.join()
    assert ADDRESS not in err.getvalue()
    told = [json.loads(each) for each in err.getvalue().splitlines()]
    assert [each.get("logger", each["event"]) for each in told] == [
        "asyncio",
        "granian",
        "py.warnings",
        "service.crashed",
    ]
    assert (told[1]["severity"], told[1]["error"]) == ("ERROR", "ValueError")


def test_in_somebody_elses_process_the_libraries_are_left_alone() -> None:
    before = (list(logging.getLogger().handlers), threading.excepthook)
    with logs.started(level="info", own_process=False):
        assert (list(logging.getLogger().handlers), threading.excepthook) == before
    with logs.started(level="info"):
        assert logging.getLogger().handlers != before[0]
    assert (list(logging.getLogger().handlers), threading.excepthook) == before


def test_help_does_not_load_it() -> None:
    program = (
        "import sys; sys.argv = ['tajo', '--help']\nfrom tajo.cli.main import main\ntry: main()\nexcept SystemExit: "
    )
    program += "print('structlog' in sys.modules, 'tajo.service' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout.splitlines()[-1] == "False False"


# --- bodies ---


def test_a_body_shows_its_shape_and_the_session() -> None:
    person = {"user_id": "167", "user_name": "Kim", "email": ADDRESS, "id": "p1", "join_time": "2026-11-24T09:00:00Z"}
    body = {
        "event": "meeting.participant_joined",
        "event_ts": 1764000000000,
        "payload": {
            "account_id": "acc",
            "object": {"id": "86012345678", "uuid": "a/b+c==", "topic": "With Kim", "type": 2, "participant": person},
        },
        "download_token": "eyJ.secret",
    }
    masked = dict.fromkeys(person, "***") | {"join_time": person["join_time"]}
    seen = {"id": "86012345678", "uuid": "a/b+c==", "topic": "***", "type": 2, "participant": masked}
    assert logs.masked(json.dumps(body).encode()) == {
        "event": "meeting.participant_joined",
        "event_ts": 1764000000000,
        "payload": {"account_id": "***", "object": seen},
        "download_token": "***",
    }


@pytest.mark.parametrize("key", ["id", "uuid", "status", "start_time", "timezone", "type"])
@pytest.mark.parametrize("value", [ADDRESS, "김민수", "x" * 100, "a\nb", "\x1b[31m"])
def test_shown_keys_show_no_text(key: str, value: str) -> None:
    body = {"payload": {"object": {key: value}}}
    assert logs.masked(json.dumps(body).encode()) == {"payload": {"object": {key: "***"}}}


def test_odd_bodies() -> None:
    assert logs.masked(b"<xml>") == "not JSON"
    assert logs.masked(b"\xff") == "not JSON"
    assert logs.masked(b"[" * 100_000) == "not JSON"
    assert logs.masked(b'"kim"') == "***"
    assert logs.masked(json.dumps({ADDRESS: 1, "김": 2, "a b": 3}).encode()) == {"***": "***"}
    assert len(logs.masked(json.dumps(list(range(100))).encode())) == 20
    deep: Any = ADDRESS
    for _ in range(50):
        deep = {"a": deep}
    assert ADDRESS not in json.dumps(logs.masked(json.dumps(deep).encode()))
    wide = {f"k{number}": {f"j{each}": "v" for each in range(60)} for number in range(60)}
    assert logs.masked(json.dumps(wide).encode()) == "too long"
