"""Registering Brevo's webhooks: one of each type, with one token, however often it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.faults import Fault
from tajo.store import sealed
from tajo.store.keys import Vault
from tajo.workflows.connecting import connect
from tajo.workflows.opt_out_webhooks import EVENTS, TOKEN, register

pytestmark = pytest.mark.anyio

PUBLIC = {"server": {"public_url": "https://tajo.example.com"}}
URL = "https://tajo.example.com/webhooks/brevo"


def keyed(b: Any, folder: Path) -> None:
    b.services.vault = Vault({}, folder)


async def test_connecting_registers_both_types_once(bench: Any, tmp_path: Path) -> None:
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        assert (await connect(b.services))["opt_outs"]["state"] == "created"
        token = b.database.read_now(sealed.sealed, TOKEN)
        assert (await connect(b.services))["opt_outs"]["state"] == "updated"
        assert b.database.read_now(sealed.sealed, TOKEN) == token
        assert {each.type: tuple(each.events) for each in b.brevo.webhooks.values()} == dict(EVENTS)
        assert {each.url for each in b.brevo.webhooks.values()} == {URL}
        opened = sealed.opened(token, TOKEN, b.services.vault.keyring())
        assert [each.auth for each in b.brevo.webhooks.values()] == [{"type": "bearer", "token": opened}] * 2
        assert opened not in token


async def test_without_an_address_it_says_what_is_missing(bench: Any, tmp_path: Path) -> None:
    async with bench() as b:
        keyed(b, tmp_path)
        told = await register(b.services)
        assert (told.state, "server.public_url" in told.remedy) == ("no_address", True)
        assert b.brevo.webhooks == {}


async def test_one_of_our_address_is_used_and_those_of_others_left_alone(bench: Any, tmp_path: Path) -> None:
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        await register(b.services)
        for each in b.brevo.webhooks.values():
            each.events, each.auth = ["spam"], {}
        other = next(iter(b.brevo.webhooks.values()))
        b.brevo.webhooks[99] = type(other)(
            **{name: getattr(other, name) for name in other.__slots__} | {"id": 99, "url": "https://x.example"}
        )
        await register(b.services)
        assert len(b.brevo.webhooks) == 3
        assert b.brevo.webhooks[99].events == ["spam"]
        assert all(each.auth and len(each.events) > 1 for each in b.brevo.webhooks.values() if each.id != 99)


async def test_a_full_account_is_told_and_nothing_is_made(bench: Any, tmp_path: Path) -> None:
    """39 of 40: room for one of two."""
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        await register(b.services)
        mine = list(b.brevo.webhooks.values())
        b.brevo.webhooks.clear()
        names = mine[0].__slots__
        for n in range(100, 139):
            given = {name: getattr(mine[0], name) for name in names} | {"id": n, "url": f"https://x.example/{n}"}
            b.brevo.webhooks[n] = type(mine[0])(**given)
        told = await register(b.services)
        assert (told.state, len(b.brevo.webhooks)) == ("refused", 39)


async def test_an_answer_that_was_lost_makes_no_second_webhook(bench: Any, tmp_path: Path) -> None:
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        b.brevo.faults_after.order(Fault.respond(502), "POST /webhooks")
        assert (await register(b.services)).state == "created"
        assert len(b.brevo.webhooks) == 2


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_what_brevo_refuses_stops_no_connecting(bench: Any, tmp_path: Path, status: int) -> None:
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        b.brevo.faults.order(Fault.respond(status, b'{"code":"x","message":"No"}'), "POST /webhooks", times=None)
        told = await connect(b.services)
        assert told["opt_outs"]["state"] == "refused"
        assert told["connected_at"]


async def test_a_lost_key_makes_a_new_token(bench: Any, tmp_path: Path) -> None:
    async with bench(settings=PUBLIC) as b:
        keyed(b, tmp_path)
        await register(b.services)
        before = next(iter(b.brevo.webhooks.values())).auth["token"]
        (tmp_path / "tajo.key").unlink()
        b.services.vault.keyring(create=True)
        await register(b.services)
        tokens = {each.auth["token"] for each in b.brevo.webhooks.values()}
        assert len(tokens) == 1
        assert before not in tokens
