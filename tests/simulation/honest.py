"""Servers that do nothing wrong: whether their books are ever held back without need.

An honest server may be slow now and then, its clock may go wrong by 100 ppm and be set once, and
markets may be silent for minutes; the client's own clock of the day may be set as often as anybody
likes. And one symbol of a server may be ill, while those beside it are well.
"""

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from bitmart_book import BookState
from bitmart_book.sim.exchange import Exchange, Knobs
from tests.simulation import channels
from tests.simulation.world import LATENCY, World

DRIFT = 100e-6
STEP = 5.0
JITTER = (0.02, 2.0)
LOOK_EVERY = 0.1
# The first snapshots are not awaited: what is measured are holds of books that were LIVE.
BEGIN = 10.0


@dataclass
class Holds:
    """How long books were not LIVE."""

    looks: int = 0
    live: int = 0
    longest: float = 0.0
    """In seconds."""
    where: tuple = ()
    """Of the longest: seed, topic, since when, and the reason."""
    wrong: list = field(default_factory=list)
    ill: Counter = field(default_factory=Counter)

    @property
    def live_share(self):
        return self.live / self.looks if self.looks else 0.0

    def add(self, other):
        """Join what another run found."""
        self.looks += other.looks
        self.live += other.live
        self.wrong += other.wrong
        self.ill += other.ill
        if other.longest > self.longest:
            self.longest, self.where = other.longest, other.where
        return self


class Watch:
    """Looks at books, and notes how long they are not LIVE."""

    def __init__(self, seed, world, books):
        self.holds = Holds()
        self._seed = seed
        self._world = world
        self._books = books
        self._since = {}

    def run(self, until):
        """Let the world go on, and look at it."""
        world, holds = self._world, self.holds
        while world.now < until:
            world.run(world.now + LOOK_EVERY)
            for book in self._books():
                holds.looks += 1
                if book.state is BookState.LIVE:
                    holds.live += 1
                    self._since.pop(book, None)
                    continue
                since = self._since.setdefault(book, (world.now, book.reason))
                if world.now - since[0] > holds.longest:
                    holds.longest = world.now - since[0]
                    holds.where = (self._seed, f"{book.channel}:{book.symbol}", *since)


def honest(seed, hours, *, step=STEP):
    """Holds on an honest server, in so many hours; `step` is of its clock, either way."""
    rng = random.Random(f"honest {seed}")
    knobs = Knobs(
        heartbeat_interval=rng.choice((None, 5.0)),
        futures_empty_interval=rng.choice((None, 5.0)),
        futures_cadence=rng.choice((1.0, None)),
        opcode=rng.choice(("text", "mixed")),
    )
    exchange = _exchange(seed, knobs)
    exchange.clock.drift(rng.choice((-1, 1)) * DRIFT, 0.0)
    world = World(seed, exchange, keep=False)
    world.subscribe(*channels.books(seed), *channels.STREAMS)
    world.run(BEGIN)
    watch = Watch(seed, world, lambda: world.engine.books)
    end = hours * 3600.0
    step_at = rng.uniform(BEGIN, end)
    while world.now < end:
        # The other side of the world is near for a while, and then it is far.
        world.latency = JITTER if rng.random() < 0.3 else LATENCY
        world.set_by = rng.uniform(-86_400.0, 86_400.0)
        for symbol in (*exchange.listings, *exchange.contracts):
            markets = exchange.markets
            (markets.pause if rng.random() < 0.2 else markets.resume)(symbol)
        until = min(end, world.now + rng.expovariate(1 / 60.0))
        if world.now < step_at <= until:
            watch.run(step_at)
            exchange.clock.step(rng.choice((-1, 1)) * step)
        watch.run(until)
    watch.holds.wrong = [*world.wrong, *world.over_age]
    return watch.holds


def beside_an_ill_one(seed, hours):
    """Holds of symbols beside one that sends an unreadable frame each second."""
    exchange = _exchange(seed, Knobs())
    world = World(
        seed, exchange, keep=False, spec=f"ill/BTC_USDT:{hours * 3600.0:.0f}s@{BEGIN - 1}"
    )
    world.subscribe("BTC_USDT", *(b for b in channels.books(seed) if "BTC_USDT" not in b))
    world.run(BEGIN)
    watch = Watch(seed, world, lambda: [b for b in world.engine.books if b.symbol != "BTC_USDT"])
    watch.run(hours * 3600.0)
    watch.holds.wrong = [*world.wrong, *world.over_age]
    watch.holds.ill = world.network.counts
    return watch.holds


def _exchange(seed, knobs):
    return Exchange(
        seed=seed,
        knobs=knobs,
        symbols=(*channels.SPOT, *channels.CONTRACTS),
        extra_symbols=channels.EXTRA_SYMBOLS,
        extra_rate=channels.EXTRA_RATE,
        glimpses=20,
        history=1_500,
    )


def _run(work):
    kind, seed, hours = work
    return kind(seed, hours)


def many(kind, seeds, hours, *, jobs=1):
    """`honest` or `beside_an_ill_one` for every seed, joined."""
    total = Holds()
    work = [(kind, seed, hours) for seed in seeds]
    if jobs == 1:
        results = map(_run, work)
        for holds in results:
            total.add(holds)
        return total
    with ProcessPoolExecutor(jobs) as pool:
        for holds in pool.map(_run, work):
            total.add(holds)
    return total
