"""What is wrong is said by line, key and nearest right name."""

from collections.abc import Callable

import pytest

Refusal = Callable[[str], list[str]]
ZOOM = "connectors:\n  zoom:\n    "
DURATION = "must be a duration: a number and s, m, h or d, such as 60m or 7d"
SHARE = "must be a share: a percentage such as 10%, or a number from 0 to 1"
CRON = 'must be five cron fields (minute hour day month weekday), such as "17 * * * *"'
REFERENCE = "has a ${ that begins no variable — write ${NAME} or ${NAME:-default}, and $${ for a literal ${"
ASCII = "must be plain ASCII letters, digits and signs: it goes into a request header"
CAPITALS = "must be in capital letters, digits and underscores: write"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("conectors: {}", "1: conectors", "did you mean connectors? — write connectors, or remove the line"),
        (
            ZOOM + "acount_id: x",
            "3: connectors.zoom.acount_id",
            "did you mean account_id? — write account_id, or remove the line",
        ),
        (
            ZOOM + "lists:\n      webinar_attendee: 3",
            "4: connectors.zoom.lists.webinar_attendee",
            "did you mean webinar_attendees? — write webinar_attendees, or remove the line",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one(refusal: Refusal, text: str, place: str, words: str) -> None:
    assert refusal(text) == [f"tajo.yml:{place} is no setting, {words}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "\nzoom: {}",
            "2: zoom is no setting here, did you mean connectors.zoom? — indent it under the key it belongs to",
        ),
        (
            "gibberish:",
            "1: gibberish is no setting — remove the line, or see the reference of settings for what there is",
        ),
    ],
)
def test_a_key_without_a_near_one_is_told_its_place_if_it_has_one(refusal: Refusal, text: str, line: str) -> None:
    assert refusal(text) == [f"tajo.yml:{line}"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("server:\n  port: [1]", "2: server.port", "must be a whole number, not a list"),
        ("server:\n  port: 80.5", "2: server.port", "must be a whole number, not a decimal number"),
        ("server: {port: .inf}", "1: server.port", "must be a whole number, not a decimal number"),
        ("server: {port: true}", "1: server.port", "must be a whole number, not true or false"),
        ("server: {port: eighty}", "1: server.port", "must be a whole number, not text"),
        ("server: {port: 70000}", "1: server.port", "must be at most 65535"),
        ("server: {host: 1}", "1: server.host", "must be text, not a whole number — put it in quotes"),
        ("server: 8000", "1: server", "must be a group of settings, not a whole number"),
        ("events:\n  - a", "1: events", "must be a group of settings, not a list"),
        ("events: {operator: nobody}", "1: events.operator", "must be an e-mail address"),
        ("brevo: {tier: gold}", "1: brevo.tier", "must be general, advanced or extended"),
        ("brevo: {api_key: 7}", "1: brevo.api_key", "must be text, not a whole number — put it in quotes"),
        (
            "brevo: {api_url: 'http://api.example.com'}",
            "1: brevo.api_url",
            "must start with https:// (http:// is for localhost only)",
        ),
        ("brevo: {api_url: ftp://x}", "1: brevo.api_url", "must be a web address such as https://api.example.com"),
        ("brevo: {api_url: 'https://a:b@x.example'}", "1: brevo.api_url", "must have no user, query or fragment"),
        ("database_url: mysql://x", "1: database_url", "must start with sqlite:/// or postgresql://"),
        ("database_url: 'sqlite://'", "1: database_url", "must name a file: sqlite:///tajo.db"),
    ],
)
def test_a_wrong_value_is_described_in_words(refusal: Refusal, text: str, place: str, words: str) -> None:
    assert refusal(text) == [f"tajo.yml:{place} {words}"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("enabled: maybe", "enabled", "must be true or false, not text"),
        ("plan: prop", "plan", "must be free, pro or business"),
        ("restart_gap: 60", "restart_gap", DURATION),
        ("restart_gap: one hour", "restart_gap", DURATION),
        ("sweep_window: 0d", "sweep_window", "must be more than 0"),
        ("sweep_window: 999999d", "sweep_window", "must be from 0s to 3650d"),
        ("settle: {after: 3h}", "settle", "must have a deadline that is not before after"),
        ("rate_share: 0", "rate_share", "must be more than 0"),
        ("rate_share: 95", "rate_share", SHARE),
        ("unknown_above: 101%", "unknown_above", SHARE),
        ("schedule: hourly", "schedule", CRON),
        ("schedule: 61 * * * *", "schedule", "has a cron minute that is not within 0 to 59"),
        ("lists: {webinar_attendees: 0}", "lists.webinar_attendees", "must be a list's number, 1 or more"),
        (
            "lists: {webinar_attendees: true}",
            "lists.webinar_attendees",
            "must be a list's number, or its name as text",
        ),
        ("exclude: {domains: example.com}", "exclude.domains", "must be a list, not text"),
        ("exclude: {domains: [a.kr, nodot]}", "exclude.domains[1]", "must be a domain such as example.com"),
        ("exclude: {domains: [~]}", "exclude.domains[0]", "must be text, not nothing"),
        ('client_secret: "a\\nb"', "client_secret", "must be one line without control characters"),
        ("client_secret: 비밀", "client_secret", ASCII),
        ("client_id: ${A", "client_id", REFERENCE),
        ("client_id: '${A:-${B}}'", "client_id", REFERENCE),
        ("client_id: ${a-b}", "client_id", REFERENCE),
        ('client_id: "\\ud800"', "client_id", "has bytes that are not text"),
    ],
)
def test_a_wrong_value_of_a_connector_too(refusal: Refusal, text: str, key: str, words: str) -> None:
    assert refusal(ZOOM + text) == [f"tajo.yml:3: connectors.zoom.{key} {words}"]


def test_the_line_is_that_of_the_item_in_a_list(refusal: Refusal) -> None:
    assert refusal(ZOOM + "exclude:\n      domains:\n        - ok.example\n        - nodot") == [
        "tajo.yml:6: connectors.zoom.exclude.domains[1] must be a domain such as example.com"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("server:\n  port: 1\n  port: 2", "3: server.port is written twice, first in line 2 — keep one of the two"),
        ("brevo: {}\nbrevo: {}", "2: brevo is written twice, first in line 1 — keep one of the two"),
        (
            ZOOM + "debug: true\n" + ZOOM + "debug: false",
            "6: connectors.zoom.debug is written twice, first in line 3 — keep one of the two",
        ),
        (
            ZOOM + "lists: {}\n" + ZOOM + "lists: {}",
            "6: connectors.zoom.lists is written twice, first in line 3 — keep one of the two",
        ),
    ],
)
def test_a_key_written_twice_is_refused(refusal: Refusal, text: str, line: str) -> None:
    """Only a connector's group may come in pieces, as documentation shows it, and never one key of it."""
    assert refusal(text) == [f"tajo.yml:{line}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", "1: is not valid YAML at column 5: mapping values are not allowed here"),
        (
            "server:\n\tport: 1",
            "2: is not valid YAML at column 1: found character '\\t' that cannot start any token"
            " — indent with spaces, YAML allows no tabs there",
        ),
        ("server: {\nport: 1", "2: is not valid YAML at column 8: expected ',' or '}', but got '<stream end>'"),
        ("server: *nowhere", "1: is not valid YAML at column 9: found undefined alias"),
        ("a: 1\n---\nb: 2", "2: is not valid YAML at column 1: a second document begins here"),
        ("[" * 100, "1: is not valid YAML at column 33: nested too deeply"),
        (
            'field_mapping:\n  question: "Why?": WHY',
            "2: is not valid YAML at column 19: mapping values are not allowed here"
            ' — write question: on a line of its own and under it "<title>": ATTRIBUTE',
        ),
        ("- server", "1: must hold settings (lines such as key: value), not a list"),
        ("just words", "1: must hold settings (lines such as key: value), not a single value"),
        ("server: 1\nhost: \x07", "2: has a control character here — remove it"),
        ("events: !!set {a}", "1: events has a tag, which settings cannot have"),
        ("server: {? [a] : 1}", "1: server has a key that is not text"),
    ],
)
def test_what_is_no_configuration_is_refused_with_line_and_column(refusal: Refusal, text: str, line: str) -> None:
    assert refusal(text)[0] == f"tajo.yml:{line}"


def test_aliases_that_multiply_are_refused_at_once(refusal: Refusal) -> None:
    """Nine levels of ten would be a thousand million nodes."""
    levels = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert refusal("\n".join(levels)) == ["tajo.yml:1: has too many entries, or aliases that multiply without end"]
    assert refusal("a: &a [*a]") == ["tajo.yml:1: has too many entries, or aliases that multiply without end"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("name: Firstname", "3: field_mapping.name", f"{CAPITALS} FIRSTNAME"),
        ("topic: session-topic", "3: field_mapping.topic", f"{CAPITALS} SESSION_TOPIC"),
        ("topic: [A]", "3: field_mapping.topic", "must be the name of a Brevo attribute, such as FIRSTNAME"),
        ("first-name: A", "3: field_mapping.first-name", "is no field, did you mean first_name?"),
        ("zzz: A", "3: field_mapping.zzz", "is no field"),
        (
            "email: ADDRESS",
            "3: field_mapping.email",
            "must be email: the address is the contact itself, not an attribute of it",
        ),
        ("topic: EMAIL", "3: field_mapping.topic", "must not fill EMAIL: it is who the contact is"),
        ("topic: EXT_ID", "3: field_mapping.topic", "must not fill EXT_ID: it is your own key for the contact"),
        ("name: A\n  topic: A", "4: field_mapping.topic", "fills A, which 'name' fills already"),
        (
            "question: A",
            "3: field_mapping.question",
            'must hold the titles of questions: question: {"<title>": ATTRIBUTE}',
        ),
        ("question:\n    Why?: why", '4: field_mapping.question."Why?"', f"{CAPITALS} WHY"),
        ("question: {' ': A}", '3: field_mapping.question." "', "must name a question by its title"),
        (
            "'question: \"Why?\"': A\n  question:\n    'WHY? ': B",
            '5: field_mapping.question."WHY? "',
            "is the same question a second time",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_by_line(refusal: Refusal, text: str, place: str, words: str) -> None:
    assert refusal(f"\nfield_mapping:\n  {text}") == [f"tajo.yml:{place} {words}"]


def test_two_mappings_are_one_error(refusal: Refusal) -> None:
    assert refusal(ZOOM + "field_mapping: {name: A}\nfield_mapping: {name: B}") == [
        "tajo.yml:3: connectors.zoom.field_mapping stands beside the field_mapping at the top (line 4)"
        " — keep one of the two"
    ]


def test_all_problems_are_reported_in_the_order_of_the_file(refusal: Refusal) -> None:
    text = "server: {port: x}\nconnectors: {zoom: {plan: x, foo: 1}}\nserver: {}\nbrevo: {api_key: '${'}\nevents: 1"
    assert [line.split(": ")[0] for line in refusal(text)] == [
        "tajo.yml:1", "tajo.yml:2", "tajo.yml:2", "tajo.yml:3", "tajo.yml:4", "tajo.yml:5",
    ]  # fmt: skip


def test_a_flood_of_problems_is_cut_short(refusal: Refusal) -> None:
    lines = refusal("\n".join(f"{name}x: 1" for name in range(80)))
    assert len(lines) == 51
    assert lines[-1] == "tajo.yml: has 30 more problems"


def test_settings_that_lost_their_indentation_are_told_where_they_belong(refusal: Refusal) -> None:
    """As when an example is copied out of a page that shows it without spaces."""
    lines = refusal("connectors:\nzoom:\nclient_id: x\nlists:\nwebinar_attendees: 16")
    assert [line.partition("did you mean ")[2].partition("?")[0] for line in lines] == [
        "connectors.zoom",
        "connectors.zoom.client_id",
        "connectors.zoom.lists",
        "connectors.zoom.lists.webinar_attendees",
    ]  # fmt: skip
