"""`tajo init`"""

from __future__ import annotations

from pathlib import Path

import click

from tajo.cli.options import print_json, shared
from tajo.core.errors import ConfigError


@click.command("init")
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where to write.")
@shared
def command(directory: Path, config_path: Path | None, as_json: bool, no_input: bool) -> None:
    """Write a commented tajo.yml and .env.example; never over a file."""
    del no_input
    from tajo.config.template import CONFIG_NAME, templates, write_templates

    config = directory / (config_path or CONFIG_NAME)
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{config.parent} cannot be made a folder ({error.strerror})", origin="init") from None
    written = write_templates(config)
    kept = [path for path in templates(config) if path not in written]
    if as_json:
        print_json({"written": [str(path) for path in written], "kept": [path.name for path in kept]})
        return
    for path in written:
        click.echo(f"wrote {path}")
    for path in kept:
        click.echo(f"kept {path}, which was there")
    given = f" --config {config}" if config_path else ""
    click.echo(f"Next: copy .env.example to .env, fill it in, then run `tajo connectors connect zoom{given}`.")
