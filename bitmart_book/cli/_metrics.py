"""`--metrics ADDRESS` of commands that run for long: what they follow, for Prometheus to scrape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

import bitmart_book as bb
from bitmart_book.cli._attached import AttachedFeed
from bitmart_book.display.libraries import library

__all__ = ["metrics_option", "served"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ADDRESS = re.compile(r"(?:(?P<host>[\w.-]+|\[[\da-fA-F:]+\]):|:)?(?P<port>\d{1,5})")


def metrics_option(command: _Command) -> _Command:
    return click.option(
        "--metrics",
        "metrics_at",
        metavar="ADDRESS",
        help="Serve metrics for Prometheus there: 127.0.0.1:9464, or a port of this machine.",
    )(command)


@contextmanager
def served(feed: bb.sync.Feed, address: str | None) -> Iterator[None]:
    """While it is entered, whoever asks at that address gets the metrics of a feed; None: nobody.
    UsageError for an address that is none, or taken, and without prometheus-client."""
    if address is None:
        yield
        return
    host, port = _parsed(address)
    if isinstance(feed, AttachedFeed):
        raise bb.UsageError("metrics are a feed's: its publisher serves them")
    client = library("prometheus_client", "--metrics")
    registry = client.CollectorRegistry()
    registry.register(bb.metrics(feed))
    try:
        server, thread = client.start_http_server(port, host, registry)
    except OSError as error:
        problem = error.strerror or error
        raise bb.UsageError(f"cannot serve metrics at {address}: {problem}") from None
    try:
        click.echo(f"metrics at http://{host}:{server.server_port}/metrics", err=True)
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _parsed(address: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found["port"]) > 65_535:
        raise bb.UsageError(f"an address is HOST:PORT or a port, was {address!r}")
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])
