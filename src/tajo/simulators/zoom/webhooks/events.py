"""All events of a world, one session or one instance, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tajo.simulators.world import Instance, Session, World
from tajo.simulators.zoom.archive import Took
from tajo.simulators.zoom.webhooks.event import Event
from tajo.simulators.zoom.webhooks.recordings import recording_events
from tajo.simulators.zoom.webhooks.registrations import registration_events
from tajo.simulators.zoom.webhooks.sessions import instance_events
from tajo.simulators.zoom.webhooks.switches import WebhookSwitches


def events_of(
    world: World,
    what: Session | Instance | None = None,
    *,
    registrations: bool = True,
    since: datetime | None = None,
    until: datetime | None = None,
    switches: WebhookSwitches | None = None,
) -> list[Event]:
    """The events of `what` (None: of everything) with `since` <= at < `until`, oldest first.

    With `registrations` those of the session's registrants too, also when `what` is one of its instances. What the
    world has planned for later than its `now` is included unless `until` says otherwise.
    """
    switches = switches or WebhookSwitches()
    found: list[Event] = []
    for session, instances in _meant(world, what):
        if registrations:
            found += registration_events(world, session, switches)
        for instance in instances:
            found += instance_events(world, session, instance, switches)
            found += recording_events(world, Took(session, instance))
    wanted = [e for e in found if (since is None or since <= e.at) and (until is None or e.at < until)]
    return sorted(wanted, key=lambda event: event.at)


def _meant(world: World, what: Session | Instance | None) -> Iterator[tuple[Session, tuple[Instance, ...]]]:
    if isinstance(what, Session):
        yield what, what.instances
    elif isinstance(what, Instance):
        yield next(session for session, instance in world.instances() if instance.uuid == what.uuid), (what,)
    else:
        for session in world.sessions.values():
            yield session, session.instances
