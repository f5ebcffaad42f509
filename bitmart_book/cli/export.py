"""`bitmart-book export`: captures as tables that other programs read."""

from __future__ import annotations

import os

import click

import bitmart_book as bb
from bitmart_book.cli._live import chosen, venue_option
from bitmart_book.cli._out import check_free
from bitmart_book.cli._progress import reading
from bitmart_book.display.files import FORMATS
from bitmart_book.display.files import export as write
from bitmart_book.display.history import SCHEMAS, check_schema

__all__ = ["export"]

MOST_SHOWN = 5


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--to",
    "out",
    required=True,
    metavar="OUT",
    help=f"A file: {', '.join(FORMATS)}; or a folder, for a Parquet file of each FILE.",
)
@click.option(
    "--schema",
    default="quotes",
    show_default=True,
    metavar="SCHEMA",
    help=f"What a row is: {', '.join(SCHEMAS)}, or mbp- with another number of levels.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is not empty.")
@venue_option
def export(
    files: tuple[str, ...], out: str, schema: str, force: bool, venues: tuple[str, ...]
) -> int:
    """Write captures as a table: Parquet, Arrow or CSV.

    The rows are what a replay shows. A gap, a lost connection, a line that cannot be read is a row
    too, with the reason; what could be read is kept, and the exit status is 1. Parquet and Arrow
    need pyarrow: pip install 'bitmart_book[parquet]'.
    """
    check_schema(schema)
    venue = chosen(venues)
    failed = False
    for sources, target in _jobs(files, out, schema):
        check_free(target, force=force)
        with reading() as progress:
            rows, problems = write(
                sources, target, schema=schema, venue=venue, force=force, progress=progress
            )
        for problem in problems[:MOST_SHOWN]:
            click.echo(f"bitmart-book: skipped {problem}", err=True)
        if len(problems) > MOST_SHOWN:
            click.echo(f"bitmart-book: and {len(problems) - MOST_SHOWN:,} more", err=True)
        failed = failed or bool(problems)
        click.echo(f"{rows:,} rows in {target}")
    return 1 if failed else 0


def _jobs(files: tuple[str, ...], out: str, schema: str) -> list[tuple[tuple[str, ...], str]]:
    """Which captures go into which file."""
    if not os.path.isdir(out):
        return [(files, out)]
    found: dict[str, str] = {}
    for file in files:
        name = os.path.basename(file).partition(".")[0]
        target = os.path.join(out, f"{name}.{schema}.parquet")
        if target in found:
            raise bb.UsageError(f"{found[target]} and {file} would both be {target}")
        found[target] = file
    return [((file,), target) for target, file in found.items()]
