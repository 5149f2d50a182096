"""The command tree. Commands load when they are called: `tajo --help` imports nothing of them."""

from __future__ import annotations

import importlib
import io
import os
import sys

import click

from tajo import __version__
from tajo.core.errors import TajoError

# command → (module, what `tajo --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("tajo.cli.demo", "Show it all: a month of simulated sessions, synced and explained."),
    "simulate": ("tajo.cli.simulate", "Serve a simulated Zoom and a simulated Brevo to try things on."),
    "init": ("tajo.cli.init", "Write a commented tajo.yml and .env.example."),
    "check": ("tajo.cli.check", "Check credentials, scopes, plan, attributes and lists."),
    "sync": ("tajo.cli.sync", "Bring everybody who registered or came into Brevo."),
    "plan": ("tajo.cli.plan", "Show what a sync would write; write nothing."),
    "serve": ("tajo.cli.serve", "Receive webhooks, and do what follows from them."),
    "worker": ("tajo.cli.worker", "Do what follows from webhooks, beside `tajo serve --no-worker`."),
    "events": ("tajo.cli.events", "List, show and replay received webhooks."),
    "follow-ups": ("tajo.cli.followups", "List, preview, cancel and send mails that follow a session."),
    "keys": ("tajo.cli.keys", "Show and replace the keys that stored tokens are encrypted with."),
    "engagement": ("tajo.cli.engagement", "Show a session's funnel, and score history anew."),
    "connectors": ("tajo.cli.connectors", "Connect, list, inspect and disconnect connectors."),
    "why": ("tajo.cli.why", "Tell one person's story: registered, came, written, or why not."),
    "people": ("tajo.cli.people", "Review attendees that could not be identified."),
    "export-person": ("tajo.cli.export_person", "Write down everything that is known about one person."),
    "erase": ("tajo.cli.erase", "Erase one person, and let nobody bring them back."),
}


class Tree(click.Group):
    """Subcommands by name, each in a module of its own with the command as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tajo", message="%(prog)s %(version)s")
def tajo() -> None:
    """Tajo connects Zoom to Brevo: every registrant and attendee becomes a contact, with the right minutes, outcome
    and list, once.
    """


def main() -> None:
    """The entry point: every error becomes one line and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every terminal's encoding has what is to be shown
    try:
        code = tajo.main(standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing is lost: the same command goes on from here", err=True)
        sys.exit(130)
    except TajoError as error:
        click.echo(f"tajo: {error.line()}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _leave_stdout()  # the reader has gone: nothing more to say
        sys.exit(1)
    except OSError as error:
        _leave_stdout()
        click.echo(f"tajo: {error.strerror or error}", err=True)
        sys.exit(1)
    except Exception as error:  # its text and a traceback could have a person's data in them
        from tajo.logs import crash_line

        click.echo(f"tajo: {crash_line(error)}; please report it with what you did", err=True)
        sys.exit(1)


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere: at the end Python would try it again, and complain."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
