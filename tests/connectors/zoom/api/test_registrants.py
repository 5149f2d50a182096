"""Registrants and forms."""

from __future__ import annotations

from datetime import UTC, datetime

from tajo.connectors.zoom.api.registrants import Question, Registrant, RegistrationForm, read_form, read_registrant


def test_standard_fields_and_answers() -> None:
    read = read_registrant(
        {
            "id": "9tboDiHUQAeOnbmudzWa5g",
            "email": "jill@mail.example",
            "first_name": "Jill",
            "org": "Cooking Org",
            "zip": "94045",
            "phone": None,
            "custom_questions": [{"title": "How did you hear?", "value": "Newsletter"}, {"title": "Diet"}],
            "status": "approved",
            "create_time": "2026-08-22T05:59:09Z",
            "join_url": "https://us02web.zoom.us/w/1?tk=abc",
            "participant_pin_code": 380303,
        }
    )
    assert read == Registrant(
        id="9tboDiHUQAeOnbmudzWa5g",
        email="jill@mail.example",
        status="approved",
        registered_at=datetime(2026, 8, 22, 5, 59, 9, tzinfo=UTC),
        join_url="https://us02web.zoom.us/w/1?tk=abc",
        first_name="Jill",
        org="Cooking Org",
        zip="94045",
        answers=(("How did you hear?", "Newsletter"), ("Diet", "")),
    )


def test_several_choices_are_one_answer() -> None:
    read = read_registrant({"custom_questions": [{"title": "Topics", "value": ["A", "B"]}]})
    assert read.answers == (("Topics", "A; B"),)


def test_a_form_has_standard_and_custom_questions() -> None:
    form = read_form(
        {
            "questions": [{"field_name": "last_name", "required": True}, {"field_name": "org"}],
            "custom_questions": [{"title": "T", "type": "multiple", "required": True, "answers": ["A", "B"]}],
        }
    )
    assert form == RegistrationForm(
        standard=(("last_name", True), ("org", False)), custom=(Question("T", "multiple", True, ("A", "B")),)
    )
