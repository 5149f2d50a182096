"""Ways in which people attend: what one person's evening looks like in Zoom's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from tajo.simulators.world.people import Person
from tajo.simulators.world.stage import Held

Way = Callable[[Held, Person, float, Random], None]


def straight(held: Held, person: Person, end: float, rng: Random) -> None:
    """One stay; sometimes late, sometimes gone early."""
    join = rng.uniform(0, end * 0.3)
    held.come(person, join, rng.uniform(join + 1, end) if rng.random() < 0.3 else end)


def rejoin(held: Held, person: Person, end: float, rng: Random) -> None:
    """Leaves and comes back once or twice."""
    cuts = sorted(rng.uniform(0, end) for _ in range(rng.choice((4, 6))))
    for join, leave in zip(cuts[::2], cuts[1::2], strict=True):
        held.come(person, join, leave)


def two_devices(held: Held, person: Person, end: float, rng: Random) -> None:
    """A phone and a laptop for some of the same minutes."""
    held.come(person, rng.uniform(0, end * 0.2), end * 0.7)
    held.come(person, end * 0.4, end)


def failover(held: Held, person: Person, end: float, rng: Random) -> None:
    """Zoom moves the connection to another data centre: a second row begins where the first ends."""
    cut = rng.uniform(end * 0.2, end * 0.8)
    held.come(person, 1, cut)
    held.come(person, cut, end, failover=True)


def waits_first(held: Held, person: Person, end: float, rng: Random) -> None:
    """Some minutes in the waiting room, then in."""
    wait = rng.uniform(1, 5)
    held.come(person, 0, wait, status="in_waiting_room")
    held.come(person, wait, end)


def breaks_out(held: Held, person: Person, end: float, rng: Random) -> None:
    """The main room, a breakout room, the main room again; the main-room row goes on for some clients."""
    room = f"BO{rng.randrange(1, 4)}"
    overlap = 3 if rng.random() < 0.5 else 0
    held.come(person, 0, end * 0.4 + overlap)
    held.come(person, end * 0.4, end * 0.7, bo_mtg_id=room)
    held.come(person, end * 0.7, end)


USUAL: tuple[Way, ...] = (*(straight,) * 6, rejoin, rejoin, two_devices, failover)


def attend(held: Held, people: Iterable[Person], ways: tuple[Way, ...] = USUAL) -> None:
    """Let all of them come, each in one of the ways, to the end of the instance at the latest."""
    rng = held.plan.stage.rng
    end = (held.end - held.start).total_seconds() / 60
    for person in people:
        rng.choice(ways)(held, person, end, rng)
