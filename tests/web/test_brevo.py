"""`POST /webhooks/brevo`: only with our token, on the suppression list before the answer, and never a fault."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tajo.core.errors import TransientError
from tajo.simulators.world import Stage
from tajo.store import letters, sealed, suppressions
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.web.app import build
from tajo.web.metrics import Metrics
from tajo.workflows.opt_out_webhooks import PATH, TOKEN, register

pytestmark = pytest.mark.anyio

KIM = "kim@mail.example"
OUT = {"event": "unsubscribed", "email": KIM, "camp_id": 21}
TOKEN_TEXT = "t0ken-of-the-webhook"


@pytest.fixture
async def door(front: Any, tmp_path: Path) -> Any:
    """The front with a key and a token."""
    vault = Vault({}, tmp_path)
    front.vault = vault
    front.app, front.web = build(
        front.database,
        front.inbox,
        secrets=lambda: front.secrets,
        clock=front.clock,
        metrics=front.web.metrics,
        vault=vault,
    )
    front.database.write_now(sealed.put_new, TOKEN, TOKEN_TEXT, vault)
    return front


async def post(door: Any, body: Any, token: str | None = TOKEN_TEXT, **more: Any) -> Any:
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode("latin-1"))]
    return await door.ask(told, headers, path=PATH, **more)


def known(door: Any) -> dict[str, str]:
    found: dict[str, str] = door.database.read_now(suppressions.among, [KIM, "lee@mail.example"])
    return found


async def test_an_opt_out_is_on_the_list_before_the_answer(door: Any) -> None:
    answer = await post(door, OUT)
    assert (answer.status, answer.is_empty) == (204, True)
    assert known(door) == {KIM: "unsubscribed"}


async def test_an_array_and_doubles_are_taken(door: Any) -> None:
    spam = {"event": "spam", "email": "LEE@mail.example"}
    for _ in range(2):
        assert (await post(door, [OUT, spam, OUT, {"event": "opened", "email": KIM}])).status == 204
    assert known(door) == {KIM: "unsubscribed", "lee@mail.example": "complaint"}
    assert await door.figure('tajo_brevo_webhook_events_total{kind="opt-out"}') == 6
    assert await door.figure('tajo_brevo_webhook_events_total{kind="other"}') == 2


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wrong",
        TOKEN_TEXT.encode(),
        b"Basic " + TOKEN_TEXT.encode(),
        b"Bearer \xff\xfe",
    ],
)
async def test_without_the_token_nothing_is_read_or_kept(door: Any, header: bytes | None) -> None:
    headers = [] if header is None else [(b"authorization", header)]
    answer = await door.ask(json.dumps(OUT).encode(), headers, path=PATH)
    assert (answer.status, answer.is_empty) == (401, True)
    assert door.read == 0
    assert known(door) == {}


async def test_before_it_is_configured_it_answers_503(door: Any) -> None:
    door.database.write_now(sealed.forget, TOKEN)
    answer = await post(door, OUT)
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")


async def test_a_token_made_meanwhile_counts_at_once(door: Any) -> None:
    """And the old one no more, after the ten seconds for which it is kept."""
    assert (await post(door, OUT)).status == 204
    door.database.write_now(sealed.forget, TOKEN)
    door.database.write_now(sealed.put_new, TOKEN, "another", door.vault)
    door.clock.forward(seconds=2)
    assert (await post(door, OUT, "another")).status == 204
    assert (await post(door, OUT)).status == 401


async def test_a_key_that_is_another_answers_503(door: Any) -> None:
    door.vault.file.unlink()
    door.vault.keyring(create=True)
    assert (await post(door, OUT)).status == 503


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null", b'"text"', b"7", b"[1, {}]", b"[" * 50_000])
async def test_what_cannot_be_read_is_acknowledged_and_shown(door: Any, body: bytes) -> None:
    """Told again it would be no better: a dead letter, without the body."""
    assert (await post(door, body)).status == 204
    assert (await post(door, body)).status == 204
    (letter,) = door.database.read_now(letters.open_letters)
    assert letter.origin == "brevo.webhook"
    assert known(door) == {}


async def test_what_can_be_read_of_it_counts(door: Any) -> None:
    assert (await post(door, [OUT, 7])).status == 204
    assert known(door) == {KIM: "unsubscribed"}


async def test_a_body_that_is_too_large_is_refused(door: Any) -> None:
    assert (await post(door, b" " * 1_200_000)).status == 413
    assert known(door) == {}


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_only_posts_are_taken(door: Any, method: str) -> None:
    answer = await post(door, OUT, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_while_it_closes_the_answer_is_503(door: Any) -> None:
    door.web.close()
    assert (await post(door, OUT)).status == 503
    assert known(door) == {}


class Full(Database):
    """A database whose disk is full."""

    async def write(self, work: Any, *args: Any) -> Any:
        raise TransientError("the disk is full")


async def test_what_cannot_be_kept_is_not_acknowledged(door: Any) -> None:
    full = Full(door.database.url.render_as_string(hide_password=False))
    door.app, _ = build(full, door.inbox, secrets=list, clock=door.clock, metrics=Metrics(), vault=door.vault)
    assert (await post(door, OUT)).status == 503
    full.close()


async def test_many_at_once_are_all_kept(door: Any) -> None:
    people = [f"p{n}@mail.example" for n in range(200)]
    fronts = [type(door)(door.app, door.web, door.database, door.inbox, door.clock, door.secrets) for _ in people]
    answers = await asyncio.gather(
        *(post(each, {"event": "hard_bounce", "email": email}) for each, email in zip(fronts, people, strict=True))
    )
    assert {answer.status for answer in answers} == {204}
    assert set(door.database.read_now(suppressions.among, people)) == set(people)


# --- with Brevo itself ---


async def test_what_brevo_sends_is_understood(simulators: Any, door: Any) -> None:
    """A person unsubscribes, one complains of a mail, one bounces: every call of Brevo's is taken, batched or not."""
    sims = simulators(Stage(1, door.clock()).world())
    public = {"server": {"public_url": "https://tajo.example.com"}}
    async with sims.services(door.database, sims.config(**public)) as services:
        services.vault = door.vault
        assert (await register(services)).state == "created"
    for name in ("kim", "lee", "choi"):
        sims.brevo.add_contact(f"{name}@mail.example")
    for batched in (False, True):
        for each in sims.brevo.webhooks.values():
            each.batched = batched
        sims.brevo.unsubscribe(KIM)
        sims.brevo.unsubscribe_transactional("lee@mail.example", "no-reply@shop.example")
        sims.brevo.hard_bounce("choi@mail.example")
        sims.brevo.edit_contact("choi@mail.example", {"FIRSTNAME": "Choi"})
        deliveries = sims.brevo.take_webhooks()
        assert len(deliveries) == (2 if batched else 4)
        for each in deliveries:
            headers = [(name.encode(), value.encode()) for name, value in each.headers.items()]
            body = json.dumps(each.payload).encode()
            assert (await door.ask(body, headers, path=PATH)).status == 204
    people = ["kim@mail.example", "lee@mail.example", "choi@mail.example"]
    assert door.database.read_now(suppressions.among, people) == {
        KIM: "unsubscribed",
        "lee@mail.example": "unsubscribed",
        "choi@mail.example": "hard bounce",
    }
    assert door.database.read_now(letters.open_letters) == []
