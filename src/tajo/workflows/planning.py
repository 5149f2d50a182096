"""What a run has to write: contacts folded from all rosters, minus the ledger. Nobody is asked, nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.schema import Schema, clashes, missing
from tajo.core.contact import Membership, fold, is_withdrawn
from tajo.core.errors import ConfigError, RejectedError
from tajo.core.mapping import Attribute, attributes
from tajo.core.plan import Listing, Operation, Plan, Wanted, plan
from tajo.store import ledger, rosters, suppressions
from tajo.workflows.consenting import Permissions, permissions, policy
from tajo.workflows.services import Services


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with everything that could not go into it.

    `refused` are people whose address Brevo cannot take: (e-mail, error); `unfit` counts field values that fit no
    type: (attribute, why) → how many people. `held_back` are people who are kept off lists, or of whom nothing is
    written: e-mail → why; `left_out` are the latter among them.
    """

    plan: Plan
    refused: tuple[tuple[str, RejectedError], ...]
    unfit: Mapping[tuple[str, str], int]
    held_back: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()


def list_ids(services: Services, schema: Schema) -> dict[Membership, int]:
    """Which Brevo list each membership means; negative for a named list that is still to be created.

    ConfigError for a number that no list has.
    """
    found: dict[Membership, int] = {}
    unknown = 0
    for membership in Membership:
        wanted = getattr(services.connector.lists, membership.value)
        if wanted is None:
            continue
        if isinstance(wanted, int):
            if wanted not in schema.lists:
                raise ConfigError(
                    f"Brevo has no list {wanted}, which lists.{membership} names",
                    origin=services.config.origin(f"connectors.zoom.lists.{membership}"),
                    hint="write the number of an existing list, or a name: then Tajo creates it",
                )
            found[membership] = wanted
        else:
            known = schema.list_named(wanted)
            unknown -= known is None
            found[membership] = unknown if known is None else known
    return found


def check_schema(services: Services, schema: Schema) -> None:
    """ConfigError when a mapped attribute does not exist or has a type that the field's values do not fit."""
    if absent := missing(services.mapping, schema):
        raise ConfigError(
            f"Brevo has no attribute {', '.join(name for _, name in absent)}",
            origin=services.config.origin("field_mapping"),
            hint="run `tajo connectors connect zoom`, which creates what is missing, or correct field_mapping",
        )
    check_types(services, schema)


def check_types(services: Services, schema: Schema) -> None:
    """ConfigError when a mapped attribute has a type that the field's values do not fit."""
    if wrong := clashes(services.mapping, schema):
        field, name, type_ = wrong[0]
        raise ConfigError(
            f"Brevo's attribute {name} is of the type {type_}, and {field.name} is {_a(field.type)}",
            origin=services.config.origin("field_mapping"),
            hint=f"map {field.name} to another attribute, or delete {name} in Brevo and run "
            "`tajo connectors connect zoom`",
        )


def _a(type_: str) -> str:
    return {"float": "a number", "date": "a date", "boolean": "a yes or no"}.get(type_, "text")


def prepare(
    connection: sa.Connection,
    emails: Iterable[str],
    services: Services,
    schema: Schema,
    lists: Mapping[Membership, int],
) -> Prepared:
    """The plan for these people."""
    wanted: list[Wanted] = []
    refused: list[tuple[str, RejectedError]] = []
    unfit: Counter[tuple[str, str]] = Counter()
    emails = set(emails)
    found = rosters.entries_of(connection, emails)
    barred = _barred(connection, services, emails)
    held_back: dict[str, str] = {}
    left_out: set[str] = set()
    mapping = services.mapping  # made anew each time that it is asked for
    for email in sorted(emails):
        contact = fold(email, found.get(email, ()))
        may = barred.consent.of(email)
        if contact.stands and (why := barred.why(email)):
            held_back[email] = why
        if not may.contact:
            # As if nothing stood any more: who was written before leaves our lists, of others nothing is written.
            left_out |= {email} if contact.stands else set()
            wanted.append(Wanted(email, {}, frozenset(), withdrawn=True, listing=Listing.WITHOUT_CONSENT))
            continue
        mapped = attributes(contact, mapping, schema.attributes)
        unfit.update(mapped.refused)
        try:
            ContactWrite(email, mapped.attributes)
        except RejectedError as error:
            refused.append((email, error))
            continue
        on = frozenset(lists[each] for each in contact.lists if each in lists and may.lists)
        wanted.append(Wanted(email, mapped.attributes, on, is_withdrawn(contact), barred.listing(email)))
    before = ledger.load(connection, (each.email for each in wanted))
    return Prepared(
        plan(wanted, before, phones=ledger.phone_holders(connection), managed=set(lists.values())),
        tuple(refused),
        unfit,
        held_back,
        frozenset(left_out),
    )


@dataclass(frozen=True, slots=True)
class _Barred:
    """Who is kept off lists. `suppressed`: e-mail → why."""

    suppressed: Mapping[str, str]
    consent: Permissions

    def why(self, email: str) -> str:
        if email in self.suppressed:
            return f"suppressed: {self.suppressed[email]}"
        return self.consent.of(email).why

    def listing(self, email: str) -> Listing:
        if email in self.suppressed:
            return Listing.SUPPRESSED
        return Listing.ALLOWED if self.consent.of(email).lists else Listing.WITHOUT_CONSENT


def kept_off_lists(connection: sa.Connection, services: Services, emails: Collection[str]) -> set[str]:
    """Those of these people who may be on no list: without consent, or suppressed."""
    barred = _barred(connection, services, emails)
    return {email for email in emails if barred.listing(email) is not Listing.ALLOWED}


def _barred(connection: sa.Connection, services: Services, emails: Collection[str]) -> _Barred:
    rules = policy(services.config)
    return _Barred(suppressions.among(connection, emails), permissions(connection, rules, emails))


def shown(operation: Operation, names: Mapping[int, str], why: str = "") -> dict[str, object]:
    """One planned write as `tajo plan --json` shows it; `why` somebody is kept off lists."""
    values: dict[str, Attribute] = dict(operation.attributes)
    told: dict[str, object] = {
        "email": operation.email,
        "change": operation.change.value,
        "attributes": values,
        "join": [names.get(each, str(each)) for each in sorted(operation.join)],
        "leave": [names.get(each, str(each)) for each in sorted(operation.leave)],
    }
    return told | {"held_back": why} if why else told
