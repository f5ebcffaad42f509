"""The command line: `bitmart-book COMMAND`. One file per command; only this folder prints.

Exit status: 0 done, 1 a check failed, 2 misuse. An error is one line on standard error.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

import bitmart_book as bb
from bitmart_book.cli.bench import bench
from bitmart_book.cli.doctor import doctor
from bitmart_book.cli.export import export
from bitmart_book.cli.publish import publish
from bitmart_book.cli.record import record
from bitmart_book.cli.replay import replay
from bitmart_book.cli.sim import sim
from bitmart_book.cli.top import top
from bitmart_book.cli.watch import watch

__all__ = ["main"]


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            # What click does about it differs between its versions: 8.1 exits with 0.
            click.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has gone (`| head`), which is no failure; click would make
            # it one, and Python would complain again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(bb.__version__, prog_name="bitmart-book")
def commands() -> None:
    """A local order-book engine for BitMart."""


for command in (watch, top, publish, record, replay, export, bench, sim, doctor):
    commands.add_command(command)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        # A pipe on Windows has a few hundred characters: of others it shows the number.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = commands.main(prog_name="bitmart-book", standalone_mode=False)
    except click.ClickException as error:
        sys.exit(_fail(error.format_message(), 2))
    except bb.UsageError as error:
        sys.exit(_fail(str(error), 2))
    except bb.BitmartBookError as error:
        sys.exit(_fail(str(error), 1))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_fail("interrupted", 130))
    sys.exit(status if isinstance(status, int) else 0)


def _fail(problem: str, status: int) -> int:
    click.echo(f"bitmart-book: {' '.join(problem.split())}", err=True)
    return status
