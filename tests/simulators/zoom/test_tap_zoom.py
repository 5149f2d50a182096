"""A client that knows nothing of this project reads the simulator: tap-zoom, the Singer tap from PyPI.

It has old dependencies of its own, so it lives in its own environment: TAJO_TAP_ZOOM_PYTHON, or .venv-tap in the
repository, which is made when a package index can be reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tajo.simulators.serve import serve

REPOSITORY = Path(__file__).parents[3]
PINNED = "tap-zoom==2.1.1"

# tap-zoom has its two addresses as constants; they are replaced at run time, its files stay as they are.
LAUNCHER = """
import sys

import requests
import tap_zoom
from tap_zoom.client import ZoomClient

address = sys.argv.pop(1)
ZoomClient.BASE_URL = address + "/v2/"
send = requests.Session.request


def redirected(session, method, url, **kwargs):
    return send(session, method, url.replace("https://zoom.us/oauth/token", address + "/oauth/token"), **kwargs)


requests.Session.request = redirected
tap_zoom.main()
"""


def _has_tap(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", "import tap_zoom"], capture_output=True).returncode == 0


def _install() -> str:
    """Make the environment. Returns what went wrong, in one line, or nothing."""
    place = REPOSITORY / ".venv-tap"
    pip = [place / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--retries", "0"]
    for command in ([sys.executable, "-m", "venv", place], [*pip, PINNED]):
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return "timed out"
        if run.returncode:
            return (run.stderr.strip().splitlines() or ["failed without a word"])[-1]
        (place / ".gitignore").write_text("*\n")
    return ""


@pytest.fixture(scope="session")
def tap_python(request: pytest.FixtureRequest) -> Path:
    given = os.environ.get("TAJO_TAP_ZOOM_PYTHON")
    python = Path(given or REPOSITORY / ".venv-tap/bin/python")
    if _has_tap(python):
        return python
    trouble = "TAJO_TAP_ZOOM_PYTHON has none" if given else _install()
    if not trouble and _has_tap(python):
        return python
    loud = f"NOT TESTED: no foreign client read the Zoom simulator, for want of {PINNED} ({trouble})"
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        print(f"\n{loud}", file=sys.stderr)
    pytest.skip(loud)


def _refresh_token(zoom: Any) -> str:
    """tap-zoom signs in with a refresh token, as after an installation by the user."""
    redirect = "http://127.0.0.1:9/callback"
    query = {"response_type": "code", "client_id": zoom.simulator.client_id, "redirect_uri": redirect}
    location = zoom.send("GET", "/oauth/authorize", params=query).headers["location"]
    code = parse_qs(urlsplit(location).query)["code"][0]
    answer = zoom.grant(grant_type="authorization_code", code=code, redirect_uri=redirect).json()
    return str(answer["refresh_token"])


def test_tap_zoom_reads_sessions_registrants_and_participants(tap_python: Path, zoom: Any, tmp_path: Path) -> None:
    secrets = {"client_id": zoom.simulator.client_id, "client_secret": zoom.simulator.client_secret}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**secrets, "refresh_token": _refresh_token(zoom)}))
    launcher = tmp_path / "launch.py"
    launcher.write_text(LAUNCHER)
    with serve(zoom.simulator.app) as address:
        command = [tap_python, launcher, address, "--config", config]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    counts = Counter(message["stream"] for message in messages if message["type"] == "RECORD")
    assert counts == +_expected(zoom)
    assert json.loads(config.read_text())["refresh_token"]


def _expected(zoom: Any) -> Counter[str]:
    """What the world holds of what tap-zoom can reach: by user, listed, latest instance only, approved registrants."""
    world, now = zoom.simulator.world, zoom.clock.now
    wanted: Counter[str] = Counter()
    active = {user.id for user in world.users if user.status == "active"}
    wanted["users"] = len(active)
    for session in world.sessions.values():
        hosted = session.host.id in active and not session.deleted and session.type not in (1, 4)
        if not hosted or (session.kind == "webinar" and not session.host.webinar_plan):
            continue
        kind = session.kind
        wanted[f"{kind}s"] += 1
        approved = [r for r in session.registrants if r.status == "approved"]
        here = [r for r in approved if r.cancelled_at is None or r.cancelled_at > now]
        wanted[f"{kind}_registrants"] += len(here)
        wanted[f"{kind}_questions"] += kind == "meeting" or session.has_registration
        wanted["webinar_panelists"] += len(session.panelists)
        wanted["webinar_tracking_sources"] += len(session.tracking_sources)
        if session.instances:
            latest = max(session.instances, key=lambda i: i.start)
            wanted[f"report_{kind}s"] += 1
            alone = len({row.participant_user_id or row.user_id for row in latest.rows}) < 2
            wanted[f"report_{kind}_participants"] += 0 if alone else len(latest.rows)
    return wanted
