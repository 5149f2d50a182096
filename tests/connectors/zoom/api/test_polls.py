"""Polls and Q&A as calls."""

from __future__ import annotations

from tajo.connectors.zoom.api import polls
from tajo.connectors.zoom.api.polls import Detail, Entry

POLLED = {
    "id": 95204914252,
    "uuid": "Bznyg8KZTdCVbQxvS/oZ7w==",
    "questions": [
        {
            "email": "Jill@X.example ",
            "name": "Jill",
            "question_details": [
                {"polling_id": "QalIoKWLTJehBJ8e1xRrbQ", "question": "How are you?", "answer": "Good;Very good"}
            ],
        },
        {"email": "", "name": "Anonymous Attendee"},
    ],
}


def test_one_entry_a_respondent() -> None:
    jill, anonymous = polls.of_meeting("u==").parse(POLLED)
    assert jill == Entry(
        "Jill", "Jill@X.example", (Detail("QalIoKWLTJehBJ8e1xRrbQ", "How are you?", "Good;Very good"),)
    )
    assert anonymous == Entry("Anonymous Attendee", "", ())


def test_instances_are_named_by_uuid_encoded_twice_where_needed() -> None:
    assert polls.of_webinar("/ab//c==").path == "/past_webinars/%252Fab%252F%252Fc%253D%253D/polls"
    assert polls.questions_of_webinar("ab==").path == "/past_webinars/ab%3D%3D/qa"
    assert polls.questions_of_meeting("ab==").label == "medium"
