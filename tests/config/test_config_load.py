"""From files, environments and mappings to a Config."""

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tajo.config.load import Config, from_mapping, load
from tajo.core.errors import ConfigError

BASIC = """\
connectors:
  zoom:
    enabled: true
    account_id: "${ZOOM_ACCOUNT_ID}"
    client_id: "${ZOOM_CLIENT_ID}"
    client_secret: "${ZOOM_CLIENT_SECRET}"
    sync:
      participants: true
      webinars: true
      recordings: true
    webhook:
      secret_token: "${ZOOM_WEBHOOK_SECRET}"
      verification_token: "${ZOOM_VERIFICATION_TOKEN}"
    lists:
      meeting_participants: 15
      webinar_attendees: 16
      webinar_registrants: 17
"""
MAPPING = """\
field_mapping:
  email: email
  name: FIRSTNAME
  join_time: MEETING_JOIN_DATE
  duration: MEETING_DURATION
  webinar_title: WEBINAR_NAME
  attendance_status: ATTENDANCE_STATUS
  registration_source: UTM_SOURCE
"""
DEBUG = """\
connectors:
  zoom:
    debug: true
    log_level: verbose
    log_webhooks: true
"""
ENV = {
    "ZOOM_ACCOUNT_ID": "acct",
    "ZOOM_CLIENT_ID": "client",
    "ZOOM_CLIENT_SECRET": "hush-client",
    "ZOOM_WEBHOOK_SECRET": "hush-webhook",
    "ZOOM_VERIFICATION_TOKEN": "hush-legacy",
    "BREVO_API_KEY": "hush-brevo",
}
Load = Callable[..., Config]


@pytest.mark.parametrize(
    "text", [BASIC, MAPPING, DEBUG, BASIC + MAPPING + DEBUG, DEBUG + "\n" + MAPPING + "\n" + BASIC]
)
@pytest.mark.parametrize("env", [{}, ENV])
def test_the_documented_blocks_load_as_they_stand(load_text: Load, text: str, env: dict[str, str]) -> None:
    """Alone and pasted below each other, with the variables and without them."""
    config = load_text(text, env)
    assert config.connectors.zoom.enabled
    if text.startswith(BASIC):
        assert config.connectors.zoom.lists.webinar_attendees == 16
        assert config.is_written("connectors.zoom.webhook.secret_token")
    if MAPPING in text:
        assert config.mapping_for("zoom").fields["name"] == "FIRSTNAME"
    if DEBUG in text:
        assert config.connectors.zoom.effective_log_level == "verbose"
        assert config.connectors.zoom.log_webhooks


def test_variables_come_from_the_environment(load_text: Load) -> None:
    config = load_text(BASIC, ENV)
    assert config.connectors.zoom.account_id == "acct"
    assert config.require("connectors.zoom.client_secret") == "hush-client"
    assert config.require("brevo.api_key") == "hush-brevo"


@pytest.mark.parametrize("env", [{}, {"ZOOM_CLIENT_SECRET": ""}, {"ZOOM_CLIENT_SECRET": "  "}])
def test_an_unset_variable_is_an_error_only_where_it_is_needed(load_text: Load, env: dict[str, str]) -> None:
    config = load_text(BASIC, env)
    assert config.connectors.zoom.client_secret is None
    with pytest.raises(ConfigError) as caught:
        config.require("connectors.zoom.client_secret")
    if not env.get("ZOOM_CLIENT_SECRET"):
        assert caught.value.line() == (
            "tajo.yml:6: connectors.zoom.client_secret needs ZOOM_CLIENT_SECRET, which is not set"
            " — export it or put it in .env"
        )


def test_a_setting_that_is_not_written_names_the_line_to_write(load_text: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(DEBUG).require("connectors.zoom.account_id")
    assert caught.value.line() == (
        "tajo.yml:2: connectors.zoom.account_id is not set"
        ' — write account_id: "${ZOOM_ACCOUNT_ID}" under connectors.zoom'
    )


def test_what_is_missing_is_listed_with_its_line(load_text: Load) -> None:
    missing = {entry.key: (entry.name, entry.line) for entry in load_text(BASIC).missing}
    assert missing["connectors.zoom.account_id"] == ("ZOOM_ACCOUNT_ID", 4)
    assert missing["connectors.zoom.webhook.secret_token"] == ("ZOOM_WEBHOOK_SECRET", 12)
    assert missing["brevo.api_key"] == ("BREVO_API_KEY", 0)


def test_a_key_of_our_own_spelling_is_no_setting(load_text: Load) -> None:
    with pytest.raises(KeyError):
        load_text("").require("brevo.apikey")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("${A}-${B:-two}", "one-two"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${UNSET:-}x", "x"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("cost: $5", "cost: $5"),
        ("${UNSET}x", None),
        ("${UNSET:-}", None),
    ],
)
def test_references_are_replaced(load_text: Load, written: str, value: str | None) -> None:
    config = load_text(f"connectors: {{zoom: {{client_id: '{written}'}}}}", {"A": "one", "EMPTY": ""})
    assert config.connectors.zoom.client_id == value


def test_a_reference_can_stand_for_a_number_or_a_truth(load_text: Load) -> None:
    text = "server: {port: '${PORT}'}\nconnectors: {zoom: {enabled: '${ON}', lists: {webinar_attendees: '${LIST}'}}}"
    config = load_text(text, {"PORT": "8123", "ON": "false", "LIST": "16"})
    assert config.server.port == 8123
    assert config.connectors.zoom.enabled is False
    assert config.connectors.zoom.lists.webinar_attendees == 16


def test_a_quoted_number_in_the_file_is_a_lists_name(load_text: Load) -> None:
    config = load_text("connectors: {zoom: {lists: {webinar_attendees: '16', webinar_registrants: 17}}}")
    assert config.connectors.zoom.lists.webinar_attendees == "16"
    assert config.connectors.zoom.lists.webinar_registrants == 17


def test_the_dotenv_file_beside_it_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "my.yml").write_text(BASIC)
    (tmp_path / ".env").write_text(
        "# keys\nexport ZOOM_CLIENT_ID=from-file\nZOOM_ACCOUNT_ID='a b'\nZOOM_CLIENT_SECRET=x${Y}\nBREVO_API_KEY=k\n"
    )
    config = load(tmp_path / "my.yml", env={"ZOOM_CLIENT_ID": "from-env", "ZOOM_ACCOUNT_ID": ""})
    assert config.connectors.zoom.client_id == "from-env"
    assert config.connectors.zoom.account_id == "a b"
    assert config.require("connectors.zoom.client_secret") == "x${Y}"
    assert config.require("brevo.api_key") == "k"


def test_a_dotenv_file_that_cannot_be_read_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "tajo.yml").write_text("")
    (tmp_path / ".env").write_text("GOOD=1\nBAD='never closed\n")
    with pytest.raises(ConfigError, match=r"\.env:2: is no NAME=value"):
        load(tmp_path / "tajo.yml", env={})
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env:2: is not UTF-8"):
        load(tmp_path / "tajo.yml", env={})


def test_a_folder_named_dotenv_is_left_alone(tmp_path: Path) -> None:
    """Some keep a virtual environment under that name."""
    (tmp_path / "tajo.yml").write_text("")
    (tmp_path / ".env").mkdir()
    assert load(tmp_path / "tajo.yml", env={}).file.endswith("tajo.yml")


def test_the_argument_wins_over_the_variable_and_that_over_the_usual_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tajo.yml", "variable.yml", "argument.yml"):
        (tmp_path / name).write_text("")
    assert load(Path("argument.yml"), env={"TAJO_CONFIG": "variable.yml"}).file == "argument.yml"
    assert load(env={"TAJO_CONFIG": "variable.yml"}).file == "variable.yml"
    assert load(env={"TAJO_CONFIG": ""}).file == "tajo.yml"


def test_no_file_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(env={})
    assert caught.value.line() == (
        "tajo.yml: there is no such file — run tajo init to make one, or name one with --config"
    )


def test_commands_that_need_no_file_get_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("BREVO_API_KEY=k")
    config = load(env={}, optional=True)
    assert config.connectors.zoom.plan == "pro"
    assert not config.is_written("connectors.zoom")
    assert config.require("brevo.api_key") == "k"


@pytest.mark.parametrize("env", [{"TAJO_CONFIG": "nowhere.yml"}, {"TAJO_CONFIG": "no/where\0.yml"}])
def test_a_file_that_was_named_must_be_there(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        load(env=env, optional=True)


def test_a_directory_and_an_endless_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path, env={})
    with pytest.raises(ConfigError, match="is larger than"):
        load(Path("/dev/zero"), env={})


def test_the_brevo_key_defaults_to_the_environment(load_text: Load) -> None:
    assert load_text("brevo: {tier: advanced}", ENV).require("brevo.api_key") == "hush-brevo"
    assert load_text("brevo: {api_key: mine}", ENV).require("brevo.api_key") == "mine"


def test_another_variables_account_is_not_swapped_for_the_default_one(load_text: Load) -> None:
    with pytest.raises(ConfigError, match=r"brevo\.api_key needs OTHER_KEY"):
        load_text("brevo: {api_key: '${OTHER_KEY}'}", ENV).require("brevo.api_key")


def test_overrides_win_over_the_file_and_none_is_no_override(load_text: Load) -> None:
    config = load_text(BASIC, ENV, overrides={"connectors.zoom.client_id": "given", "connectors.zoom.account_id": None})
    assert config.connectors.zoom.client_id == "given"
    assert config.connectors.zoom.account_id == "acct"
    assert load_text("brevo:", {}, overrides={"brevo.api_key": "given"}).require("brevo.api_key") == "given"


def test_a_mapping_is_checked_like_a_file() -> None:
    config = from_mapping(
        {
            "connectors": {"zoom": {"client_secret": SecretStr("s"), "restart_gap": timedelta(minutes=5)}},
            "brevo": {"api_key": "${BREVO_API_KEY}"},
        },
        env={"BREVO_API_KEY": "k"},
    )
    assert config.connectors.zoom.restart_gap == timedelta(minutes=5)
    assert config.require("connectors.zoom.client_secret") == "s"
    assert config.require("brevo.api_key") == "k"
    with pytest.raises(ConfigError) as caught:
        from_mapping({"brevo": {"tiers": "general"}}, env={})
    assert caught.value.line() == (
        "config: brevo.tiers is no setting, did you mean tier? — write tier, or remove the line"
    )


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["connectors"] = [loop, loop]
    with pytest.raises(ConfigError, match="nested too deeply"):
        from_mapping(loop, env={})


def test_the_legacy_token_is_warned_about_and_never_needed(load_text: Load) -> None:
    assert load_text(BASIC).warnings == (
        "tajo.yml:13: connectors.zoom.webhook.verification_token is legacy and not used:"
        " Zoom signs with the secret token — remove the line",
    )
    assert load_text(MAPPING).warnings == ()


def test_secrets_are_in_no_printed_form(load_text: Load) -> None:
    text = BASIC + "database_url: postgresql://user:hush-db@host/tajo?sslpassword=hush-too\n"
    config = load_text(text, ENV)
    printed = [repr(config), str(config), f"{config}", config.model_dump_json(), repr(config.model_dump())]
    printed.append(json.dumps(config.model_dump(mode="json")))
    for form in printed:
        assert "hush" not in form
        assert "***" in form
    assert config.require("database_url").startswith("postgresql://user:hush-db@")
    assert config.model_dump(mode="json")["database_url"] == "postgresql://***@host/tajo"


def test_secrets_are_in_no_error(load_text: Load) -> None:
    """Neither in its text nor in what a traceback would show."""
    text = BASIC.replace("enabled: true", "enabled: [hush]") + "brevo: {api_key: [hush], api_url: 'http://hush:hush@x'}"
    with pytest.raises(ConfigError) as caught:
        load_text(text, ENV)
    assert "hush" not in str(caught.value) + caught.value.line()
    assert caught.value.__context__ is None
    with pytest.raises(ConfigError) as caught:
        load_text("brevo: {api_key: *hush}")
    assert "hush" not in caught.value.line()


def test_a_configuration_cannot_be_changed_and_survives_pickling(load_text: Load) -> None:
    config = load_text(BASIC, ENV)
    with pytest.raises(ValueError, match="frozen"):
        config.server.port = 1
    again = pickle.loads(pickle.dumps(config))
    assert again == config
    assert again.origin("connectors.zoom.lists.webinar_attendees") == "tajo.yml:16"


def test_the_connectors_part_can_be_imported_first() -> None:
    """No import in a circle, whichever module comes first."""
    for module in ("tajo.connectors.zoom.config", "tajo.brevo.config", "tajo.config.load", "tajo.config.template"):
        subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], check=True)


SOME_KEYS = """connectors zoom enabled lists webinar_attendees sync webhook secret_token exclude domains settle after
    schedule restart_gap unknown_above rate_share plan field_mapping question email name brevo api_key api_url events
    max_age operator database_url server port host retention raw_payloads << '' 1 true null 'question:"Q"' """
SOME_SCALARS = r"""'' null true yes 1 -1 0.1 1e999 .nan 10% 60m 999999999d 0s ${A} ${A:-b} ${A:- ${ $${ ${{} !!int !foo
    * &a *a 2001-01-01 0o7 0x 1_0 +_ _ | > - ? [ { email FIRSTNAME EXT_ID https://[ http://localhost:99999
    sqlite:/// "\ud800" "\x00" "\UFFFFFFFF" !!binary !!python/object:os.system"""
KEYS = st.sampled_from(SOME_KEYS.split())
SCALARS = st.one_of(st.sampled_from(SOME_SCALARS.split()), st.text(max_size=12), st.integers().map(str))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=4).map(
            lambda group: "{" + ", ".join(f"{key}: {value}" for key, value in group.items()) + "}"
        ),
    ),
    max_leaves=12,
)
FILES = st.one_of(
    TREES,
    st.dictionaries(KEYS, TREES, max_size=5).map(lambda group: "\n".join(f"{k}: {v}" for k, v in group.items())),
    TREES.map(lambda tree: f"connectors:\n  zoom: {tree}\nfield_mapping: {tree}"),
    st.text(),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)  # the first example pays for imports
@given(st.one_of(FILES, st.binary(max_size=40)))
@example(b"\xff\xfe\x00")
@example("\ufeffserver: {port: 1}".encode())
@example(b'"\\UFFFFFFFF": 1')
@example(b"%YAML x\n---\na: 1")
@example(b"a: &a [*a, *a]")
def test_any_bytes_load_or_are_refused_in_whole_lines(content: bytes) -> None:
    """Whatever is in the file: a Config, or a ConfigError of printable lines that all begin with the file's name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tajo.yml"
        file.write_bytes(content)
        try:
            config = load(file, env={"A": "x\udcff"})
        except ConfigError as error:
            for line in error.line().split("\n"):
                assert line.startswith(f"{folder}/tajo.yml")
                assert line.isprintable()
        else:
            assert config.model_dump_json()
            assert repr(config)


def test_the_services_key_is_the_environments_unless_written() -> None:
    """In .env, too; nobody misses it, since the HTTP API is off without."""
    assert from_mapping({}, env={"TAJO_API_KEY": " hush-hush "}).require("server.api_key") == "hush-hush"
    written = from_mapping({"server": {"api_key": "mine"}}, env={"TAJO_API_KEY": "another"})
    assert written.require("server.api_key") == "mine"
    without = from_mapping({}, env={})
    assert without.server.api_key is None
    assert "server.api_key" not in [each.key for each in without.missing]
    assert "hush" not in repr(from_mapping({}, env={"TAJO_API_KEY": "hush-hush"}))
