"""How books are won back, and what is done before they are lost.

Sans-I/O: told what happened and when, it asks, subscribes anew, and has topics moved. The engine
alone changes books; this file decides when they are in doubt, and tells of every transition.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable

from bitmart_book._book import Book, Engine
from bitmart_book.client.places import Place, Wanted
from bitmart_book.model import BookState, Change

__all__ = ["Recovery"]

# A GAP asks at once, again after one second, subscribes anew after five, then moves to another
# connection: one symbol never costs a connection.
ASK_AGAIN = 1.0
RENEW_AFTER = 5.0
MOVE_AFTER = 10.0
LONGEST_STEP = 10.0
# A sequenced book that hears nothing for so long is asked; it is STALE at its deadline.
ASK_BEFORE_DEADLINE = 4.0
# While so few of the best levels are known for certain, a reply that shows more is asked for.
ENOUGH_KNOWN = 30
# Heartbeats alone prove little: a server that is stuck sends them too.
AUDIT_AFTER = 60.0
# A question is not repeated before its answer had time to come.
ANSWER_WITHIN = 3.0
# What confirms a book that nobody can ask about: that its connection was heard so lately.
CONNECTION_CONFIRMS_NS = 10_000_000_000


class Recovery:
    """The books of a client that are in trouble, and the watch over the others.

    `emit` takes the fields of an `Event`; `move(wanted, now)` puts a topic on another connection.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        rng: random.Random,
        counters: Counter[str],
        emit: Callable[..., None],
        move: Callable[[Wanted, float], None],
    ) -> None:
        self._engine = engine
        self._rng = rng
        self._counters = counters
        self._emit = emit
        self._move = move
        self._troubled: dict[str, Wanted] = {}

    def next_deadline(self) -> float:
        """When `advance` has something to do next; infinity: never."""
        return min((wanted.due for wanted in self._troubled.values()), default=float("inf"))

    def advance(self, now: float) -> None:
        """Take the steps that are due."""
        for wanted in [w for w in self._troubled.values() if w.due <= now]:
            self._step(wanted, now)

    def began(self, wanted: Wanted, place: Place, now: float) -> None:
        """A topic has been asked for on an open connection."""
        wanted.answered = False
        wanted.asked = False
        wanted.asked_at = float("-inf")
        wanted.replied = None
        wanted.frozen_replies = 0
        if wanted.book is not None:
            wanted.pushed_before = self._engine.updates(wanted.book)
            self._engine.assign(wanted.book, place.generation)
            self.tell(wanted, now)
            wanted.moved_at = now
            # The snapshot is due by itself; only its absence is trouble.
            self._troubled[wanted.topic] = wanted
            wanted.troubled_since = now
            wanted.steps = 1
            wanted.due = now + RENEW_AFTER

    def moved(self, wanted: Wanted, since: float | None, steps: int) -> None:
        """A topic in trouble is on another connection: its trouble goes on."""
        wanted.troubled_since, wanted.steps = since, steps
        self._troubled[wanted.topic] = wanted

    def changed(self, wanted: Wanted, change: int, now: float) -> None:
        """A frame has changed the book; `change` are its Change bits."""
        book = wanted.book
        assert book is not None
        self.tell(wanted, now)
        if change & Change.SNAPSHOT and self._is_frozen(wanted, now):
            self._subscribe_anew(wanted, now)
        elif book.state == BookState.LIVE:
            if wanted.troubled_since is not None:
                self.calm(wanted)
        elif change & (Change.GAP | Change.CROSSED):
            self._tell_overflow(wanted, now)
            self.trouble(wanted, now)

    def _is_frozen(self, wanted: Wanted, now: float) -> bool:
        """Whether replies go on while updates do not: the subscription is dead, its book is not.

        One reply may overtake an update; two in a row that are ahead of it may not.
        """
        book = wanted.book
        assert book is not None
        if book.sequence is None:
            return False
        quiet = now - wanted.moved_at
        wanted.moved_at = now
        before, wanted.replied = wanted.replied, (book.sequence, self._engine.moves(book))
        if not wanted.asked or before is None:
            return False
        ahead = wanted.replied[0] > before[0] and wanted.replied[1] == before[1]
        wanted.frozen_replies = wanted.frozen_replies + 1 if ahead else 0
        # After a minute without an update one is enough: there was none to be overtaken.
        return wanted.frozen_replies >= (1 if quiet >= AUDIT_AFTER else 2)

    def _subscribe_anew(self, wanted: Wanted, now: float) -> None:
        place, book = wanted.place, wanted.book
        assert place is not None
        assert place.session is not None
        assert book is not None
        self._counters["frozen"] += 1
        self._engine.invalidate(book, "replies show changes that no update told of")
        self.tell(wanted, now)
        place.session.renew(wanted.topic)
        self._counters["renewals"] += 1
        wanted.frozen_replies = 0
        wanted.troubled_since = now
        self._troubled[wanted.topic] = wanted
        wanted.steps = 3
        wanted.due = now + RENEW_AFTER

    def trouble(self, wanted: Wanted, now: float) -> None:
        """A book that was won, or nearly, has been lost: begin to win it back."""
        book = wanted.book
        assert book is not None
        under_way = wanted.steps > 1 or now < wanted.asked_at + ASK_AGAIN
        if wanted.troubled_since is not None and under_way:
            return  # recovery is under way, and asking faster would only be a storm
        if wanted.troubled_since is None:
            wanted.troubled_since = now
            self._counters["gaps"] += 1
        self._troubled[wanted.topic] = wanted
        wanted.steps = 0
        wanted.due = now
        self._step(wanted, now)

    def _step(self, wanted: Wanted, now: float) -> None:
        """The next step: ask, ask again, subscribe anew, move; then all over, more slowly."""
        place = wanted.place
        if place is None or place.session is None:
            self._troubled.pop(wanted.topic, None)
            return
        step = wanted.steps % 4
        if step == 3 and self._catches_up(wanted):
            step = 1
        slowness = 2.0 ** min(wanted.steps // 4, 4)
        wanted.steps += 1
        asks = wanted.profile.can_request and wanted.is_sequenced
        if step in (0, 1) and asks:
            self._ask(place, wanted, now)
            self._counters["requests"] += 1
            wait = ASK_AGAIN if step == 0 else RENEW_AFTER - ASK_AGAIN
        elif step in (0, 1):
            wait = RENEW_AFTER
            wanted.steps += 1 - step
        elif step == 2:
            place.session.renew(wanted.topic)
            self._counters["renewals"] += 1
            wait = MOVE_AFTER - RENEW_AFTER
        else:
            self._move(wanted, now)
            wait = RENEW_AFTER
        wanted.due = now + min(LONGEST_STEP, wait * slowness) * self._rng.uniform(0.9, 1.1)

    def _catches_up(self, wanted: Wanted) -> bool:
        """Whether snapshots come that are too old for the updates kept meanwhile: another
        connection would begin anew, while here each one is nearer to them."""
        assert wanted.book is not None
        before, wanted.old_snapshots = wanted.old_snapshots, self._engine.old_snapshots(wanted.book)
        return wanted.old_snapshots > before

    def _ask(self, place: Place, wanted: Wanted, now: float) -> None:
        assert place.session is not None
        assert wanted.book is not None
        wanted.asked = True
        wanted.asked_at = now
        self._engine.expect(wanted.book)
        place.session.request([wanted.topic])

    def calm(self, wanted: Wanted) -> None:
        wanted.troubled_since = None
        wanted.steps = 0
        self._troubled.pop(wanted.topic, None)

    def tick(self, places: Iterable[Place], now: float) -> None:
        """Once a second: confirm what only its connection confirms, ask where there is doubt."""
        for place in places:
            if place.session is None:
                continue
            heard = self._engine.last_heard(place.generation)
            for wanted in place.topics.values():
                book = wanted.book
                if book is None:
                    continue
                self.tell(wanted, now)
                if wanted.troubled_since is not None or place.behind:
                    continue
                if wanted.told == BookState.STALE:
                    self.trouble(wanted, now)
                elif wanted.told == BookState.LIVE and not wanted.is_sequenced:
                    if heard is not None:
                        self._engine.confirm(book, heard + CONNECTION_CONFIRMS_NS)
                elif wanted.told == BookState.LIVE and place.profile.can_request:
                    self._ask_if_in_doubt(place, wanted, now)

    def _ask_if_in_doubt(self, place: Place, wanted: Wanted, now: float) -> None:
        """A LIVE book: is it silent, known too shallowly, or kept alive by heartbeats alone?"""
        book = wanted.book
        assert book is not None
        moves = self._engine.moves(book)
        if moves != wanted.moves:
            wanted.moves = moves
            wanted.moved_at = now
        if now < wanted.asked_at + ANSWER_WITHIN:
            return
        if (
            book.valid_until is not None and now >= book.valid_until / 1e9 - ASK_BEFORE_DEADLINE
        ) or self._engine.goes_back(book):
            self._counters["questions"] += 1
        elif self._engine.runs_short(book, ENOUGH_KNOWN):
            self._counters["refreshes"] += 1
        elif now >= wanted.moved_at + AUDIT_AFTER:
            self._counters["audits"] += 1
        else:
            return
        self._ask(place, wanted, now)

    # --- telling ---

    def tell(self, wanted: Wanted, now: float) -> None:
        """One event for each transition of a book, whoever caused it."""
        book = wanted.book
        if book is None or book.state == wanted.told:
            return
        before, wanted.told = wanted.told, book.state
        after = now - wanted.told_at
        if before == BookState.LIVE:
            wanted.live_at = now
        reason = book.reason
        if wanted.told == BookState.LIVE:
            after = now - wanted.live_at
            reason = f"version {book.sequence}, epoch {book.epoch}"
        wanted.told_at = now
        self._counters[f"to_{wanted.told.lower()}"] += 1
        self._emit(wanted.told.lower(), now, topic=wanted.topic, reason=reason, after=after)

    def _tell_overflow(self, wanted: Wanted, now: float) -> None:
        """The state of a book that waits stays what it was when it can keep no more."""
        book = wanted.book
        assert book is not None
        before, wanted.overflows = wanted.overflows, book.stats["buffer_overflows"]
        if wanted.overflows > before:
            self._counters["overflows"] += 1
            self._emit("overflow", now, topic=wanted.topic, reason=book.reason)

    def tell_all(self, place: Place, now: float) -> None:
        for wanted in place.topics.values():
            self.tell(wanted, now)

    def explain(self, wanted: Wanted, now: float) -> str:
        """A sentence about a wanted book: its state, why, and what is being done about it."""
        assert wanted.book is not None
        # Not the method of a live book, which would ask here again.
        text = Book.explain(wanted.book)
        place = wanted.place
        if wanted.refused is not None:
            return f"{text}; refused for good."
        if place is None or place.session is None:
            if place is None or place.opening:
                return f"{text}; connecting now."
            wait = max(place.retry_at, place.door.ready_at(place, now)) - now
            return f"{text}; connecting again in {max(0.0, wait):.1f} s."
        if wanted.troubled_since is None:
            return f"{text}."
        done = "asked for anew" if wanted.steps > 2 else "subscribed"
        if 0 < wanted.steps <= 2 and wanted.asked:
            done = f"request {wanted.steps} sent"
        return f"{text}; {done}, next step in {max(0.0, wanted.due - now):.1f} s."
