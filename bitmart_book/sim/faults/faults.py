"""What goes wrong between an exchange and its clients, by name, from a seed, without a socket.

`kinds` has the names; each method here begins one of them on the `network`. Where a fault needs
something to happen first (a reply, a reconnect), it makes it happen.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bitmart_book.sim.exchange import Refusal, Send
from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.frames import (
    Seen,
    acks,
    extra_frames,
    frozen_heartbeat,
    merged,
    wrong_ack,
)
from bitmart_book.sim.faults.kinds import KINDS, Kind, Word, parse
from bitmart_book.sim.faults.network import (
    LAG_GROWTH,
    NO_ANSWER,
    PATIENCE,
    Network,
    Order,
    Reset,
    Slice,
    Wants,
)

__all__ = ["KINDS", "NO_ANSWER", "Faults", "Kind", "Order", "Reset", "Slice", "Word", "parse"]

# How long a frame is held back for one that does not come.
HELD_SECONDS = 1.0
# Between two empty snapshots of a symbol: a second one in a row is to be believed.
EMPTY_APART = 120.0
# Between two restarts of a counter from the same number.
RESTARTS_APART = 60.0


def _nothing(seen: Seen) -> list[str | bytes]:
    del seen
    return []


class Faults(Network):
    """The faults of a specification (see `parse`), acting on one exchange."""

    def _lose_update(self, word: Word, symbol: str, then: Callable[[], None] | None = None) -> None:
        def lose(seen: Seen) -> list[str | bytes]:
            del seen
            if then is not None:
                then()
            return []

        self._once(
            word, lambda seen: seen.is_update and seen.levels and seen.symbol == symbol, lose
        )

    # --- the order of frames ---

    def _begin_gap(self, word: Word) -> None:
        self._once(word, self._update(word), _nothing)

    def _begin_duplicate(self, word: Word) -> None:
        self._once(word, self._update(word), lambda seen: [seen.payload, seen.payload])

    def _begin_old(self, word: Word) -> None:
        left = self._rng.randint(1, 5)

        def keep(seen: Seen) -> list[str | bytes]:
            kept = seen

            def again(later: Seen) -> list[str | bytes] | None:
                nonlocal left
                if not (later.is_update and kept.is_of(later)):
                    return None
                left -= 1
                if left:
                    return None
                self._drop(entry)
                self._count(word.name, kept.symbol)
                return [later.payload, kept.payload]

            entry = self._filter(again, PATIENCE)
            return [seen.payload]

        self._once(word, self._update(word), keep, count=False)

    def _hold(self, word: Word, together: Callable[[Seen, Seen], list[str | bytes] | None]) -> None:
        """Hold an update until another frame comes, and let both go in another form."""

        def hold(seen: Seen) -> list[str | bytes]:
            def meet(later: Seen) -> list[str | bytes] | None:
                frames = together(seen, later) if later.connection == seen.connection else None
                if frames is not None:
                    self._drop(entry)
                    self._count(word.name, seen.symbol)
                return frames

            def alone() -> None:
                self._arrive_late(Send(seen.connection, seen.payload))

            # First, so that nothing of the same symbol gets past what is held.
            entry = self._filter(meet, HELD_SECONDS, first=True, ends=alone)
            return []

        self._once(word, self._update(word), hold, count=False)

    def _begin_reorder(self, word: Word) -> None:
        self._hold(
            word,
            lambda held, later: (
                [later.payload, held.payload] if later.symbol == held.symbol else None
            ),
        )

    def _begin_batch(self, word: Word) -> None:
        self._hold(word, lambda held, later: merged(held, later) if later.is_update else None)

    def _begin_heartbeat(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is not None:
            self._exchange.tell_again(symbol)
            self._count(word.name, symbol)

    def _begin_empty(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is not None:
            self._exchange.tell_nothing(symbol)
            self._count(word.name, symbol)

    # --- snapshots ---

    def _begin_unasked(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return

        def tell() -> None:
            self._exchange.tell_snapshot(symbol)

        if self._rng.random() < 0.5:
            self._count(word.name, symbol)
            tell()
        else:
            # A newer one: it brings what the lost update would have brought.
            self._lose_update(word, symbol, then=lambda: self._at(self._now, tell))

    def _begin_late_snapshot(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        text = self._exchange.snapshot(symbol)
        connections = self._exchange.subscribed()[symbol]

        def arrive() -> None:
            for connection in connections:
                if connection in self._lines:
                    self._arrive_late(Send(connection, text))
                    self._count(word.name, symbol)

        self._at(self._now + self._rng.uniform(0.2, max(0.2, self._seconds(word))), arrive)

    def _begin_late_reply(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        seconds = self._seconds(word)

        def late(seen: Seen) -> list[str | bytes]:
            wait = self._rng.uniform(0.2, max(0.2, seconds))
            send = Send(seen.connection, seen.payload)
            self._at(self._now + wait, lambda: self._arrive_late(send))
            return []

        def then() -> None:
            self._once(
                word, lambda seen: seen.is_snapshot and seen.symbol == symbol, late, count=False
            )

        self._lose_update(word, symbol, then)

    def _begin_old_snapshots(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        cached = self._exchange.snapshot(symbol)

        def act(seen: Seen) -> list[str | bytes] | None:
            if not (seen.is_snapshot and seen.symbol == symbol):
                return None
            self.late_at = self._now
            return [cached]

        self._filter(act, self._seconds(word))
        self._lose_update(word, symbol)

    def _begin_early(self, word: Word) -> None:
        """Each book of the next connection gets its snapshot a few updates late."""
        before = set(self._lines)
        held: dict[tuple[int, str], tuple[str | bytes, int]] = {}

        def act(seen: Seen) -> list[str | bytes] | None:
            key = (seen.connection, seen.symbol)
            if seen.is_snapshot and seen.connection not in before and key not in held:
                held[key] = (seen.payload, self._rng.randint(1, 3))
                self._count(word.name, seen.symbol)
                self._at(self._now + HELD_SECONDS, lambda: let_go(key))
                return []
            if seen.is_update and key in held:
                payload, left = held[key]
                held[key] = (payload, left - 1)
                if left == 1:
                    return [seen.payload, payload]
            return None

        def let_go(key: tuple[int, str]) -> None:
            payload, left = held[key]
            held[key] = (payload, 0)
            if left > 0:
                self._arrive_late(Send(key[0], payload))

        def ends() -> None:
            for key in list(held):
                let_go(key)

        if self._reset_some_line():
            self._filter(act, 10.0, ends=ends)

    def _begin_overflow(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        seconds = self._seconds(word)

        def act(seen: Seen) -> list[str | bytes] | None:
            return [] if seen.is_snapshot and seen.symbol == symbol else None

        def burst() -> None:
            if not self._exchange.is_paused(symbol) and symbol in self._exchange.subscribed():
                for _ in range(110):
                    self._exchange.tell_nothing(symbol)

        def then() -> None:
            self._filter(act, seconds)
            for part in range(10):
                self._at(self._now + seconds * (part + 1) / 12, burst)

        self._lose_update(word, symbol, then)

    # --- the market ---

    def _begin_restart(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        version = self._exchange.version(symbol)
        # Far from every number of late: a counter that restarts just below itself cannot be told
        # from lost updates, or from none; and not from the same number again while frames of the
        # time before may be under way.
        if version > 200_000:
            lower = self._rng.randint(2, version - 100_000)
            again = self._now < self._began_at_one.get(symbol, -math.inf) + RESTARTS_APART
            version = lower if again else self._rng.choice((0, 1, lower))
            if version < 2:
                self._began_at_one[symbol] = self._now
        else:
            version += self._rng.randint(1_000_000, 9_000_000)
        self._exchange.restart(symbol, version)
        self._count(word.name, symbol)

    def _begin_slide(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is not None and self._exchange.is_two_sided(symbol):
            self._exchange.take(symbol, self._rng.choice(("bid", "ask")), self._rng.randint(20, 90))
            self._count(word.name, symbol)

    def _begin_one_sided(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None or not self._may_be_empty(symbol):
            return
        side = self._rng.choice(("bid", "ask"))
        for taken in ("bid", "ask") if word.name == "drain" else (side,):
            self._exchange.take(symbol, taken)
        self._count(word.name, symbol)
        self._stand_still(symbol, self._seconds(word))

    def _may_be_empty(self, symbol: str) -> bool:
        """Whether nobody was shown an empty book of late. Of now."""
        last = self._emptied.get(symbol)
        if last is not None and self._now < last + EMPTY_APART:
            return False
        self._emptied[symbol] = self._now
        return True

    def _begin_pause(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is not None:
            self._count(word.name, symbol)
            self._stand_still(symbol, self._seconds(word))

    # --- damaged frames ---

    def _begin_beside(self, word: Word) -> None:
        self._once(
            word,
            self._update(word),
            lambda seen: [seen.payload, extra_frames(word.name, seen, self._rng)],
        )

    def _damaged(self, word: Word, seen: Seen) -> list[str | bytes] | None:
        make, _ = (damage.MEANING_THE_SAME | damage.LOSING | damage.OF_SNAPSHOTS)[word.name]
        if make is damage.crossed and not self._exchange.is_two_sided(seen.symbol):
            return None
        frame = make(damage.Pushed(seen.text), self._rng)
        return None if frame is None else [seen.like(frame)]

    def _begin_damage(self, word: Word) -> None:
        self._once(
            word,
            lambda seen: seen.is_update and word.symbol in (None, seen.symbol),
            lambda seen: self._damaged(word, seen),
        )

    def _begin_damage_snapshot(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None or (word.name == "emptysnap" and not self._may_be_empty(symbol)):
            return
        self._once(
            word,
            lambda seen: seen.is_snapshot and seen.symbol == symbol,
            lambda seen: self._damaged(word, seen),
        )
        self._exchange.tell_snapshot(symbol)

    # --- what a client says ---

    def _hear(self, act: Callable[[int, str], list[str] | None]) -> None:
        self._inbound.append(act)
        self._at(self._now + PATIENCE, lambda: self._unhear(act))

    def _unhear(self, act: Callable[[int, str], list[str] | None]) -> None:
        if act in self._inbound:
            self._inbound.remove(act)

    def _begin_lost_request(self, word: Word) -> None:
        def act(connection: int, text: str) -> list[str] | None:
            if '"request"' not in text:
                return None
            self._unhear(act)
            self._count(word.name, str(connection))
            return []

        self._hear(act)
        symbol = self._symbol(word)
        if symbol is not None:
            self._once(word, self._update(word._replace(symbol=symbol)), _nothing, count=False)

    def _begin_subscription(self, word: Word) -> None:
        def act(connection: int, text: str) -> list[str] | None:
            if '"subscribe"' not in text:
                return None
            self._unhear(act)
            self._count(word.name, str(connection))
            if word.name == "ackonly":
                answers = acks(text)
            elif word.name == "suberror":
                answers = [
                    '{"event":"subscribe","errorCode":"95000","errorMessage":"Internal error"}'
                ]
            else:
                answers = []
            for answer in answers:
                self._arrive(Send(connection, answer))
            return []

        if self._reset_some_line():
            self._hear(act)

    def _begin_lost_ack(self, word: Word) -> None:
        def becomes(seen: Seen) -> list[str | bytes] | None:
            return [] if word.name == "lostack" else wrong_ack(seen, self._rng)

        if self._reset_some_line():
            self._once(word, lambda seen: seen.is_ack, becomes)

    def _begin_no_pong(self, word: Word) -> None:
        self._while_on_a_line(word, lambda seen: seen.text == "pong")

    # --- symbols and lines that fall silent ---

    def _while_on_a_line(self, word: Word, loses: Wants) -> None:
        line = self._line()
        if line is None:
            return
        connection = line.id
        self._filter(
            lambda seen: [] if seen.connection == connection and loses(seen) else None,
            self._seconds(word),
            first=True,
        )
        self._count(word.name, str(connection))

    def _begin_pongs(self, word: Word) -> None:
        self._while_on_a_line(word, lambda seen: seen.text != "pong")

    def _begin_mute(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        only = self._rng.choice((None, self._rng.choice(self._exchange.subscribed()[symbol])))
        self._filter(
            lambda seen: [] if seen.symbol == symbol and only in (None, seen.connection) else None,
            self._seconds(word),
            first=True,
        )
        self._count(word.name, symbol)

    def _begin_stuck(self, word: Word) -> None:
        symbol = self._symbol(word)
        if symbol is None:
            return
        heartbeat = frozen_heartbeat(self._exchange.snapshot(symbol))
        over = self._now + self._seconds(word)

        def beat() -> None:
            if self._now < over:
                for connection in self._exchange.subscribed().get(symbol, ()):
                    self._arrive(Send(connection, heartbeat))
                self._at(self._now + 3.0, beat)

        self._filter(
            lambda seen: [] if seen.is_update and seen.symbol == symbol else None,
            self._seconds(word),
            first=True,
        )
        self._count(word.name, symbol)
        self.stuck[symbol] = over
        self._at(self._now + 3.0, beat)

    # --- connections ---

    def _begin_silence(self, word: Word) -> None:
        line = self._line()
        if line is not None:
            line.silent = True
            line.deaf = self._rng.random() < 0.5
            line.held.clear()
            self._rest(line)
            self._count(word.name, str(line.id))

    def _begin_freeze(self, word: Word) -> None:
        line = self._line()
        if line is not None:
            line.open_at = max(line.open_at, self._now + self._seconds(word))
            self._rest(line)
            self._at(line.open_at, lambda: self._release(line))
            self._count(word.name, str(line.id))

    def _begin_lag(self, word: Word) -> None:
        """The delay grows to so many seconds; then what has piled up comes, and it is over."""
        line = self._line()
        if line is not None and line.lag is None:
            line.lag = (self._now, self._now + self._seconds(word) / LAG_GROWTH)
            self._rest(line)
            self._at(line.lag[1] + self._seconds(word), lambda: self._release(line))
            self._count(word.name, str(line.id))

    def _reset_some_line(self) -> bool:
        line = self._line()
        if line is not None:
            self._count("reset", str(line.id))
            self._cut(line.id)
        return line is not None

    def _begin_reset(self, word: Word) -> None:
        del word
        self._reset_some_line()

    def _begin_close(self, word: Word) -> None:
        line = self._line()
        if line is not None:
            self._count(word.name, str(line.id))
            self._hang_up(line.id)

    def _begin_outage(self, word: Word) -> None:
        self._refused_until = max(self._refused_until, self._now + self._seconds(word))
        self._count(word.name)
        for connection in list(self._lines):
            self._cut(connection)

    def _begin_door(self, word: Word) -> None:
        """The next attempts to connect go wrong; one is provoked."""
        if not self._reset_some_line():
            return
        if word.name == "slam":
            self._slams += self._rng.randint(1, 3)
            return
        self._count(word.name)
        if word.name == "ban":
            self._refusals.append(Refusal(self._rng.choice((429, 403)), "too many attempts"))
        else:
            self._refusals.append(NO_ANSWER)

    def _begin_split(self, word: Word) -> None:
        line = self._line()
        if line is not None:
            self._output.append(Slice(line.id, self._now + self._seconds(word)))
            self._count(word.name, str(line.id))

    def _begin_order(self, word: Word) -> None:
        self._output.append(Order(word.name, self._seconds(word), word.symbol))
        self._count(word.name)
