"""The SDK: the same engine from a program, with and without an event loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tajo
from tajo import (
    ConfigError,
    CredentialError,
    RejectedError,
    TajoClient,
    TajoError,
    TransientError,
    UsageError,
)
from tajo.simulators.brevo import BrevoSimulator
from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage
from tajo.simulators.zoom import ZoomSimulator

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

KEY = "xkeysib-test-key"
LISTS = {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}


class Account:
    """Both vendors on this machine, and the settings for them without any secret."""

    def __init__(self, zoom: ZoomSimulator, brevo: BrevoSimulator, urls: tuple[str, str], folder: Path) -> None:
        self.zoom, self.brevo, self.folder = zoom, brevo, folder
        self.settings: dict[str, Any] = {
            "connectors": {
                "zoom": {
                    "plan": "business",
                    "lists": LISTS,
                    "api_url": f"{urls[0]}/v2",
                    "oauth_url": f"{urls[0]}/oauth",
                }
            },
            "brevo": {"api_url": f"{urls[1]}/v3"},
            "database_url": f"sqlite:///{folder / 'tajo.db'}",
        }

    @property
    def access(self) -> dict[str, str]:
        return {
            "account_id": self.zoom.account_id,
            "client_id": self.zoom.client_id,
            "client_secret": self.zoom.client_secret,
        }

    def complete(self) -> dict[str, Any]:
        """The settings with every secret in them."""
        zoom = {**self.settings["connectors"]["zoom"], **self.access}
        brevo = {**self.settings["brevo"], "api_key": KEY}
        return {**self.settings, "connectors": {"zoom": zoom}, "brevo": brevo}

    @property
    def emails(self) -> set[str]:
        return set(self.brevo.contacts)


class Address:
    """An application that may be another one for each test: starting and stopping servers takes longer than most."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def addresses() -> Iterator[list[tuple[Address, str]]]:
    """Zoom's and Brevo's."""
    with ExitStack() as stack:
        yield [(address, stack.enter_context(serve(address))) for address in (Address(), Address())]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses: list[tuple[Address, str]]) -> Account:
    """A webinar of three days ago with two people, a meeting of yesterday with one."""
    for name in list(os.environ):
        if name.startswith(("ZOOM_", "BREVO_", "TAJO_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC)
    stage = Stage(8, now)
    webinar = stage.webinar("Webinar", start=now - timedelta(days=3))
    first, second, third = (stage.names.person(email=f"{name}@mail.example", phone="") for name in ("a", "b", "c"))
    webinar.register(first)
    webinar.register(second)
    webinar.hold().come(first, 0, 30)
    stage.meeting("Meeting", start=now - timedelta(days=1, hours=2)).hold().come(third, 0, 20)
    zoom = ZoomSimulator(stage.world(), plan="business")
    brevo = BrevoSimulator(api_key=KEY)
    for name, number in LISTS.items():
        brevo.add_list(number, name)
    for name, kind in ATTRIBUTES.items():
        brevo.add_attribute(name, kind)
    (zoom_at, zoom_url), (brevo_at, brevo_url) = addresses
    zoom_at.app, brevo_at.app = zoom.app, brevo.app
    return Account(zoom, brevo, (zoom_url, brevo_url), tmp_path)


EVERYBODY = {"a@mail.example", "b@mail.example", "c@mail.example"}


# --- as in the documentation ---


async def test_the_documented_program(account: Account) -> None:
    """Credentials given to `connect` are used by `sync`."""
    async with TajoClient(brevo_api_key=KEY, config=account.settings) as client:
        done = await client.connectors.connect("zoom", **account.access)
        assert done["connector"] == "zoom"
        summary = await client.connectors.sync("zoom", since="30d")
        assert (summary["created"], summary["refused"]) == (3, 0)
        written = await client.contacts.sync(email="Z@Mail.Example", attributes={"FIRSTNAME": "Z"}, list_ids=[15])
        assert written == {"email": "z@mail.example", "lost": []}
        status = await client.connectors.status("zoom")
        assert status["connected_at"] == done["connected_at"]
        story = await client.contacts.why("A@mail.example")
        assert story is not None
        assert story["written"]["attributes"]["ATTENDANCE_STATUS"] == "attended"
        assert await client.connectors.disconnect("zoom")
    assert account.emails == EVERYBODY | {"z@mail.example"}
    assert account.brevo.complaints() == []


def test_the_same_without_an_event_loop(account: Account) -> None:
    with TajoClient.blocking(KEY, config=account.settings) as client:
        client.connectors.connect("zoom", **account.access)
        summary = client.connectors.sync("zoom", since="30d")
        assert summary["created"] == 3
        assert client.contacts.sync(email="z@mail.example")["email"] == "z@mail.example"
        assert client.contacts.why("nobody@mail.example") is None
        assert client.connectors.status("zoom")["last_run"]["state"] == "done"
        assert client.connectors.list() == [{"connector": "zoom", "state": "configured"}]
        with pytest.raises(UsageError):
            client.connectors.sync("zoom", since="never")
    assert account.emails == EVERYBODY | {"z@mail.example"}


def test_blocking_lets_errors_out_of_the_block(account: Account) -> None:
    with pytest.raises(CredentialError), TajoClient.blocking("xkeysib-wrong", config=account.settings) as client:
        client.connectors.connect("zoom", **account.access)
    with pytest.raises(ZeroDivisionError), TajoClient.blocking(KEY, config=account.settings):
        1 / 0  # noqa: B018


def test_two_threads_may_each_have_a_client(account: Account) -> None:
    """Each with a database of its own that is made at the same moment, as in a threaded web server."""

    def work(number: int) -> int:
        settings = {**account.complete(), "database_url": f"sqlite:///{account.folder / f'own{number}.db'}"}
        with TajoClient.blocking(config=settings) as client:
            status = client.connectors.status("zoom")
        return len(status["dead_letters"])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [0] * 6


async def test_two_blocks_one_after_the_other(account: Account) -> None:
    """What the first one wrote is known to the second."""
    for unchanged in (0, 3):
        async with TajoClient(config=account.complete()) as client:
            summary = await client.connectors.sync("zoom")
            assert summary["unchanged"] == unchanged


# --- the configuration ---


@pytest.mark.parametrize("kind", ["path", "text", "mapping"])
async def test_the_configuration_is_a_path_or_a_mapping(kind: str, account: Account) -> None:
    file = account.folder / "my settings.yml"
    file.write_text(json.dumps(account.complete()))
    config = {"path": file, "text": str(file), "mapping": account.complete()}[kind]
    async with TajoClient(config=config) as client:
        assert (await client.connectors.sync("zoom"))["created"] == 3


async def test_without_one_the_file_in_the_folder_is_read(account: Account) -> None:
    (account.folder / "tajo.yml").write_text(json.dumps(account.complete()))
    async with TajoClient() as client:
        assert (await client.connectors.sync("zoom"))["created"] == 3


async def test_without_any_file_the_error_says_what_to_give(account: Account) -> None:
    async with TajoClient() as client:
        with pytest.raises(ConfigError) as caught:
            await client.connectors.connect("zoom", **account.access)
    assert "BREVO_API_KEY" in caught.value.line()


async def test_variables_are_read_from_the_environment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = account.complete()
    settings["connectors"]["zoom"] |= {"client_secret": "${MY_SECRET}"}
    del settings["brevo"]["api_key"]
    monkeypatch.setenv("MY_SECRET", account.zoom.client_secret)
    monkeypatch.setenv("BREVO_API_KEY", KEY)
    async with TajoClient(config=settings) as client:
        await client.connectors.connect("zoom")


async def test_what_is_given_as_an_argument_wins(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the file, over the environment, over what was given before."""
    settings = account.complete()
    settings["brevo"]["api_key"] = "xkeysib-of-the-file"
    settings["connectors"]["zoom"]["client_secret"] = "of-the-file"
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-of-the-environment")
    async with TajoClient(KEY, config=settings) as client:
        with pytest.raises(CredentialError):
            await client.connectors.sync("zoom")
        with pytest.raises(CredentialError):
            await client.connectors.connect("zoom", client_secret="still wrong")
        await client.connectors.connect("zoom", client_secret=account.zoom.client_secret)
        assert (await client.connectors.sync("zoom"))["created"] == 3


async def test_a_mapping_of_the_caller_stays_as_it_is(account: Account) -> None:
    settings = account.settings
    before = json.dumps(settings)
    async with TajoClient(KEY, config=settings) as client:
        await client.connectors.connect("zoom", **account.access)
    assert json.dumps(settings) == before
    assert account.zoom.client_secret not in repr(client)
    assert KEY not in repr(client)


async def test_api_key_alone_is_accepted(account: Account) -> None:
    """Programs written for a running service work without one, too; with one, see test_client_remote.py."""
    async with TajoClient(KEY, api_key="tajo-key", config=account.settings) as client:
        await client.connectors.connect("zoom", **account.access)


# --- windows ---


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        ("30d", None, 2),
        ((NOW - timedelta(days=4)).date(), NOW.date(), 2),
        ((NOW - timedelta(days=4)).date().isoformat(), None, 2),
        (NOW - timedelta(days=4), NOW, 2),
        (datetime(2026, 1, 1), date(2026, 1, 2), 0),
        (NOW.astimezone().replace(microsecond=0) - timedelta(days=2), None, 1),
        (None, None, 2),
    ],
    ids=["30d", "dates", "text", "aware", "naive", "zoned", "nothing"],
)
async def test_days_may_be_given_in_any_form(since: Any, until: Any, found: int, account: Account) -> None:
    async with TajoClient(config=account.complete()) as client:
        summary = await client.connectors.sync("zoom", since=since, until=until, dry_run=True)
    assert summary["sessions"] == found


async def test_one_session_only(account: Account) -> None:
    number = str(next(session.id for session in account.zoom.world.of_kind("webinar")))
    async with TajoClient(config=account.complete()) as client:
        summary = await client.connectors.sync("zoom", webinar=number)
    assert summary["sessions"] == 1
    assert account.emails == {"a@mail.example", "b@mail.example"}


async def test_a_dry_run_writes_nothing_and_tells_everything(account: Account) -> None:
    """No database either, where there was none."""
    async with TajoClient(config=account.complete()) as client:
        planned = await client.connectors.sync("zoom", dry_run=True)
    assert {write["email"] for write in planned["writes"]} == EVERYBODY
    assert account.emails == set()
    assert all(call.method == "GET" for call in account.brevo.calls)
    assert not (account.folder / "tajo.db").exists()


# --- errors ---


async def test_errors_are_the_public_classes(account: Account) -> None:
    """By what happens next, each with origin and remedy."""
    settings = account.complete()
    async with TajoClient(config=settings) as client:
        with pytest.raises(UsageError):
            await client.connectors.sync("teams")
        with pytest.raises(UsageError):
            await client.connectors.connect("teams")
        with pytest.raises(UsageError):
            await client.connectors.sync("zoom", since="2026-02-01", until="2026-01-01")
        with pytest.raises(UsageError):
            await client.connectors.sync("zoom", meeting="1", webinar="2")
        with pytest.raises(TajoError) as unknown:
            await client.connectors.sync("zoom", meeting="86000000000")
        assert unknown.value.exit_code == 1
        account.brevo.expire_key()
        with pytest.raises(CredentialError) as refused:
            await client.connectors.sync("zoom")
        assert refused.value.hint
        account.brevo.restore()
        with pytest.raises(RejectedError):
            await client.contacts.sync(email="no address")
    with pytest.raises(ConfigError):
        async with TajoClient(config={**settings, "conectors": {}}) as client:
            await client.connectors.sync("zoom")
    with pytest.raises(ConfigError):
        async with TajoClient(config=account.folder / "nowhere.yml") as client:
            await client.connectors.sync("zoom")
    settings["connectors"]["zoom"]["enabled"] = False
    with pytest.raises(ConfigError):
        async with TajoClient(config=settings) as client:
            await client.connectors.sync("zoom")


async def test_silence_is_a_transient_error(account: Account) -> None:
    settings = account.complete()
    settings["connectors"]["zoom"]["oauth_url"] = "http://127.0.0.1:9/oauth"
    async with TajoClient(config=settings) as client:
        with pytest.raises(TransientError):
            await client.connectors.connect("zoom")


async def test_a_used_up_day_tells_the_program_when(account: Account) -> None:
    """`retry_at` is what a program waits for."""
    until = (datetime.now(UTC) + timedelta(hours=9)).replace(microsecond=0)
    headers = {"retry-after": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "x-ratelimit-type": "Daily-limit"}
    account.zoom.faults.order(Fault.respond(429, b"{}", headers=headers), "GET /report/", times=None)
    async with TajoClient(config=account.complete()) as client:
        with pytest.raises(TransientError) as caught:
            await client.connectors.sync("zoom")
    assert caught.value.retry_at == until


@pytest.mark.parametrize("name", tajo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(tajo, name) is not None


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, tajo; print(sorted({'dbos', 'sqlalchemy', 'httpx2', 'pydantic'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ran.stdout.strip() == "[]"


# --- single contacts ---


@pytest.fixture
async def contacts(account: Account) -> Any:
    async with TajoClient(config=account.complete()) as client:
        yield client.contacts


async def test_a_contact_is_known_by_its_lower_case_address(contacts: Any, account: Account) -> None:
    for email in ("Kim.Min+News@Mail.Example", " kim.min+news@mail.example "):
        await contacts.sync(email=email, attributes={"FIRSTNAME": "민수"}, list_ids=[15])
    assert account.emails == {"kim.min+news@mail.example"}
    contact = account.brevo.contacts["kim.min+news@mail.example"]
    assert contact.attributes["FIRSTNAME"] == "민수"
    assert contact.list_ids == {15}


async def test_a_second_call_adds_and_takes_nothing_away(contacts: Any, account: Account) -> None:
    await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "K", "UTM_SOURCE": "ad"}, list_ids=[15])
    await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "L"}, list_ids=[16])
    contact = account.brevo.contacts["k@mail.example"]
    assert contact.attributes == {"FIRSTNAME": "L", "UTM_SOURCE": "ad"}
    assert contact.list_ids == {15, 16}


async def test_a_phone_number_of_somebody_else_costs_the_field(contacts: Any, account: Account) -> None:
    account.brevo.add_contact("owner@mail.example", attributes={"SMS": "+821055501234"})
    done = await contacts.sync(
        email="k@mail.example", attributes={"SMS": "+821055501234", "FIRSTNAME": "K"}, list_ids=[15]
    )
    assert [name for name, _ in done["lost"]] == ["SMS"]
    assert account.brevo.contacts["k@mail.example"].attributes == {"FIRSTNAME": "K"}
    assert account.brevo.contacts["k@mail.example"].list_ids == {15}


async def test_an_invalid_phone_number_costs_the_field(contacts: Any, account: Account) -> None:
    done = await contacts.sync(email="k@mail.example", attributes={"SMS": "call me", "FIRSTNAME": "K"})
    assert [name for name, _ in done["lost"]] == ["SMS"]
    assert account.brevo.contacts["k@mail.example"].attributes == {"FIRSTNAME": "K"}


async def test_who_unsubscribed_stays_unsubscribed(contacts: Any, account: Account) -> None:
    account.brevo.add_contact("k@mail.example", email_blacklisted=True)
    await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "K"}, list_ids=[15])
    assert account.brevo.contacts["k@mail.example"].email_blacklisted
    assert account.brevo.complaints() == []


async def test_an_attribute_that_brevo_does_not_have_is_not_dropped_in_silence(contacts: Any, account: Account) -> None:
    """It is told as lost, and the rest is written."""
    done = await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "K", "SHOE_SIZE": 43})
    assert [name for name, _ in done["lost"]] == ["SHOE_SIZE"]
    assert account.brevo.contacts["k@mail.example"].attributes == {"FIRSTNAME": "K"}


async def test_values_are_written_in_the_attributes_type(contacts: Any, account: Account) -> None:
    """The documentation's own example: a join time into a date, seconds into a number; what does not fit is told."""
    done = await contacts.sync(
        email="k@mail.example",
        attributes={"MEETING_JOIN_DATE": "2026-09-01T14:02:00Z", "MEETING_DURATION": "1234", "WEBINAR_NAME": 7},
    )
    there = account.brevo.contacts["k@mail.example"].attributes
    lost = {name for name, _ in done["lost"]}
    assert there.get("MEETING_JOIN_DATE") == "2026-09-01" or "MEETING_JOIN_DATE" in lost
    assert there.get("MEETING_DURATION") == 1234 or "MEETING_DURATION" in lost
    assert there.get("WEBINAR_NAME") == "7" or "WEBINAR_NAME" in lost


@pytest.mark.parametrize("value", [datetime(2026, 9, 1, 14, 2, tzinfo=UTC), date(2026, 9, 1)], ids=["time", "day"])
async def test_a_time_of_python_is_a_date_in_brevo(value: Any, contacts: Any, account: Account) -> None:
    await contacts.sync(email="k@mail.example", attributes={"MEETING_JOIN_DATE": value})
    assert account.brevo.contacts["k@mail.example"].attributes["MEETING_JOIN_DATE"] == "2026-09-01"


async def test_none_means_nothing_to_write(contacts: Any, account: Account) -> None:
    """A missing value of the program's own data costs nobody the contact."""
    await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "K", "UTM_SOURCE": None})
    assert account.brevo.contacts["k@mail.example"].attributes == {"FIRSTNAME": "K"}


async def test_template_code_in_a_value_is_broken(contacts: Any, account: Account) -> None:
    """Brevo's mails would run it."""
    await contacts.sync(email="k@mail.example", attributes={"FIRSTNAME": "{{ contact.EMAIL }} {% if 1 %}<b>"})
    name = account.brevo.contacts["k@mail.example"].attributes["FIRSTNAME"]
    assert "{{" not in name
    assert "{%" not in name
    assert "<" not in name


@pytest.mark.parametrize("email", ["", "no address", "a@b@c", "a b@c.example", "a@c.example\nb@c.example"])
async def test_what_is_no_address_is_refused(email: str, contacts: Any, account: Account) -> None:
    with pytest.raises(RejectedError) as caught:
        await contacts.sync(email=email)
    assert "\n" not in caught.value.line()
    assert account.emails == set()


async def test_a_list_that_nobody_has_is_an_error(contacts: Any, account: Account) -> None:
    with pytest.raises(TajoError):
        await contacts.sync(email="k@mail.example", list_ids=[999])
    assert "k@mail.example" not in account.emails


async def test_a_sync_leaves_what_a_program_wrote(account: Account) -> None:
    """A list that a program put somebody on is no business of the connector's, be it one of its own or any other."""
    account.brevo.add_list(20, "Customers")
    async with TajoClient(config=account.complete()) as client:
        await client.contacts.sync(email="a@mail.example", attributes={"FIRSTNAME": "A"}, list_ids=[15, 20])
        await client.connectors.sync("zoom")
        assert account.brevo.contacts["a@mail.example"].list_ids == {15, 16, 17, 20}
        again = await client.connectors.sync("zoom")
        assert (again["created"], again["changed"]) == (0, 0)
