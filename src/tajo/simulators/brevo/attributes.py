"""/contacts/attributes: the definitions of what a contact can hold.

Source: developers.brevo.com/reference/get-attributes, create-attribute, update-attribute, delete-attribute.
"""

from __future__ import annotations

from typing import Any

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.protocol import CREATED, NO_CONTENT, Ask, Reply, invalid, missing, not_found, text_of
from tajo.simulators.brevo.records import Attribute, Json

_TYPES = {
    "normal": ("text", "date", "float", "boolean", "multiple-choice", "user"),
    "transactional": ("text", "date", "float", "boolean", "id"),
    "category": ("category",),
}
_MAX_OPTION = 200  # characters


def get_attributes(account: Account, _ask: Ask) -> Reply:
    """All definitions; there is no call for one of them."""
    return Reply(200, {"attributes": [attribute_json(attribute) for attribute in account.attributes.values()]})


def attribute_json(attribute: Attribute) -> Json:
    """Since 2026-05-01 `value` is 0 for category values that are no numbers; valueStr has the value."""
    shown: Json = {"name": attribute.name, "category": attribute.category}
    if attribute.category in ("calculated", "global"):
        return {**shown, "calculatedValue": attribute.value}
    if attribute.category == "category":
        shown["type"] = "text"
        shown["enumeration"] = [
            {"value": value if isinstance(value, int) else 0, "valueStr": str(value), "label": label}
            for value, label in attribute.enumeration.items()
        ]
        return shown
    shown["type"] = attribute.type
    if attribute.type == "multiple-choice":
        shown["multiCategoryOptions"] = list(attribute.options)
    return shown


def create_attribute(account: Account, ask: Ask) -> Reply:
    category, name = ask.names
    body = ask.fields()
    if account.switches.attribute_names == "upper":
        name = name.upper()
    if name.upper() in {known.upper() for known in account.attributes}:
        raise invalid("Attribute name already exists")
    if category in ("calculated", "global"):
        if not body.get("value"):
            raise missing("value is missing")
        attribute = Attribute(name, category, "", value=text_of(body, "value"))
    else:
        attribute = Attribute(name, category, _type(category, body))
    attribute.enumeration = _enumeration(body) if category == "category" else {}
    attribute.options = _options(body) if attribute.type == "multiple-choice" else []
    account.attributes[name] = attribute
    return CREATED


def _type(category: str, body: Json) -> str:
    if category not in _TYPES:
        raise invalid("Invalid attribute category")
    kind = text_of(body, "type") or ("category" if category == "category" else "")
    if not kind:
        raise missing("type is missing")
    if kind not in _TYPES[category]:
        raise invalid("Invalid attribute type")
    return kind


def _enumeration(body: Json) -> dict[Any, str]:
    items = body.get("enumeration")
    if not isinstance(items, list) or not items:
        raise missing("enumeration is missing")
    found = {}
    for item in items:
        if not isinstance(item, dict) or "value" not in item or not _short(item.get("label")):
            raise invalid("enumeration should hold objects with value and label of at most 200 characters")
        found[item["value"]] = str(item["label"])
    return found


def _options(body: Json) -> list[str]:
    options = body.get("multiCategoryOptions")
    if not isinstance(options, list) or not options:
        raise missing("multiCategoryOptions is missing")
    if not all(_short(option) for option in options):
        raise invalid("multiCategoryOptions should be texts of at most 200 characters")
    return list(dict.fromkeys(options))


def _short(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _MAX_OPTION


def update_attribute(account: Account, ask: Ask) -> Reply:
    """New values of a category, options of a multiple choice, or the formula; the type stays."""
    attribute = _known(account, *ask.names)
    body = ask.fields()
    if attribute.category == "category":
        attribute.enumeration = _enumeration(body)
    elif attribute.type == "multiple-choice":
        attribute.options = list(dict.fromkeys([*attribute.options, *_options(body)]))
    elif attribute.category in ("calculated", "global") and body.get("value"):
        attribute.value = text_of(body, "value")
    else:
        raise invalid("Nothing of this attribute can be updated")
    return NO_CONTENT


def delete_attribute(account: Account, ask: Ask) -> Reply:
    """The definition goes, and its values with it."""
    attribute = _known(account, *ask.names)
    del account.attributes[attribute.name]
    for contact in account.book:
        contact.attributes.pop(attribute.name, None)
    return NO_CONTENT


def delete_option(account: Account, ask: Ask) -> Reply:
    name, option = ask.names
    attribute = _known(account, "normal", name)
    if option not in attribute.options:
        raise not_found("Option not found")
    attribute.options.remove(option)
    for contact in account.book:
        chosen = contact.attributes.get(name)
        if isinstance(chosen, list) and option in chosen:
            contact.attributes[name] = [other for other in chosen if other != option]
    return NO_CONTENT


def _known(account: Account, category: str, name: str) -> Attribute:
    attribute = account.attributes.get(name) or account.attributes.get(name.upper())
    if attribute is None or attribute.category != category:
        raise not_found("Attribute not found")
    return attribute
