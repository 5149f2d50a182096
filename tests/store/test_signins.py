"""Sign-ins: one renews, nothing is in clear, and a state is good once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tajo.core.errors import ConfigError
from tajo.store import signins
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.store.signins import Pair, UnderWay
from tajo.store.tables import signin_states
from tajo.store.tables import signins as table

SOON, LATER = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault({}, tmp_path)


@pytest.fixture
def now(clock: Callable[[], datetime]) -> datetime:
    return clock()


def pair(now: datetime, n: int = 1) -> Pair:
    return Pair(f"CANARY-access-{n}", f"CANARY-refresh-{n}", now, now + LATER, frozenset({"user:read:user"}))


def signed_in(database: Database, vault: Vault, now: datetime, n: int = 1) -> None:
    def put(connection: sa.Connection) -> None:
        signins.put(connection, vault, pair(now, n), version=f"v{n}", now=now)

    database.write_now(put)


def claim(database: Database, version: str, holder: str, now: datetime) -> bool:
    return database.write_now(lambda c: signins.claim(c, version, holder, now=now, until=now + SOON))


def test_a_sign_in_is_kept_and_replaced(database: Database, vault: Vault, now: datetime) -> None:
    assert database.read_now(signins.load, vault) is None
    signed_in(database, vault, now)
    database.write_now(lambda c: signins.identify(c, account_id="a", user_id="u", email="ana@example.com"))
    known, found = database.read_now(signins.load, vault) or pytest.fail("nothing there")
    assert found == pair(now)
    assert (known.version, known.account_id, known.user_id, known.email) == ("v1", "a", "u", "ana@example.com")
    signed_in(database, vault, now + SOON, 2)
    known, found = database.read_now(signins.load, vault) or pytest.fail("nothing there")
    assert (known.version, known.account_id, found.refresh) == ("v2", "", "CANARY-refresh-2")
    assert database.write_now(signins.forget)
    assert not database.write_now(signins.forget)
    assert database.read_now(signins.known) is None


def test_one_of_many_claims_the_renewal(database: Database, vault: Vault, now: datetime) -> None:
    """Eight threads at once: one may ask, until its time is over or it gives up."""
    signed_in(database, vault, now)
    won: list[int] = []
    ready = threading.Barrier(8)

    def try_it(n: int) -> None:
        ready.wait(10)
        if claim(database, "v1", f"h{n}", now):
            won.append(n)

    threads = [threading.Thread(target=try_it, args=(n,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1
    assert claim(database, "v1", "late", now + SOON)  # whoever was killed while asking is waited for no longer
    database.write_now(signins.release, "somebody else")
    assert not claim(database, "v1", "next", now + SOON)
    database.write_now(signins.release, "late")
    assert claim(database, "v1", "next", now + SOON)


def test_a_renewed_pair_takes_the_place_of_its_own_version_only(
    database: Database, vault: Vault, now: datetime
) -> None:
    signed_in(database, vault, now)
    assert claim(database, "v1", "me", now)

    def renew(connection: sa.Connection) -> bool:
        return signins.renew(connection, vault, pair(now, 3), before="v1", version="v3")

    assert database.write_now(renew)
    assert not database.write_now(renew)
    assert not claim(database, "v1", "me", now)
    assert claim(database, "v3", "me", now)  # and it is free again
    known, found = database.read_now(signins.load, vault) or pytest.fail("nothing there")
    assert (known.version, found.refresh) == ("v3", "CANARY-refresh-3")


def test_a_refused_pair_is_claimed_by_nobody_until_a_new_sign_in(
    database: Database, vault: Vault, now: datetime
) -> None:
    signed_in(database, vault, now)
    database.write_now(signins.refuse, "another", "no")
    assert claim(database, "v1", "me", now)
    database.write_now(signins.refuse, "v1", "revoked")
    assert not claim(database, "v1", "me", now + LATER)
    signed_in(database, vault, now, 2)
    known = database.read_now(signins.known)
    assert known is not None
    assert known.refused == ""
    assert claim(database, "v2", "me", now)


def begin(database: Database, vault: Vault, state: str, now: datetime) -> None:
    def note(connection: sa.Connection) -> None:
        signins.begin(
            connection,
            vault,
            state,
            f"CANARY-verifier-{state}",
            "https://x",
            now=now,
            until=now + timedelta(minutes=10),
        )

    database.write_now(note)


def test_a_state_is_good_once_and_for_ten_minutes(database: Database, vault: Vault, now: datetime) -> None:
    begin(database, vault, "s1", now)
    begin(database, vault, "s2", now)
    assert database.write_now(signins.use, vault, "other", now) == "unknown"
    assert database.write_now(signins.use, vault, "s1", now) == UnderWay("CANARY-verifier-s1", "https://x")
    assert database.write_now(signins.use, vault, "s1", now) == "used"
    assert database.write_now(signins.use, vault, "s2", now + timedelta(minutes=10)) == "expired"


def test_a_state_is_used_by_one_of_many(database: Database, vault: Vault, now: datetime) -> None:
    begin(database, vault, "s1", now)
    found: list[UnderWay | str] = []
    threads = [
        threading.Thread(target=lambda: found.append(database.write_now(signins.use, vault, "s1", now)))
        for _ in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(map(str, found)).count("used") == 5


def test_an_outcome_is_told_to_whoever_began(database: Database, vault: Vault, now: datetime) -> None:
    begin(database, vault, "s1", now)
    assert database.read_now(signins.outcome, "s1") is None
    database.write_now(signins.conclude, "s1", {"exit": 4})
    assert database.read_now(signins.outcome, "s1") == {"problem": {"exit": 4}}
    database.write_now(signins.conclude, "s1", None)
    assert database.read_now(signins.outcome, "s1") == {"problem": None}
    begin(database, vault, "s2", now + timedelta(days=2))  # which forgets what is old
    assert database.read_now(signins.outcome, "s1") is None


def test_no_secret_is_in_the_files_in_clear(sqlite_database: Database, vault: Vault, now: datetime) -> None:
    """Neither in the database nor in what SQLite writes beside it."""
    begin(sqlite_database, vault, "s1", now)
    signed_in(sqlite_database, vault, now)
    sqlite_database.write_now(lambda c: signins.renew(c, vault, pair(now, 2), before="v1", version="v2"))
    path = Path(sqlite_database.url.database or "")
    files = sorted(path.parent.glob(f"{path.name}*"))
    assert f"{path.name}-wal" in [each.name for each in files]
    content = b"".join(each.read_bytes() for each in files)
    assert b"signin_states" in content
    assert b"CANARY" not in content
    assert vault.keyring().current.value not in content


def test_swapped_texts_do_not_open(database: Database, vault: Vault, now: datetime) -> None:
    signed_in(database, vault, now)
    swap = sa.update(table).values(access_token=table.c.refresh_token, refresh_token=table.c.access_token)
    database.write_now(lambda c: c.execute(swap).rowcount)
    with pytest.raises(ConfigError, match="does not open"):
        database.read_now(signins.load, vault)
    begin(database, vault, "s1", now)
    begin(database, vault, "s2", now)
    other = sa.select(signin_states.c.verifier).where(signin_states.c.state == "s1").scalar_subquery()
    database.write_now(
        lambda c: (
            c.execute(sa.update(signin_states).where(signin_states.c.state == "s2").values(verifier=other)).rowcount
        )
    )
    with pytest.raises(ConfigError, match="does not open"):
        database.write_now(signins.use, vault, "s2", now)


def test_with_another_key_nothing_opens(database: Database, vault: Vault, now: datetime, tmp_path: Path) -> None:
    signed_in(database, vault, now)
    (tmp_path / "other").mkdir()
    other = Vault({}, tmp_path / "other")
    other.keyring(create=True)
    with pytest.raises(ConfigError, match="sealed with the key") as told:
        database.read_now(signins.load, other)
    assert told.value.exit_code == 3


def test_everything_is_sealed_anew(database: Database, vault: Vault, now: datetime) -> None:
    begin(database, vault, "s1", now)
    begin(database, vault, "used", now)
    database.write_now(signins.use, vault, "used", now)
    signed_in(database, vault, now)
    old = vault.keyring().current
    assert database.read_now(signins.key_ids) == {old.id: 3}
    ring = vault.begin_rotation()
    assert database.write_now(signins.reseal, ring) == 3
    assert database.write_now(signins.reseal, ring) == 0
    vault.end_rotation(ring)
    assert database.read_now(signins.key_ids) == {ring.current.id: 3}
    found = database.read_now(signins.load, vault)
    assert found is not None
    assert found[1] == pair(now)
    assert database.write_now(signins.use, vault, "s1", now) == UnderWay("CANARY-verifier-s1", "https://x")
