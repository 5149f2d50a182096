from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tajo.config.load import Config, InvalidConfigError, load

Load = Callable[..., Config]
Refusal = Callable[[str], list[str]]


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a text as ./tajo.yml, with the given variables and no others."""
    monkeypatch.chdir(tmp_path)

    def load_it(text: str, env: Mapping[str, str] | None = None, **options: object) -> Config:
        (tmp_path / "tajo.yml").write_text(text, encoding="utf-8")
        return load(env=env or {}, **options)  # type: ignore[arg-type]

    return load_it


@pytest.fixture
def refusal(load_text: Load) -> Refusal:
    """The lines of the error that a text is refused with."""

    def refuse_it(text: str) -> list[str]:
        with pytest.raises(InvalidConfigError) as caught:
            load_text(text)
        return caught.value.line().split("\n")

    return refuse_it
