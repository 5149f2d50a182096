from __future__ import annotations

import pytest

from tajo.brevo.api import attributes
from tajo.brevo.api.attributes import Attribute, Option
from tajo.core.errors import RejectedError


def test_all_kinds_of_attributes_are_read() -> None:
    """Since May 2026 a category value that is no number has value 0 and its true one in valueStr."""
    call = attributes.every()
    assert (call.path, call.label) == ("/contacts/attributes", "contacts")
    answer = {
        "attributes": [
            {"name": "DOB", "category": "normal", "type": "date"},
            {
                "name": "GENDER",
                "category": "category",
                "type": "text",
                "enumeration": [{"value": 0, "valueStr": "m", "label": "Men"}, {"value": 2, "label": "Women"}],
            },
            {"name": "COUNTRIES", "category": "normal", "type": "multiple-choice", "multiCategoryOptions": ["FR"]},
            {"name": "N", "category": "calculated", "calculatedValue": "COUNT[…]"},
        ]
    }
    assert call.parse(answer) == (
        Attribute("DOB", "normal", "date"),
        Attribute("GENDER", "category", "text", options=(Option("m", "Men"), Option("2", "Women"))),
        Attribute("COUNTRIES", "normal", "multiple-choice", choices=("FR",)),
        Attribute("N", "calculated", ""),
    )


def test_a_normal_attribute_is_created_under_its_name_in_capitals() -> None:
    call = attributes.create("Meeting_Duration", "float")
    assert (call.method, call.path) == ("POST", "/contacts/attributes/normal/MEETING_DURATION")
    assert (call.body, call.repeatable) == ({"type": "float"}, False)
    with pytest.raises(RejectedError):
        attributes.create("A/B", "text")


def test_a_category_attribute_has_its_labels_numbered() -> None:
    call = attributes.create("STATUS", "category", labels=["attended", "no_show"])
    assert call.path == "/contacts/attributes/category/STATUS"
    assert call.body == {
        "type": "category",
        "enumeration": [{"value": 1, "label": "attended"}, {"value": 2, "label": "no_show"}],
    }


def test_labels_belong_to_categories_only() -> None:
    with pytest.raises(ValueError):
        attributes.create("A", "category")
    with pytest.raises(ValueError):
        attributes.create("A", "text", labels=["x"])
    with pytest.raises(ValueError):
        attributes.create("A", "category", labels=["x" * 201])
