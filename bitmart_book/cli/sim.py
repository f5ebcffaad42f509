"""`bitmart-book sim`: a BitMart exchange on this machine."""

from __future__ import annotations

import json
from typing import Literal

import click

__all__ = ["sim"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0: a free one."
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same markets.")
@click.option(
    "--venue",
    "venues",
    multiple=True,
    metavar="NAME",
    help="Speak the words of another venue too: kraken, okx or bybit; may be repeated.",
)
@click.option("--speed", default=1.0, show_default=True, help="Of the markets, not of the clock.")
@click.option(
    "--extra-symbols",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="So many more: SYM0001_USDT and so on.",
)
@click.option(
    "--compression",
    type=click.Choice(["text", "binary", "mixed"]),
    default="text",
    show_default=True,
    help="Of what spot pushes; binary is raw deflate.",
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
    venues: tuple[str, ...],
    speed: float,
    extra_symbols: int,
    compression: Literal["text", "binary", "mixed"],
    capture: str | None,
    faults: str,
) -> None:
    """Serve a BitMart exchange on this machine until interrupted.

    With --venue it has that venue's addresses beside BitMart's. Prints all addresses and
    the credentials of its account as one line of JSON when it is ready.

    That account trades over plain HTTP at the address "control", from this machine only:

    \b
      curl CONTROL/orders -d '{"symbol": "BTC_USDT", "side": "buy",
                               "price": "60000", "size": "0.1"}'
      curl CONTROL/orders                  the open orders
      curl CONTROL/orders/ID               one order
      curl -X DELETE CONTROL/orders/ID     cancel it
      curl CONTROL/balances?market=spot
      curl CONTROL/positions?market=futures
      curl CONTROL/deposits -d '{"market": "spot", "currency": "USDT", "amount": "5000"}'

    An order may have a "market" (spot, futures or demo; with --venue bybit also bybit and
    bybit-spot), a "kind" (limit, limit_maker, ioc) and a "client_order_id"; without a price it is a
    market order. Sides on futures: buy and sell open a position, buy_close_short and
    sell_close_long close one. Orders rest in the published book, fill as the market comes to them,
    and are told on the private addresses.

    A fault is a name, and in any order @TIME (once, then), :TIME (how long it lasts), %N (so many a
    minute on average) and /SYMBOL. A time is 120, 3s, 500ms or 2m.
    """
    from bitmart_book.sim import ELSEWHERE, KINDS, Knobs, Simulator

    if faults == "help":
        click.echo("all           every one by its share, 22 a minute together")
        for name, kind in {**KINDS, **ELSEWHERE}.items():
            click.echo(f"{name:14}{kind.doc.partition('. ')[0]} ({kind.per_minute:g} a minute)")
        return
    simulator = Simulator(
        host=host,
        port=port,
        seed=seed,
        venue=venues,
        speed=speed,
        extra_symbols=extra_symbols,
        knobs=Knobs(opcode=compression),
        capture=capture,
        faults=faults,
    )

    def ready(urls: dict[str, str]) -> None:
        more = {"control": simulator.control_url, "credentials": simulator.credentials}
        click.echo(json.dumps({**urls, **more}))

    simulator.run(ready)
