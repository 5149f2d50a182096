"""`tajo check`"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tajo.cli.options import plain, print_json, read_config, shared

if TYPE_CHECKING:
    from tajo.workflows.checking import Finding

SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}
PATIENCE = timedelta(seconds=8)  # ours: who looks waits at the terminal


@click.command("check")
@shared
def command(config_path: Path | None, as_json: bool, no_input: bool) -> int:
    """Check credentials, scopes, plan, attributes and their types, and lists; each line with its remedy."""
    del no_input
    import anyio

    from tajo import app
    from tajo.workflows.checking import check
    from tajo.workflows.request import a_copy

    config = read_config(config_path)
    app.require_zoom(config)

    async def run() -> list[Finding]:
        # Looking changes nothing, so the budgets of an existing database are all that is touched.
        async with (
            a_copy(config.require("database_url"), rows=False) as (database, original),
            app.services(config, database, budgets=original, patience=PATIENCE) as services,
        ):
            found = []
            async for finding in check(services, services.tokens):
                found.append(finding)
                if not as_json:
                    _show(finding)
            return found

    found = anyio.run(run)
    if as_json:
        print_json([asdict(finding) for finding in found])
    return max((finding.exit for finding in found), default=0)


def _show(finding: Finding) -> None:
    sign = click.style(SIGNS[finding.level], fg=COLOURS[finding.level])
    click.echo(f"{sign} {finding.subject}: {plain(finding.text)}")
    if finding.remedy:
        click.echo(f"    → {plain(finding.remedy)}")
