"""`bitmart-book sim`: a BitMart exchange on this machine."""

from __future__ import annotations

import json

import click

__all__ = ["sim"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0: a free one."
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same markets.")
@click.option("--speed", default=1.0, show_default=True, help="Of the markets, not of the clock.")
@click.option(
    "--extra-symbols",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="So many more: SYM0001_USDT and so on.",
)
@click.option("--capture", metavar="FILE", help="Replay the books of a capture instead.")
@click.option(
    "--faults",
    metavar="WORDS",
    default="",
    help='What goes wrong, like "gap@120 freeze:3s dup%30 reset"; "help" lists all words.',
)
def sim(
    host: str,
    port: int,
    seed: int,
    speed: float,
    extra_symbols: int,
    capture: str | None,
    faults: str,
) -> None:
    """Serve a BitMart exchange on this machine until interrupted.

    Prints its addresses as one line of JSON when it is ready.

    A fault is a name, and in any order @TIME (once, then), :TIME (how long it lasts), %N (so many a
    minute on average) and /SYMBOL. A time is 120, 3s, 500ms or 2m.
    """
    from bitmart_book.sim import KINDS, Simulator

    if faults == "help":
        click.echo("all           every one by its share, 22 a minute together")
        for name, kind in KINDS.items():
            click.echo(f"{name:14}{kind.doc.partition('. ')[0]} ({kind.per_minute:g} a minute)")
        return
    Simulator(
        host=host,
        port=port,
        seed=seed,
        speed=speed,
        extra_symbols=extra_symbols,
        capture=capture,
        faults=faults,
    ).run(lambda urls: click.echo(json.dumps(urls)))
