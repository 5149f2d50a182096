"""`tajo serve` where it cannot listen, and what it says where it does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

SECRET = "simulated-secret-token"


@pytest.fixture
def here(desk: Callable[..., Any]) -> Any:
    made = desk()
    made.configure(connectors__zoom__webhook={"secret_token": SECRET}, connectors__zoom__schedule="0 0 1 1 *")
    return made


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_one_line_and_nothing_is_started(here: Any, shared: bool) -> None:
    """Also one that its program would share with others: half of the webhooks would be that program's."""
    with socket.socket() as taken:
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for more in ((), ("--no-worker",)):
            ran = here.process("serve", "--port", str(port), *more)
            assert ran.code == 1
            assert ran.error.startswith(f"tajo: server.port: the address http://127.0.0.1:{port} is in use by another")
            assert "--port" in ran.error
            assert ran.out == ""
    assert os.listdir(here.folder) == ["tajo.yml"]


@pytest.mark.parametrize("host", ["203.0.113.9", "2001:db8::9", "no such host"])
def test_an_address_that_is_not_this_machines_is_a_fault_of_the_configuration(here: Any, host: str) -> None:
    ran = here.tajo("serve", "--host", host, "--port", "0")
    assert ran.code == 3
    assert ran.error.startswith(f"tajo: server.host: {host} is not an address of this machine")
    assert os.listdir(here.folder) == ["tajo.yml"]


def test_every_line_of_the_log_is_json_and_one_has_the_address(here: Any) -> None:
    """Port 0 is a free one, which only this line tells; the service answers there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tajo.cli.main", "serve", "--port", "0"],
        cwd=here.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines: list[dict[str, Any]] = []
        assert process.stderr is not None
        while not lines or lines[-1]["event"] != "service.listening":
            lines.append(json.loads(process.stderr.readline()))
        host, _, port = lines[-1]["address"].removeprefix("http://").rpartition(":")
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as asking:
                if asking.connect_ex((host, int(port))) == 0:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, rest = process.communicate(timeout=30)
        assert process.returncode == 0
        lines += map(json.loads, rest.splitlines())
    finally:
        process.kill()
        process.communicate()
    assert out == ""
    assert lines[0]["event"] == "service.started"
    assert lines[-1]["event"] == "service.stopped"
