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
    del config_path, no_input
    from tajo.config.template import TEMPLATES, write_templates

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be made a folder ({error.strerror})", origin="init") from None
    written = write_templates(directory)
    kept = [name for name in TEMPLATES if directory / name not in written]
    if as_json:
        print_json({"written": [str(path) for path in written], "kept": kept})
        return
    for path in written:
        click.echo(f"wrote {path}")
    for name in kept:
        click.echo(f"kept {directory / name}, which was there")
    click.echo("Next: copy .env.example to .env, fill it in, then run `tajo connectors connect zoom`.")
