"""`bitmart-book bench`: the numbers of docs/performance.md, measured here and now."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

import bitmart_book as bb

__all__ = ["bench"]

STREAMS = "BITMART_BOOK_DATA"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@click.option("--peers", "with_peers", is_flag=True, help="Beside other libraries' books too.")
@click.option("--quick", is_flag=True, help="A few frames: whether all works, not how fast.")
@click.option("--only", multiple=True, metavar="STAGE", help="This stage; can be repeated.")
@click.option("--passes", type=click.IntRange(min=1), help="Passes of each contender.")
@click.option("--seed", default=1, show_default=True, help="Of the generated frames.")
@click.option("--real", metavar="FOLDER", help=f"Recorded streams; else what {STREAMS} names.")
@click.option("--instructions", is_flag=True, help="Count instructions too, with valgrind.")
@click.option("--svg", metavar="FILE", help="Write the picture of docs/performance.md.")
def bench(
    as_json: bool,
    with_peers: bool,
    quick: bool,
    only: tuple[str, ...],
    passes: int | None,
    seed: int,
    real: str | None,
    instructions: bool,
    svg: str | None,
) -> None:
    """Measure time and memory, and say which of the project's figures are reached.

    Takes some minutes. The final books of all contenders are compared before a number is printed;
    a missed figure is no failure, a wrong book is.
    """
    from bitmart_book.bench import peers, report
    from bitmart_book.bench.figure import svg as picture
    from bitmart_book.bench.stages import FULL, QUICK, STAGES, Plan

    for key in only:
        if key not in STAGES:
            raise bb.UsageError(f"no stage {key!r}; there are {', '.join(STAGES)}")
    folder = real or os.environ.get(STREAMS)
    if real is not None and not os.path.isdir(real):
        raise bb.UsageError(f"{real} is not a folder")
    scale = QUICK if quick else FULL
    if passes is not None:
        scale = scale._replace(passes=passes, socket_passes=passes)
    here = tuple(peers.installed()) if with_peers else ()
    result = report.run(
        Plan(scale, seed, here, folder),
        only or tuple(STAGES),
        instructions=instructions,
        progress=lambda text: click.echo(text, err=True),
    ).as_json()
    if not with_peers:
        result["missing_peers"] = {}
    if as_json:
        click.echo(json.dumps(result))
    else:
        for line in report.lines(result):
            click.echo(line)
    if svg is not None:
        Path(svg).write_text(picture(result), encoding="utf-8")
