"""tap-zoom, the Singer tap of PyPI, reading the same account. It has old dependencies, hence an environment of its own.

That is TAJO_TAP_ZOOM_PYTHON, or .venv-tap in the repository, made when a package index can be reached.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from benchmarks.product import REPOSITORY
from benchmarks.vendors import Vendors

PINNED = "tap-zoom==2.1.1"
REDIRECT = "http://127.0.0.1:9/callback"

# Its two addresses are constants: they are replaced at run time, its files stay as they are.
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


class NoTapError(Exception):
    """There is no tap-zoom, and none could be installed."""


def python() -> Path:
    """The interpreter that has it."""
    given = os.environ.get("TAJO_TAP_ZOOM_PYTHON")
    found = Path(given or REPOSITORY / ".venv-tap/bin/python")
    if _has_tap(found):
        return found
    if given:
        raise NoTapError("TAJO_TAP_ZOOM_PYTHON has none")
    _install(found.parents[1])
    return found


def _has_tap(interpreter: Path) -> bool:
    if not interpreter.exists():
        return False
    return subprocess.run([interpreter, "-c", "import tap_zoom"], capture_output=True, check=False).returncode == 0


def _install(place: Path) -> None:
    pip = [str(place / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in ([sys.executable, "-m", "venv", str(place)], [*pip, "--retries", "0", PINNED]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            raise NoTapError("installing it timed out") from None
        if done.returncode:
            raise NoTapError((done.stderr.strip().splitlines() or ["pip failed without a word"])[-1])
        (place / ".gitignore").write_text("*\n")


def records(interpreter: Path, vendors: Vendors) -> Iterator[dict[str, Any]]:
    """Run it to its end; the records that it wrote: {"stream": …, "record": …}."""
    secrets = {name: vendors.credentials[name] for name in ("client_id", "client_secret")}
    with tempfile.TemporaryDirectory() as folder:
        config, launcher = Path(folder) / "config.json", Path(folder) / "launch.py"
        config.write_text(json.dumps({**secrets, "refresh_token": _refresh_token(vendors)}))
        launcher.write_text(LAUNCHER)
        command = [interpreter, launcher, vendors.zoom_url, "--config", config]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"tap-zoom ended with {done.returncode}\n{done.stderr[-2000:]}")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            yield message


def _refresh_token(vendors: Vendors) -> str:
    """It signs in with a refresh token, as after an installation by the user."""
    client, secret = vendors.credentials["client_id"], vendors.credentials["client_secret"]
    query = {"response_type": "code", "client_id": client, "redirect_uri": REDIRECT}
    location = httpx2.get(f"{vendors.zoom_url}/oauth/authorize", params=query).headers["location"]
    (code,) = parse_qs(urlsplit(location).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    answer = httpx2.post(f"{vendors.zoom_url}/oauth/token", data=form, auth=(client, secret))
    return str(answer.raise_for_status().json()["refresh_token"])
