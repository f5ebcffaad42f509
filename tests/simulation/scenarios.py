"""Single situations for many seeds: a stall at any moment, a whole connection in doubt."""

import random
from concurrent.futures import ProcessPoolExecutor

from bitmart_book import BookState
from bitmart_book.sim.exchange import Exchange, Knobs
from tests.simulation.scripted import Silence
from tests.simulation.world import World

STALL_WITHIN = 8.2
QUIET = ("Yinbi_BTC", "BMX_ETH")


def stall(seed, *, blocked=False):
    """Seconds from the last byte that the client was given until none of its books is LIVE.

    The stall begins at any moment of a connection's life. With `blocked` bytes go on arriving,
    but the client's event loop does not run: nobody calls it, its books are only read.
    """
    rng = random.Random(f"stall {seed}")
    knobs = Knobs(heartbeat_interval=rng.choice((None, 2.0, 5.0)))
    world = World(seed, Exchange(seed=seed, knobs=knobs, symbols=QUIET), check=False, keep=False)
    world.subscribe(*QUIET)
    world.run_until(world.all_live, 10)
    world.run(world.now + rng.uniform(0.0, 12.0))
    if blocked:
        world.block(60.0)
    else:
        world.faults = Silence()
        world.run(world.now + 0.1)
    step = 0.05
    while any(book.state is BookState.LIVE for book in world.engine.books):
        world.run(world.now + step)
        if world.now > world.heard_at + 30.0:
            break
    return world.now - world.heard_at


def _stall(arguments):
    seed, blocked = arguments
    return stall(seed, blocked=blocked)


def stalls(seeds, *, jobs=1):
    """The slowest detections of many stalls, every other one with a blocked loop: (plain, blocked),
    each a list of (seconds, seed), slowest first."""
    work = [(seed, bool(seed % 2)) for seed in seeds]
    if jobs == 1:
        took = [_stall(arguments) for arguments in work]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            took = list(pool.map(_stall, work, chunksize=50))
    found = ([], [])
    for (seed, blocked), seconds in zip(work, took, strict=True):
        found[blocked].append((seconds, seed))
    return tuple(sorted(times, reverse=True) for times in found)


def all_at_once(seed, symbols=115):
    """Seconds until each book of one full connection is LIVE again after one unreadable frame."""
    exchange = Exchange(seed=seed, symbols=(), extra_symbols=symbols, glimpses=20)
    world = World(seed, exchange)
    world.subscribe(*exchange.listings)
    world.run_until(world.all_live, 60)
    world.run(world.now + 15)
    world.recoveries.clear()
    world._arrive_at_client(next(iter(world.by_server.values())), "{")
    world.run_until(world.all_live, 120)
    assert not world.wrong
    assert not exchange.breaches
    return sorted(seconds for _, _, seconds in world.recoveries)
