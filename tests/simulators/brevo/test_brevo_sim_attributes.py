"""Attributes: their definitions, and what becomes of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches

if TYPE_CHECKING:
    from conftest import Api

NO = object()


@pytest.fixture
def typed(simulator: BrevoSimulator) -> BrevoSimulator:
    """An account with one attribute of each kind, and the contact ada@x.eu."""
    for kind in ("text", "date", "float", "boolean", "user"):
        simulator.add_attribute(kind.upper(), kind)
    simulator.add_attribute("GENDER", "category", enumeration={1: "Men", 2: "Women"})
    simulator.add_attribute("TOPICS", "multiple-choice", options=["A", "B"])
    simulator.add_contact("ada@x.eu")
    return simulator


VALUES: list[tuple[str, Any, Any]] = [
    ("TEXT", "x", "x"),
    ("TEXT", 5, NO),
    ("DATE", "1990-02-28", "1990-02-28"),
    ("DATE", "28-02-1990", NO),
    ("DATE", "28/02/1990", NO),
    ("DATE", "1990-02-30", NO),
    ("DATE", "1990-02-28T00:00:00Z", NO),
    ("FLOAT", 12.5, 12.5),
    ("FLOAT", 12, 12),
    ("FLOAT", "12.5", NO),
    ("FLOAT", True, NO),
    ("BOOLEAN", True, True),
    ("BOOLEAN", "Yes", NO),
    ("BOOLEAN", 1, NO),
    ("GENDER", 1, 1),
    ("GENDER", "2", 2),
    ("GENDER", "Men", NO),
    ("GENDER", 3, NO),
    ("TOPICS", ["B", "A"], ["B", "A"]),
    ("TOPICS", "A", NO),
    ("UNKNOWN", "x", NO),
    ("text", "x", NO),
]


@pytest.mark.parametrize(("name", "value", "stored"), VALUES)
def test_unknown_names_and_wrong_types_are_ignored(
    api: Api, typed: BrevoSimulator, name: str, value: Any, stored: Any
) -> None:
    api.put("/contacts/ada%40x.eu", {"attributes": {name: value}})
    assert typed.contacts["ada@x.eu"].attributes.get(name, NO) == stored


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, v, s in VALUES if s is NO and n in ("DATE", "FLOAT")])
def test_strict_accounts_refuse_wrong_types(api: Api, typed: BrevoSimulator, name: str, value: Any) -> None:
    typed.switches = BrevoSwitches(types="strict")
    refusal = api.put("/contacts/ada%40x.eu", {"attributes": {name: value}}, status=400)
    assert refusal["message"] == f"invalid {name.lower()} format"


def test_an_empty_text_clears_and_null_does_so_by_switch(api: Api, typed: BrevoSimulator) -> None:
    contact = typed.contacts["ada@x.eu"]
    contact.attributes.update(TEXT="x", FLOAT=1.0)
    api.put("/contacts/ada%40x.eu", {"attributes": {"TEXT": "", "FLOAT": None}})
    assert contact.attributes == {"FLOAT": 1.0}
    typed.switches = BrevoSwitches(null_value="clears")
    api.put("/contacts/ada%40x.eu", {"attributes": {"FLOAT": None}})
    assert contact.attributes == {}


def test_doubtful_values_have_switches(api: Api, typed: BrevoSimulator) -> None:
    typed.switches = BrevoSwitches(lowercase_attributes="folded", category_labels=True)
    api.put("/contacts/ada%40x.eu", {"attributes": {"text": "x", "GENDER": "Women", "TOPICS": ["A", "Z"]}})
    assert typed.contacts["ada@x.eu"].attributes == {"TEXT": "x", "GENDER": 2, "TOPICS": ["A"]}
    typed.switches = BrevoSwitches(unknown_option="error")
    api.put("/contacts/ada%40x.eu", {"attributes": {"TOPICS": ["A", "Z"]}}, status=400)


def test_a_name_that_hits_a_transactional_attribute_is_refused(api: Api, typed: BrevoSimulator) -> None:
    typed.add_attribute("ORDER_PRICE", "float", category="transactional")
    refusal = api.put("/contacts/ada%40x.eu", {"attributes": {"ORDER_PRICE": 5}}, status=400)
    assert refusal == {
        "code": "invalid_parameter",
        "message": "Transactional attribute as primary Key is missing",
    }


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", {"FIRSTNAME", "LASTNAME"}), ("de", {"VORNAME", "NACHNAME"}), ("fr", {"PRENOM", "NOM"})],
)
def test_a_fresh_account_names_attributes_in_its_language(language: str, names: set[str]) -> None:
    simulator = BrevoSimulator(switches=BrevoSwitches(language=language))
    assert set(simulator.attributes) == names | {"SMS"}


def test_definitions_show_their_kind(api: Api, typed: BrevoSimulator) -> None:
    shown = {item["name"]: item for item in api.get("/contacts/attributes")["attributes"]}
    assert shown["DATE"] == {"name": "DATE", "category": "normal", "type": "date"}
    assert shown["GENDER"]["enumeration"][0] == {"value": 1, "valueStr": "1", "label": "Men"}
    assert shown["TOPICS"]["multiCategoryOptions"] == ["A", "B"]


def test_a_category_value_that_is_no_number_shows_as_zero(api: Api) -> None:
    body = {"type": "category", "enumeration": [{"value": "m", "label": "Men"}]}
    api.post("/contacts/attributes/category/GENDER", body)
    (shown,) = [item for item in api.get("/contacts/attributes")["attributes"] if item["name"] == "GENDER"]
    assert shown["enumeration"] == [{"value": 0, "valueStr": "m", "label": "Men"}]


def test_attributes_are_created_once_in_capitals(api: Api, simulator: BrevoSimulator) -> None:
    reply = api("POST", "/contacts/attributes/normal/minutes", {"type": "float"})
    assert (reply.status_code, reply.content) == (201, b"")
    assert simulator.attributes["MINUTES"].type == "float"
    api.post("/contacts/attributes/normal/MINUTES", {"type": "float"}, status=400)
    simulator.switches = BrevoSwitches(attribute_names="kept")
    api.post("/contacts/attributes/normal/minutes2", {"type": "float"})
    assert "minutes2" in simulator.attributes


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("normal/X", {}),
        ("normal/X", {"type": "number"}),
        ("normal/X", {"type": "multiple-choice"}),
        ("normal/X", {"type": "multiple-choice", "multiCategoryOptions": ["x" * 201]}),
        ("category/X", {"type": "category"}),
        ("calculated/X", {}),
        ("strange/X", {"type": "text"}),
    ],
)
def test_incomplete_definitions_are_refused(api: Api, path: str, body: dict[str, Any]) -> None:
    api.post(f"/contacts/attributes/{path}", body, status=400)


def test_all_categories_can_be_created(api: Api) -> None:
    api.post("/contacts/attributes/calculated/N", {"value": "COUNT[X]", "isRecurring": True})
    api.post("/contacts/attributes/global/G", {"value": "SUM[X]"})
    api.post("/contacts/attributes/transactional/ORDER_ID", {"type": "id"})
    shown = {item["name"]: item for item in api.get("/contacts/attributes")["attributes"]}
    assert shown["N"] == {"name": "N", "category": "calculated", "calculatedValue": "COUNT[X]"}
    assert (shown["G"]["category"], shown["ORDER_ID"]["type"]) == ("global", "id")


def test_options_come_and_go_and_a_deleted_attribute_takes_its_values_along(api: Api, typed: BrevoSimulator) -> None:
    contact = typed.contacts["ada@x.eu"]
    api.put("/contacts/attributes/normal/TOPICS", {"multiCategoryOptions": ["C"]})
    api.put("/contacts/ada%40x.eu", {"attributes": {"TOPICS": ["A", "C"]}})
    api.delete("/contacts/attributes/multiple-choice/TOPICS/A")
    assert contact.attributes["TOPICS"] == ["C"]
    api.delete("/contacts/attributes/multiple-choice/TOPICS/A", status=404)
    api.put("/contacts/attributes/category/GENDER", {"enumeration": [{"value": 3, "label": "Other"}]})
    assert typed.attributes["GENDER"].enumeration == {3: "Other"}
    api.delete("/contacts/attributes/normal/TOPICS")
    assert "TOPICS" not in contact.attributes
    api.delete("/contacts/attributes/normal/TOPICS", status=404)
