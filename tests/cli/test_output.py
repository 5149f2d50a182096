"""What commands print: JSON for programs, harmless text for terminals, in any language and encoding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage

TAJO = (sys.executable, "-m", "tajo.cli.main")

READ = (
    ("check",),
    ("plan", "zoom"),
    ("sync", "zoom"),
    ("sync", "zoom", "--dry-run"),
    ("connectors", "list"),
    ("connectors", "status", "zoom"),
    ("connectors", "connect", "zoom"),
    ("connectors", "disconnect", "zoom"),
    ("why", "kim@mail.example"),
    ("why", "nobody@mail.example"),
    ("init",),
)


@pytest.mark.parametrize("args", READ, ids=" ".join)
def test_json_is_all_that_is_on_stdout(args: tuple[str, ...], desk: Any) -> None:
    """One value, whatever the command did before; warnings are on stderr."""
    here = desk()
    here.configure(**{"connectors.zoom.webhook.verification_token": "legacy"})
    if args[0] in ("why", "connectors"):
        here.tajo("sync", "zoom")
    ran = here.tajo(*args, "--json")
    assert ran.code in (0, 1), ran.err
    json.loads(ran.out)
    assert ran.out.count("\n") == 1
    if args[0] not in ("init",):
        assert "legacy" in ran.err


def test_json_shapes(desk: Any) -> None:
    """What a program relies on."""
    here = desk()
    done = here.tajo("connectors", "connect", "zoom", "--json").json
    assert {"connector", "connected_at", "created_attributes", "created_lists"} <= set(done)
    planned = here.tajo("plan", "zoom", "--json").json
    assert {"email", "change", "attributes", "join", "leave"} <= set(planned["writes"][0])
    summary = here.tajo("sync", "zoom", "--json").json
    assert {"created", "changed", "unchanged", "refused", "dead_letters", "sessions", "occurrences"} <= set(summary)
    story = here.tajo("why", "kim@mail.example", "--json").json
    assert {"email", "sessions", "written", "why_not", "dead_letters"} <= set(story)
    found = here.tajo("check", "--json").json
    assert {"subject", "level", "text", "remedy"} <= set(found[0])
    assert here.tajo("connectors", "list", "--json").json == [{"connector": "zoom", "state": "configured"}]
    status = here.tajo("connectors", "status", "zoom", "--json").json
    assert status["connected_at"] == done["connected_at"]
    assert status["last_run"]["state"] == "done"


def test_simulate_prints_its_addresses_as_json(folder: Any) -> None:
    process = subprocess.Popen(
        [*TAJO, "simulate", "--zoom-port", "0", "--brevo-port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["zoom"].startswith("http://127.0.0.1:")
        assert told["brevo"].startswith("http://127.0.0.1:")
        zoom = {"ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZOOM_WEBHOOK_SECRET"}
        assert set(told["environment"]) == {*zoom, "BREVO_API_KEY"}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    finally:
        process.kill()
        process.communicate()
    assert out == ""
    assert "Traceback" not in err
    assert process.returncode in (0, 130)


def test_simulate_on_a_taken_port_says_so(desk: Any) -> None:
    here = desk()
    port = here.urls["zoom"].rpartition(":")[2]
    ran = here.process("simulate", "--zoom-port", port, "--brevo-port", "0", timeout=20)
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err
    assert port in ran.err
    assert "--zoom-port" in ran.err
    assert ran.out == ""


def test_a_simulation_is_all_that_a_first_try_needs(folder: Any) -> None:
    """What `tajo simulate` says to do, done: connect, plan, sync."""
    process = subprocess.Popen(
        [*TAJO, "simulate", "--zoom-port", "0", "--brevo-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not any("Ctrl-C" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        exported = dict(line.split("export ", 1)[1].strip().split("=", 1) for line in lines if "export " in line)
        first = next(at for at, line in enumerate(lines) if line.strip().startswith("connectors:"))
        last = next(at for at, line in enumerate(lines) if line.strip().startswith("brevo:"))
        (folder / "tajo.yml").write_text("".join(lines[first : last + 1]))
        env = {**os.environ, **exported, "PYTHONWARNINGS": "ignore"}
        for args in (("connectors", "connect", "zoom"), ("plan", "zoom", "--since", "3d")):
            ran = subprocess.run(
                [*TAJO, *args], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=90
            )
            assert ran.returncode == 0, ran.stderr
    finally:
        process.kill()
        process.communicate()


# --- text from outside ---

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "[red]markup[/red][/]",
    "[link=http://evil.example]x[/link]",
    "\u202egnp.exe",
    "\u2066\u2069",
    "a\rb\nc\td\x08\x7f",
    "\x9b31m",
    "zero\u200bwidth\ufeff",
    ":warning: :rocket:",
    "line\u2028para\u2029",
)


def hostile_world(now: datetime) -> Any:
    """Two webinars; between them topics, names and sources have all of it."""
    stage = Stage(3, now)
    half = len(HOSTILE) // 2
    for number, texts in enumerate((HOSTILE[:half], HOSTILE[half:])):
        text = " ".join(texts)
        plan = stage.webinar(f"T {text} t", start=now - timedelta(days=2, hours=number))
        person = stage.names.person(email=f"h{number}@mail.example", first_name=text, last_name=text, phone="")
        plan.register(person)
        plan.tracking_source(f"S {text} s", 1)
        held = plan.hold()
        held.come(person, 0, 30)
        held.come(stage.names.person(first_name=text, last_name=text), 0, 5, email="", name=text)
    return stage.world()


def test_text_from_outside_is_harmless_on_a_terminal(desk: Any) -> None:
    """Topics, names and sources of strangers: no escape sequence, no direction override, no markup, no line break."""
    here = desk(hostile_world(datetime.now(UTC)))
    shown = [here.tajo(*args) for args in (("plan", "zoom"), ("sync", "zoom"), ("connectors", "status", "zoom"))]
    assert shown[1].code == 0, shown[1].err
    shown += [here.tajo("why", f"h{number}@mail.example") for number in range(2)]
    assert "[red]markup[/red]" in shown[-2].out  # as it is, neither obeyed nor a crash
    for ran in shown:
        for char in ran.out + ran.err:
            assert char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp"), repr(char)


def test_emoji_codes_in_a_topic_stay_as_they_were_typed(desk: Any) -> None:
    """A topic is shown as Zoom has it: `:rocket:` is no picture."""
    now = datetime.now(UTC)
    stage = Stage(3, now)
    plan = stage.webinar("Go :rocket: go", start=now - timedelta(days=2))
    person = stage.names.person(email="h@mail.example", phone="", first_name=":warning:")
    plan.register(person)
    plan.hold().come(person, 0, 30)
    here = desk(stage.world())
    planned = here.tajo("plan", "zoom")
    assert "Go :rocket: go" in planned.out
    assert "🚀" not in planned.out


def test_hostile_words_of_brevo_are_harmless(desk: Any) -> None:
    here = desk()
    body = json.dumps({"code": "x", "message": "\x1b[31mbad\x1b[0m \u202e[/red] kim@mail.example"}).encode()
    here.brevo.faults.order(Fault.respond(400, body), "POST /contacts")
    texts = [here.tajo("sync", "zoom"), here.tajo("connectors", "status", "zoom"), here.tajo("why", "kim@mail.example")]
    for ran in texts:
        assert "\x1b" not in ran.out + ran.err
        assert "\u202e" not in ran.out + ran.err


# --- languages and encodings ---


def test_korean_is_shown(desk: Any) -> None:
    here = desk()
    ran = here.process("sync", "zoom")
    assert ran.code == 0, ran.err
    assert ran.err == ""  # and no bars where there is no terminal
    assert "봄 웨비나" in ran.out
    ran = here.process("why", "kim@mail.example")
    assert "봄 웨비나" in ran.out
    assert "민수" in ran.out
    assert "민수" in here.process("why", "kim@mail.example", "--json").out


@pytest.mark.parametrize(("args", "encoding"), [(("check",), "euc-kr"), (("plan", "zoom"), "latin-1")], ids=repr)
def test_no_encoding_of_a_terminal_is_a_crash(args: tuple[str, ...], encoding: str, desk: Any) -> None:
    """What cannot be shown is replaced."""
    here = desk()
    ran = here.process(*args, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert "Traceback" not in ran.err, ran.err.splitlines()[-1]
    assert ran.code in (0, 1)


@pytest.mark.parametrize("args", [("why", b"\xff@x.example"), ("sync", "zoom", "--meeting", b"\xff\xfe")], ids=repr)
def test_bytes_that_are_no_text_are_no_crash(args: tuple[Any, ...], desk: Any) -> None:
    here = desk()
    here.tajo("connectors", "connect", "zoom")
    ran = here.process(*args)
    assert "Traceback" not in ran.err, ran.err.splitlines()[-1]
    assert ran.code != 0


def test_a_name_with_half_a_surrogate_is_no_crash(desk: Any) -> None:
    """Seen in Zoom's JSON: an emoji cut in half."""
    now = datetime.now(UTC)
    stage = Stage(3, now)
    plan = stage.meeting("Weekly", start=now - timedelta(days=2))
    plan.hold().come(stage.names.person(email="h@mail.example", phone=""), 0, 30)
    here = desk(stage.world())
    page = b'{"participants":[{"name":"\\ud83d","user_email":"h@mail.example","join_time":"%s","duration":60}]}'
    stamp = (now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    here.zoom.faults.order(Fault.respond(200, page % stamp), "GET /report/meetings/", times=None)
    for args in (("plan", "zoom"), ("sync", "zoom"), ("why", "h@mail.example"), ("sync", "zoom", "--json")):
        ran = here.tajo(*args)
        assert ran.code == 0, ran.err.splitlines()[-1]


# --- pipes ---


@pytest.mark.parametrize(
    ("args", "reads"),
    [(("plan", "zoom"), 1), (("plan", "zoom", "--json"), 0), (("check",), 0), (("--help",), 1)],
    ids=repr,
)
def test_a_reader_who_goes_away_is_no_error_of_ours(args: tuple[str, ...], reads: int, desk: Any) -> None:
    """`tajo plan zoom | head -1`, and a reader who never reads at all."""
    process = subprocess.Popen(
        [*TAJO, *args],
        cwd=desk().folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(reads)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) in (0, 1)
    assert err == ""


def test_a_full_disk_under_stdout_is_told(desk: Any) -> None:
    """`tajo plan zoom --json > /dev/full` must not look like success."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    here = desk()
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*TAJO, "connectors", "list", "--json"],
            cwd=here.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "typed", ["follow-ups preview nobody 1", "people reject 0123456789", "events show 99", "plan zoom --since soon"]
)
def test_with_json_a_failure_is_json_too(desk: Any, typed: str) -> None:
    here = desk()
    ran = here.tajo(*typed.split(), "--json")
    problem = ran.json["problem"]
    assert problem["exit"] == ran.code != 0
    assert problem["message"] in ran.err
