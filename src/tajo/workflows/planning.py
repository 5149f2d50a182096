"""What a run has to write: contacts folded from all rosters, minus the ledger. Nobody is asked, nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.schema import Schema, clashes, missing
from tajo.core.contact import Membership, fold, is_withdrawn
from tajo.core.errors import ConfigError, RejectedError
from tajo.core.mapping import Attribute, attributes
from tajo.core.plan import Operation, Plan, Wanted, plan
from tajo.store import ledger, rosters
from tajo.workflows.services import Services


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with everything that could not go into it.

    `refused` are people whose address Brevo cannot take: (e-mail, error); `unfit` counts field values that fit no
    type: (attribute, why) → how many people.
    """

    plan: Plan
    refused: tuple[tuple[str, RejectedError], ...]
    unfit: Mapping[tuple[str, str], int]


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
    found = rosters.entries_of(connection, emails)
    for email in sorted({*emails, *found}):
        contact = fold(email, found.get(email, ()))
        mapped = attributes(contact, services.mapping, schema.attributes)
        unfit.update(mapped.refused)
        try:
            ContactWrite(email, mapped.attributes)
        except RejectedError as error:
            refused.append((email, error))
            continue
        on = frozenset(lists[each] for each in contact.lists if each in lists)
        wanted.append(Wanted(email, mapped.attributes, on, withdrawn=is_withdrawn(contact)))
    before = ledger.load(connection, (each.email for each in wanted))
    return Prepared(
        plan(wanted, before, phones=ledger.phone_holders(connection), managed=set(lists.values())),
        tuple(refused),
        unfit,
    )


def shown(operation: Operation, names: Mapping[int, str]) -> dict[str, object]:
    """One planned write as `tajo plan --json` shows it."""
    values: dict[str, Attribute] = dict(operation.attributes)
    return {
        "email": operation.email,
        "change": operation.change.value,
        "attributes": values,
        "join": [names.get(each, str(each)) for each in sorted(operation.join)],
        "leave": [names.get(each, str(each)) for each in sorted(operation.leave)],
    }
