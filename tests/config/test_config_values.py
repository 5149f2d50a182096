"""The forms in which values may be written, and the defaults."""

import doctest
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.config import source, values
from tajo.config.load import Config, from_mapping
from tajo.config.values import format_duration, parse_duration, parse_share
from tajo.core.errors import ConfigError

Load = Callable[..., Config]


@pytest.mark.parametrize("module", [values, source])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.integers(0, 3650 * 86400).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_reads_as_it_is_written(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "hours"), [("60m", 1), ("7d", 168), ("72h", 72), ("3600s", 1), ("1d12h", 36), (" 2h ", 2)]
)
def test_durations_have_a_unit(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("value", "share"), [("10%", 0.1), (0.1, 0.1), ("0.1", 0.1), ("12.5 %", 0.125), (1, 1.0), ("100%", 1.0), (0, 0.0)]
)
def test_shares_are_percentages_or_fractions(value: object, share: float) -> None:
    assert parse_share(value) == pytest.approx(share)


@pytest.mark.parametrize("value", ["10", "-1%", "1.1", 1.1, -0.1, float("nan"), True, "ten", None, 10**400])
def test_other_shares_are_refused(value: object) -> None:
    with pytest.raises(ValueError):
        parse_share(value)


@pytest.mark.parametrize("schedule", ["17 * * * *", "*/15 0-6,22 1 jan-mar MON", "0 9-17/2 * * 7", "  5  4 * * sun "])
def test_schedules_are_five_cron_fields(schedule: str) -> None:
    config = from_mapping({"connectors": {"zoom": {"schedule": schedule}}}, env={})
    assert config.connectors.zoom.schedule == " ".join(schedule.split())


@pytest.mark.parametrize(
    "schedule",
    [
        "* * * *", "0 17 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
        "5/10 * * * *", "9-5 * * * *", ", * * * *", "a * * * *", "@daily", "* * * * mo", "١ * * * *",
    ],
)  # fmt: skip
def test_other_schedules_are_refused(schedule: str) -> None:
    with pytest.raises(ConfigError, match="schedule"):
        from_mapping({"connectors": {"zoom": {"schedule": schedule}}}, env={})


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://api.example.com/v2/", "https://api.example.com/v2"),
        ("http://localhost:8001/v2", "http://localhost:8001/v2"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_addresses_are_https_or_of_this_machine(written: str, address: str) -> None:
    assert from_mapping({"brevo": {"api_url": written}}, env={}).brevo.api_url == address


@pytest.mark.parametrize(
    "written",
    [
        "http://localhost.example.com", "http://0.0.0.0", "http://10.0.0.1", "//x", "https://", "https://[",
        "http://127.0.0.1@evil.example", "https://x.example:99999", "https://x .example", "https://x.example?a=b",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="api_url"):
        from_mapping({"brevo": {"api_url": written}}, env={})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///tajo.db", "sqlite:///tajo.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me:p@ss/w@host:5432/db?password=x", "postgresql://***@host:5432/db"),
        ("postgresql+psycopg://me:pw@/db?host=/run", "postgresql+psycopg://***@/db"),
        ("postgresql://me:p?q@host/db", "postgresql://***"),
        ("postgresql://host/db?password=a@b", "postgresql://***"),
    ],
)
def test_a_database_url_shows_without_its_password(url: str, shown: str) -> None:
    config = from_mapping({"database_url": url}, env={})
    assert str(config.database_url) == shown
    assert config.database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url", ["sqlite:///:memory:", "sqlite://", "sqlite:///", "postgresql://", "tajo.db", "postgresql:/x"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        from_mapping({"database_url": url}, env={})


def test_both_spellings_of_a_question_are_read(load_text: Load) -> None:
    config = load_text(
        "field_mapping:\n  name: FIRSTNAME\n  'question: \"Where from?\"': WHERE_FROM\n"
        '  question:\n    "Budget: how much?": BUDGET\n    2024: YEAR\n    unset:\n'
    )
    mapping = config.mapping_for("zoom")
    assert mapping.questions == {"Where from?": "WHERE_FROM", "Budget: how much?": "BUDGET", "2024": "YEAR"}
    assert mapping.fields == {"name": "FIRSTNAME"}
    assert config.model_dump(mode="json")["field_mapping"] == {"name": "FIRSTNAME", "question": mapping.questions}


def test_a_mapping_may_stand_in_the_connector(load_text: Load) -> None:
    config = load_text("connectors: {zoom: {field_mapping: {email: EMAIL, topic: TOPIC}}}")
    assert config.mapping_for("zoom").fields == {"email": "email", "topic": "TOPIC"}


@pytest.mark.parametrize("text", ["", "field_mapping:", "connectors: {zoom: {field_mapping: }}"])
def test_without_a_mapping_the_documented_one_is_used(load_text: Load, text: str) -> None:
    fields = load_text(text).mapping_for("zoom").fields
    assert fields["first_name"] == "FIRSTNAME"
    assert fields["last_name"] == "LASTNAME"
    assert len(fields) == 8


def test_an_empty_mapping_maps_nothing(load_text: Load) -> None:
    assert load_text("field_mapping: {}").mapping_for("zoom").fields == {}


def test_the_fields_to_check_against_can_be_given(load_text: Load) -> None:
    config = load_text("field_mapping: {shoe_size: SHOE_SIZE}", known_fields={"shoe_size"})
    assert config.mapping_for("zoom").fields == {"shoe_size": "SHOE_SIZE"}


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n...\n", "~", "connectors:\n", "connectors:\n  zoom:\n", "\ufeff"]
)
def test_what_is_left_empty_is_at_its_default(load_text: Load, text: str) -> None:
    config = load_text(text)
    assert config.model_dump() == Config().model_dump()


def test_domains_are_folded_and_unset_ones_left_out() -> None:
    config = from_mapping({"connectors": {"zoom": {"exclude": {"domains": ["@Example.COM", "${UNSET}"]}}}}, env={})
    assert config.connectors.zoom.exclude.domains == ("example.com",)


def test_truth_may_be_written_as_in_older_yaml(load_text: Load) -> None:
    config = load_text("connectors: {zoom: {debug: yes, sync: {webinars: off}}}")
    assert config.connectors.zoom.debug is True
    assert config.connectors.zoom.sync.webinars is False
