"""What the Brevo account has: attributes and lists. Compared with what the configuration needs, and completed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tajo.brevo.api import attributes, lists
from tajo.brevo.api.client import BrevoClient
from tajo.core.errors import RejectedError
from tajo.core.fields import Field
from tajo.core.mapping import Attribute, Declared

FOLDER = "Tajo"
EVERYONE = "Tajo: all contacts"  # an import needs a list; this one takes those who join none by it

# field type → attribute types that take all of its values
FITTING: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "category", "multiple-choice", "boolean", "date", "float"}),
    "float": frozenset({"float", "text"}),
    "date": frozenset({"date", "text"}),
    "boolean": frozenset({"boolean", "text"}),
}
# what only an answer that a person gave can honestly fill
ONLY_ANSWERS = frozenset({"boolean", "date", "float", "multiple-choice"})


@dataclass(frozen=True, slots=True)
class Schema:
    """The account's attributes by name, and its lists: id → name."""

    attributes: Mapping[str, Declared]
    lists: Mapping[int, str]

    def list_named(self, name: str) -> int | None:
        """The id of the list with this name; the oldest, where several have it."""
        return min((id_ for id_, known in self.lists.items() if known == name), default=None)


async def read(brevo: BrevoClient) -> Schema:
    """Ask Brevo for all attributes and lists: one call, and one for each 50 lists."""
    declared = {each.name: _declared(each) for each in await brevo.send(attributes.every())}
    found: dict[int, str] = {}
    offset = 0
    while True:
        page = await brevo.send(lists.page(offset=offset))
        found |= {each.id: each.name for each in page.lists}
        offset += len(page.lists)
        if not page.lists or offset >= page.count:
            return Schema(declared, found)


def _declared(each: attributes.Attribute) -> Declared:
    options: dict[str, Attribute] = {option.label: _number(option.value) for option in each.options}
    options |= {choice: choice for choice in each.choices}
    return Declared(each.name, "category" if each.category == "category" else each.type, options)


def _number(value: str) -> Attribute:
    return int(value) if value.isascii() and value.isdigit() else value


def missing(mapping: Sequence[tuple[Field, str]], schema: Schema) -> list[tuple[Field, str]]:
    """Mapped attributes that the account does not have: Brevo would drop their values without a word."""
    return [(field, name) for field, name in mapping if name not in schema.attributes]


def clashes(mapping: Sequence[tuple[Field, str]], schema: Schema) -> list[tuple[Field, str, str]]:
    """Mapped attributes of a type that the field's values do not fit: (field, attribute, its type)."""
    found = []
    for field, name in mapping:
        declared = schema.attributes.get(name)
        if declared is None:
            continue
        fits = declared.type in FITTING[field.type]
        if declared.type in ONLY_ANSWERS and field.type == "text" and not field.name.startswith("question:"):
            fits = False
        if not fits:
            found.append((field, name, declared.type))
    return found


async def create_attributes(brevo: BrevoClient, wanted: Iterable[tuple[Field, str]]) -> list[str]:
    """Create attributes, each in its field's type; one that somebody else created meanwhile is fine."""
    created = []
    for field, name in wanted:
        try:
            await brevo.send(attributes.create(name, _kind(field)))
        except RejectedError:
            known = {each.name for each in await brevo.send(attributes.every())}
            if name not in known:
                raise
        created.append(name)
    return created


_KINDS: Mapping[str, attributes.Kind] = {"float": "float", "date": "date", "boolean": "boolean"}


def _kind(field: Field) -> attributes.Kind:
    return _KINDS.get(field.type, "text")


async def create_list(brevo: BrevoClient, name: str) -> int:
    """Create a list in our folder; its id."""
    offset = 0
    while True:
        page = await brevo.send(lists.folders(offset=offset))
        ours = [folder.id for folder in page.folders if folder.name == FOLDER]
        offset += len(page.folders)
        if ours:
            folder = min(ours)
            break
        if not page.folders or offset >= page.count:
            folder = await brevo.send(lists.create_folder(FOLDER))
            break
    return await brevo.send(lists.create(name, folder))
