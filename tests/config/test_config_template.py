"""The files that `tajo init` writes, and the reference: both say what the model says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from tajo.config.load import Config, load
from tajo.config.model import USUAL_VARIABLES
from tajo.config.problems import group
from tajo.config.reference import rows
from tajo.config.template import ENV_EXAMPLE, TAJO_YML, write_templates
from tajo.core.errors import ConfigError

# What the template sets although the model has no default for it.
SET_IN_TEMPLATE = {"meeting_participants", "webinar_attendees", "webinar_registrants"}


def uncommented(text: str) -> str:
    """The template with every commented setting ("#key:", not "# prose") in force."""
    return re.sub(r"^( *)#((?:  )*)(?=[a-z_]+:)", r"\1\2", text, flags=re.MULTILINE)


@pytest.mark.parametrize("change", [str, uncommented])
def test_the_template_is_the_defaults(tmp_path: Path, change: Callable[[str], str]) -> None:
    """As it is written, and with every comment that is a setting removed."""
    file = tmp_path / "tajo.yml"
    file.write_text(change(TAJO_YML), encoding="utf-8")
    config = load(file, env={})
    ours, defaults = config.model_dump(mode="json"), Config().model_dump(mode="json")
    lists = ours["connectors"]["zoom"]["lists"]
    assert {name for name, value in lists.items() if value} == SET_IN_TEMPLATE
    ours["connectors"]["zoom"]["lists"] = defaults["connectors"]["zoom"]["lists"]
    assert ours.pop("field_mapping") == dict(Config().mapping_for("zoom").fields)
    del defaults["field_mapping"]
    assert ours == defaults
    assert config.warnings == ()


def test_the_blocks_that_are_examples_load_with_every_number_sign_taken_away(tmp_path: Path) -> None:
    """What an operator does to begin with consent and follow-ups: remove the # of each line, and nothing else."""
    for name in ("consent", "follow_ups"):
        start = TAJO_YML.index(f"#{name}:\n")
        block = TAJO_YML[start : TAJO_YML.index("\n\n", start)]
        (tmp_path / "tajo.yml").write_text(re.sub("^#", "", block, flags=re.MULTILINE), encoding="utf-8")
        assert load(tmp_path / "tajo.yml", env={}).is_written(name)


def test_the_template_has_every_setting(tmp_path: Path) -> None:
    file = tmp_path / "tajo.yml"
    file.write_text(uncommented(TAJO_YML), encoding="utf-8")
    config = load(file, env={})
    # A rule is shown in a comment: there is none by default.
    unwritten = {row.key for row in rows() if not config.is_written(row.key) and "[]" not in row.key}
    assert unwritten == {
        "connectors.zoom.field_mapping",  # the other place for the one at the top
        "connectors.zoom.webhook.verification_token",  # legacy
        "connectors.zoom.lists.webinar_no_shows",  # named in a comment: a line would have no value
        "connectors.zoom.lists.meeting_registrants",
        "consent.question",  # shown as an example: to have the block at all changes what happens
        "consent.yes",
        "consent.on_missing",
        "consent.double_opt_in.template",
        "consent.double_opt_in.redirect_url",
    }


def test_the_example_of_an_environment_has_every_variable() -> None:
    named = set(re.findall(r"\$\{([A-Z]+_[A-Z_]+)\}", "\n".join(re.findall(r"^[^#\n]+", TAJO_YML, re.MULTILINE))))
    assert named == set(re.findall(r"^([A-Z_]+)=$", ENV_EXAMPLE, re.MULTILINE))
    assert named | {"ZOOM_VERIFICATION_TOKEN", "TAJO_API_KEY"} == set(USUAL_VARIABLES.values())


def test_both_files_are_written_and_load(tmp_path: Path) -> None:
    assert write_templates(tmp_path / "tajo.yml") == [tmp_path / "tajo.yml", tmp_path / ".env.example"]
    (tmp_path / ".env").write_text((tmp_path / ".env.example").read_text().replace("=\n", "=x\n"))
    config = load(tmp_path / "tajo.yml", env={})
    assert config.missing == ()


@pytest.mark.parametrize("kept", ["tajo.yml", ".env.example"])
def test_a_file_that_is_there_is_kept_and_the_other_written(tmp_path: Path, kept: str) -> None:
    (tmp_path / kept).write_text("mine")
    assert [path.name for path in write_templates(tmp_path / "tajo.yml")] == [
        n for n in ("tajo.yml", ".env.example") if n != kept
    ]
    assert (tmp_path / kept).read_text() == "mine"


def test_when_both_are_there_that_is_an_error(tmp_path: Path) -> None:
    write_templates(tmp_path / "tajo.yml")
    with pytest.raises(ConfigError, match=r"tajo\.yml and .*\.env\.example exist already"):
        write_templates(tmp_path / "tajo.yml")


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "tajo.yml").symlink_to(tmp_path / "elsewhere.yml")
    write_templates(tmp_path / "tajo.yml")
    assert not (tmp_path / "elsewhere.yml").exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_templates(tmp_path / "nowhere" / "tajo.yml")


def test_every_setting_has_a_type_and_a_meaning() -> None:
    for row in rows():
        assert row.type, row.key
        assert row.meaning.endswith((".", "…")), row.key
    assert len({row.key for row in rows()}) == len(rows()) > 40


def test_every_group_has_a_meaning_too() -> None:
    def described(model: type[BaseModel]) -> None:
        for name, info in model.model_fields.items():
            assert info.description, name
            if part := group(info.annotation):
                described(part)

    described(Config)


def test_the_reference_shows_defaults_as_one_writes_them() -> None:
    table = {row.key: (row.type, row.default) for row in rows()}
    assert table["connectors.zoom.settle.every"] == ("duration", "5m")
    assert table["connectors.zoom.exclude.domains"] == ("list of domains", "")
    assert table["connectors.zoom.plan"] == ("free | pro | business", "pro")
    assert table["server.port"] == ("whole number", "8000")
    assert table["brevo.api_key"] == ("secret", "")
    assert table["connectors.zoom.lists.webinar_attendees"] == ("list id or name", "")
    assert table["consent.yes"] == ("list of text", "[Yes, 예]")
    assert table["connectors.zoom.enabled"] == ("true or false", "true")
