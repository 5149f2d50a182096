"""`tajo simulate`"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tajo.cli.options import Whole, print_json, shared

WEBHOOK_SECRET = "simulated-secret-token"  # noqa: S105 - of the simulation

TEMPLATES = {
    12: ("Thanks", "<p>Thank you for your {{ params.minutes }} minutes.</p>"),
    13: ("Replay", "<p>{{ params.share_url }}, passcode {{ params.passcode }}</p>"),
    14: ("Double opt-in", '<p><a href="{{ params.DOIurl }}">Yes</a></p>'),
}


@click.command("simulate")
@click.option("--zoom-port", type=Whole(0, 65535), default=8701, show_default=True, help="0 takes a free one.")
@click.option("--brevo-port", type=Whole(0, 65535), default=8702, show_default=True, help="0 takes a free one.")
@click.option("--seed", default=7, show_default=True, help="Which people and sessions.")
@click.option(
    "--webhook-secret", default=WEBHOOK_SECRET, show_default=True, help="The app's Secret Token, which signs webhooks."
)
@shared
def command(
    zoom_port: int,
    brevo_port: int,
    seed: int,
    webhook_secret: str,
    config_path: Path | None,
    as_json: bool,
    no_input: bool,
) -> None:
    """Serve a simulated Zoom and a simulated Brevo on this machine until stopped.

    A month of webinars and meetings, seeded: the same seed gives the same people. It validates the address of a
    service that subscribes, and sends no webhooks by itself: docs/service.md has how to sign one by hand.
    """
    del config_path, no_input
    from tajo.simulators.brevo import BrevoSimulator
    from tajo.simulators.world import month
    from tajo.simulators.zoom import ZoomSimulator

    zoom = ZoomSimulator(month(seed, now=datetime.now(UTC)))
    zoom.subscriptions.secret = webhook_secret
    brevo = BrevoSimulator()
    for number, (name, html) in TEMPLATES.items():
        brevo.add_template(number, name, html=html, tag="optin" if "DOIurl" in html else "")
    with _served(zoom.app, zoom_port, "zoom") as zoom_url, _served(brevo.app, brevo_port, "brevo") as brevo_url:
        environment = {
            "ZOOM_ACCOUNT_ID": zoom.account_id,
            "ZOOM_CLIENT_ID": zoom.client_id,
            "ZOOM_CLIENT_SECRET": zoom.client_secret,
            "ZOOM_WEBHOOK_SECRET": webhook_secret,
            "BREVO_API_KEY": "xkeysib-test-key",
        }
        addresses = {"zoom": zoom_url, "brevo": brevo_url}
        if as_json:
            print_json({"environment": environment, **addresses})
        else:
            _explain(environment, zoom_url, brevo_url)
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


@contextmanager
def _served(app: Any, port: int, vendor: str) -> Iterator[str]:
    from tajo.simulators.serve import serve

    with ExitStack() as stack:
        try:
            url = stack.enter_context(serve(app, port=port))
        except OSError as error:
            raise click.UsageError(
                f"Port {port} cannot be had ({error.strerror}): give another one with --{vendor}-port."
            ) from None
        yield url


def _explain(environment: dict[str, str], zoom_url: str, brevo_url: str) -> None:
    click.echo("In another shell:\n")
    for name, value in environment.items():
        click.echo(f"  export {name}={shlex.quote(value)}")
    click.echo("\nand in tajo.yml:\n")
    click.echo("connectors:")
    click.echo("  zoom:")
    for name in ("account_id", "client_id", "client_secret"):
        click.echo(f'    {name}: "${{ZOOM_{name.upper()}}}"')
    click.echo('    webhook: {secret_token: "${ZOOM_WEBHOOK_SECRET}"}')
    click.echo(f"    api_url: {zoom_url}/v2")
    click.echo(f"    oauth_url: {zoom_url}/oauth")
    click.echo(f"brevo: {{api_url: {brevo_url}/v3}}")
    click.echo("\nBrevo has these templates, for follow-ups and consent:\n")
    for number, (name, html) in TEMPLATES.items():
        shown = ", ".join(re.findall(r"params\.\w+", html))
        click.echo(f"  {number}  {name}: {shown}")
    click.echo("\nthen `tajo connectors connect zoom` and `tajo sync zoom`. Ctrl-C stops the simulators.")
