"""What is wanted in Brevo, minus what we last wrote: the writes that are left to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tajo.core.mapping import PHONE_ATTRIBUTES, Attribute


class Listing(StrEnum):
    """Whether somebody may be put on lists. Who may not joins none, and leaves those that there is no reason for."""

    ALLOWED = "allowed"
    WITHOUT_CONSENT = "without consent"
    SUPPRESSED = "suppressed"  # unsubscribed, complained, bounced or blocked: a new contact would undo that


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be in Brevo for one e-mail. `lists` are Brevo list ids.

    `withdrawn` marks somebody of whom nothing stands any more: written only if we wrote them before.
    """

    email: str
    attributes: Mapping[str, Attribute]
    lists: frozenset[int]
    withdrawn: bool = False
    listing: Listing = Listing.ALLOWED


@dataclass(frozen=True, slots=True)
class Delivered:
    """What we last wrote for one e-mail: the ledger's line."""

    email: str
    attributes: Mapping[str, Attribute]
    lists: frozenset[int]


class Change(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Operation:
    """One contact's write: attributes to set, lists to join and to leave. Idempotent."""

    email: str
    change: Change
    attributes: Mapping[str, Attribute]
    join: frozenset[int] = frozenset()
    leave: frozenset[int] = frozenset()
    listing: Listing = Listing.ALLOWED


@dataclass(frozen=True, slots=True)
class Plan:
    """All writes, in the order of the e-mails; `unchanged` counts people who need none.

    `dropped` are (e-mail, attribute, why): a phone number that two people share goes to the first of them.
    """

    operations: tuple[Operation, ...]
    unchanged: int
    dropped: tuple[tuple[str, str, str], ...] = field(default=())


def plan(
    wanted: Iterable[Wanted],
    ledger: Mapping[str, Delivered],
    *,
    phones: Mapping[tuple[str, Attribute], str],
    managed: Collection[int] | None = None,
) -> Plan:
    """The operations that bring Brevo from what we last wrote to what is wanted.

    `phones` says who already holds a phone number in the ledger: (attribute, number) → e-mail. Only memberships that
    we wrote are ever removed, and only of lists in `managed` (None: all): a list that is configured no longer, like an
    attribute that is mapped no longer, is left as it is.
    """
    operations: list[Operation] = []
    dropped: list[tuple[str, str, str]] = []
    unchanged = 0
    # A number that its holder gives up in this plan is free for somebody else in the next: writes have no fixed order.
    holders = dict(phones)
    for each in sorted(wanted, key=lambda each: each.email):
        before = ledger.get(each.email)
        if before is None and each.withdrawn:
            continue
        attributes = _unshared(each, before, holders, dropped)
        operation = _difference(each, attributes, before, managed)
        if operation.change is Change.UNCHANGED:
            unchanged += 1
        else:
            operations.append(operation)
    return Plan(tuple(operations), unchanged, tuple(dropped))


def _unshared(
    each: Wanted,
    before: Delivered | None,
    holders: dict[tuple[str, Attribute], str],
    dropped: list[tuple[str, str, str]],
) -> dict[str, Attribute]:
    """The attributes without phone numbers that somebody else holds: Brevo refuses a second holder.

    A number that is given up for one that cannot be had is given up all the same.
    """
    kept: dict[str, Attribute] = {}
    for name, value in each.attributes.items():
        if name in PHONE_ATTRIBUTES and value != "":
            holder = holders.setdefault((name, str(value)), each.email)
            if holder != each.email:
                dropped.append((each.email, name, "the number belongs to another contact"))
                if before is not None and before.attributes.get(name, "") != "":
                    kept[name] = ""
                continue
        kept[name] = value
    return kept


def _difference(
    each: Wanted, attributes: Mapping[str, Attribute], before: Delivered | None, managed: Collection[int] | None
) -> Operation:
    wanted = each.lists if each.listing is Listing.ALLOWED else frozenset()
    if before is None:
        return Operation(each.email, Change.CREATED, attributes, join=wanted, listing=each.listing)
    changed = {name: value for name, value in attributes.items() if not _same(before.attributes.get(name), value)}
    join, leave = wanted - before.lists, before.lists - each.lists
    if managed is not None:
        leave &= frozenset(managed)
    change = Change.CHANGED if changed or join or leave else Change.UNCHANGED
    return Operation(each.email, change, changed, join, leave, each.listing)


def _same(before: Attribute | None, after: Attribute) -> bool:
    """Equal for Brevo: 5 and 5.0 are, True and 1 are not."""
    if before is None:
        return after == ""  # never written and nothing to write
    return isinstance(before, bool) is isinstance(after, bool) and before == after


def after(operation: Operation, before: Delivered | None) -> Delivered:
    """The ledger's line once the operation is done."""
    attributes = {**(before.attributes if before else {}), **operation.attributes}
    lists = ((before.lists if before else frozenset()) | operation.join) - operation.leave
    return Delivered(operation.email, attributes, lists)
