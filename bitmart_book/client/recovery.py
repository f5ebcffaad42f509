"""How books are won back, and what is done before they are lost.

Sans-I/O: told what happened and when, it requests snapshots, subscribes anew, and has topics moved.
The engine alone changes books; this file decides when they are in doubt, and announces every
transition.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterable

from bitmart_book._book import Book, Engine
from bitmart_book.client.beside import Beside
from bitmart_book.client.connections import Connections, Keeper
from bitmart_book.client.outbox import Outbox
from bitmart_book.client.silence import Silence
from bitmart_book.client.subscriptions import Connection, Subscription, known_at
from bitmart_book.client.times import (
    AILING_CALM,
    AILING_FIRST_WAIT,
    AILING_FORGETS,
    AILING_LONGEST_WAIT,
    AILING_QUIET,
    ASK_AGAIN,
    ASK_BEFORE_DEADLINE,
    AUDIT_AFTER,
    CONNECTION_CONFIRMS,
    LONGEST_STEP,
    MOVE_AFTER,
    PONG_WITHIN,
    RENEW_AFTER,
    RENEW_SILENT,
    REPLY_WITHIN,
    VALID_FOR,
)
from bitmart_book.model import BookState, Change, EventKind

__all__ = ["Recovery"]

# While so few of the best levels are known for certain, a reply that shows more is asked for.
ENOUGH_KNOWN = 30
# A book that falls ill so often in a row, by frames of its own that nobody can read, is ailing.
RELAPSES = 3


class Recovery:
    """The books of a client that are being won back, and the watch over the others."""

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        connections: Connections,
        keeper: Keeper,
        *,
        rng: random.Random,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._counters = outbox.counters
        self._connections = connections
        self._keeper = keeper
        self._rng = rng
        self._recovering: dict[str, Subscription] = {}
        self.beside = Beside(engine, connections, outbox.counters)
        """What other connections are asked of silent books."""
        self._silence = Silence(engine, self.beside, outbox.counters)
        # How many books have lost their checksums, and of which of them that was told.
        self._stopped = 0
        self._told_stopped: weakref.WeakSet[Subscription] = weakref.WeakSet()

    def next_deadline(self) -> float:
        """When `advance` has something to do next; infinity: never."""
        due = (subscription.recovery.next_step_at for subscription in self._recovering.values())
        return min(due, default=float("inf"))

    def advance(self, now: float) -> None:
        """Take the steps that are due."""
        recovering = self._recovering.values()
        for subscription in [s for s in recovering if s.recovery.next_step_at <= now]:
            self._step(subscription, now)

    def subscribed(self, subscription: Subscription, connection: Connection, now: float) -> None:
        """A topic has been asked for on an open connection."""
        subscription.is_answered = False
        subscription.snapshots.begin()
        if subscription.book is not None:
            subscription.updates_before = self._engine.updates(subscription.book)
            self._engine.assign(subscription.book, connection.generation)
            self.announce(subscription, now)
            subscription.changed_at = subscription.seen.updated_at = now
            # The venue sends the snapshot by itself; only when it does not come, something is done.
            self._recovering[subscription.topic] = subscription
            subscription.recovery.begin(now, 1, now + RENEW_AFTER)

    def moved(self, subscription: Subscription, since: float | None, steps: int) -> None:
        """A topic is on another connection: its recovery goes on where it was."""
        subscription.recovery.since, subscription.recovery.steps = since, steps
        self._recovering[subscription.topic] = subscription

    def changed(self, subscription: Subscription, change: int, now: float) -> None:
        """A frame has changed the book; `change` are its Change bits."""
        book = subscription.book
        assert book is not None
        self.announce(subscription, now)
        if change & Change.SNAPSHOT:
            subscription.snapshots.whole_at, subscription.snapshots.awaited_since = now, None
        if change & Change.SNAPSHOT and self._is_frozen(subscription, now):
            self._subscribe_anew(subscription, now)
        elif book.state == BookState.LIVE:
            if subscription.recovery.since is not None:
                self.stop(subscription)
        elif change & (Change.GAP | Change.CROSSED):
            self._announce_overflow(subscription, now)
            self.start(subscription, now)

    def _is_frozen(self, subscription: Subscription, now: float) -> bool:
        """Whether replies go on while updates do not: then the subscription is dead, though the
        requests of its book are answered.

        One reply may overtake an update. Two in a row that are ahead of it may not.
        """
        book = subscription.book
        assert book is not None
        if book.sequence is None:
            return False
        quiet = now - subscription.changed_at
        subscription.changed_at = now
        snapshots = subscription.snapshots
        before = snapshots.last_reply
        last = snapshots.last_reply = (book.sequence, self._engine.changes_told(book))
        if not snapshots.was_requested or before is None:
            return False
        ahead = last[0] > before[0] and last[1] == before[1]
        snapshots.frozen_replies = snapshots.frozen_replies + 1 if ahead else 0
        # After a minute without an update one is enough: there was none to be overtaken.
        return snapshots.frozen_replies >= (1 if quiet >= AUDIT_AFTER else 2)

    def _subscribe_anew(self, subscription: Subscription, now: float) -> None:
        connection, book = subscription.connection, subscription.book
        assert connection is not None
        assert connection.session is not None
        assert book is not None
        self._counters["frozen"] += 1
        self._engine.invalidate(book, "replies show changes that no update told of")
        self.announce(subscription, now)
        self._renewed(subscription)
        connection.session.renew(subscription.topic)
        self._counters["renewals"] += 1
        subscription.snapshots.frozen_replies = 0
        self._recovering[subscription.topic] = subscription
        subscription.recovery.begin(now, 3, now + RENEW_AFTER)

    def start(self, subscription: Subscription, now: float) -> None:
        """A book that was won, or nearly, has been lost: begin to win it back."""
        book = subscription.book
        assert book is not None
        recovery = subscription.recovery
        asked_at = subscription.snapshots.requested_at
        under_way = recovery.steps > 1 or now < asked_at + ASK_AGAIN
        if recovery.since is not None and under_way:
            return  # recovery is under way, and asking faster would only be a storm
        if recovery.since is None:
            recovery.since = now
            self._counters["gaps"] += 1
        self._recovering[subscription.topic] = subscription
        recovery.begin(recovery.since, 0, now)
        self._step(subscription, now)

    def start_ailing(self, subscription: Subscription, now: float) -> None:
        """As `start`, for a book that was lost to a frame of its own that nobody could read.

        The first times it is asked for at once. If that goes on, it is subscribed anew or moved,
        more and more rarely for as long as such frames come: a symbol in trouble must be no storm.
        """
        recovery, ailment = subscription.recovery, subscription.recovery.ailment
        calm = now - ailment.last_at
        if calm > AILING_CALM:
            ailment.relapses = 0
        else:
            ailment.relapses = max(0, ailment.relapses - int(calm // AILING_FORGETS))
        ailment.last_at = now
        if now < ailment.until:
            recovery.next_step_at = min(ailment.until, now + AILING_QUIET)
            return
        if recovery.since is not None:
            if subscription.told.state == BookState.SYNCING:
                # Its snapshot was unreadable: no need to wait until its absence is noticed.
                self.start(subscription, now)
            return
        ailment.relapses += 1
        beyond = ailment.relapses - RELAPSES
        if beyond < 0:
            self.start(subscription, now)
            return
        wait = min(AILING_LONGEST_WAIT, AILING_FIRST_WAIT * 2.0 ** min(beyond, 10))
        self._counters["gaps"] += 1
        self._recovering[subscription.topic] = subscription
        ailment.until = now + wait * self._rng.uniform(0.9, 1.1)
        # Subscribed anew, and every fourth time moved.
        steps = 3 if beyond % 4 == 3 else 2
        recovery.begin(now, steps, min(ailment.until, now + AILING_QUIET))

    def stop(self, subscription: Subscription) -> None:
        """The book is back, or nobody wants it any more."""
        recovery = subscription.recovery
        recovery.since = None
        recovery.ailment.until = 0.0
        recovery.steps = 0
        self._recovering.pop(subscription.topic, None)

    def _step(self, subscription: Subscription, now: float) -> None:
        """The next step: ask, ask again, subscribe anew, move; then all over, more slowly."""
        connection = subscription.connection
        if connection is None or connection.session is None:
            self._recovering.pop(subscription.topic, None)
            return
        recovery = subscription.recovery
        step = recovery.steps % 4
        if step == 3 and self._catches_up(subscription):
            step = 1
        slowness = 2.0 ** min(recovery.steps // 4, 4)
        recovery.steps += 1
        asks = subscription.profile.can_request and subscription.is_sequenced
        if step in (0, 1) and asks:
            self._request(connection, subscription, now)
            self._counters["requests"] += 1
            wait = ASK_AGAIN if step == 0 else RENEW_AFTER - ASK_AGAIN
        elif step in (0, 1) and not subscription.is_sequenced:
            wait = RENEW_AFTER
            recovery.steps += 1 - step
        elif step != 3:
            # Where nothing can be asked for this is the first step, too.
            recovery.steps += 2 - step
            wait = self._renew(connection, subscription, now)
        else:
            self._keeper.move(subscription, now)
            wait = RENEW_AFTER
        jitter = self._rng.uniform(0.9, 1.1)
        recovery.next_step_at = now + min(LONGEST_STEP, wait * slowness) * jitter

    def _renew(self, connection: Connection, subscription: Subscription, now: float) -> float:
        """Subscribe anew, here or, where that would be too much for this connection, elsewhere.
        Returns the seconds until the next step."""
        assert connection.session is not None
        assert subscription.book is not None
        fits_at = connection.session.renewals_at(now)
        if fits_at > now:
            if self._connections.may_renew_beside(subscription, now):
                self._keeper.move(subscription, now)
                return MOVE_AFTER - RENEW_AFTER
            subscription.recovery.steps -= 1
            return fits_at - now
        self._renewed(subscription)
        connection.session.renew(subscription.topic)
        self._counters["renewals"] += 1
        return MOVE_AFTER - RENEW_AFTER

    def _renewed(self, subscription: Subscription) -> None:
        """It is subscribed anew where it is subscribed: what comes before the venue acknowledges
        that may have been on its way already."""
        assert subscription.book is not None
        self._engine.expect(subscription.book, subscribed=True, acknowledged=False)
        subscription.snapshots.is_renewed = True

    def _catches_up(self, subscription: Subscription) -> bool:
        """Whether snapshots come that are too old for the updates kept meanwhile: on another
        connection everything would begin anew, while here each snapshot is nearer to them."""
        assert subscription.book is not None
        recovery = subscription.recovery
        before, recovery.old_snapshots = (
            recovery.old_snapshots,
            subscription.book.stats["old_snapshots"],
        )
        return recovery.old_snapshots > before

    def _request(self, connection: Connection, subscription: Subscription, now: float) -> None:
        assert connection.session is not None
        assert subscription.book is not None
        subscription.snapshots.was_requested = True
        subscription.snapshots.requested_at = now
        self._engine.expect(subscription.book)
        connection.session.request([subscription.topic])

    # --- the watch ---

    def tick(self, connections: Iterable[Connection], now: float) -> None:
        """Once a second: confirm what only its connection confirms, ask where there is doubt."""
        connections = list(connections)
        self._tell_stopped(connections, now)
        for subscription in self.beside.look(now):
            self._contradicted(subscription, now)
        for connection in connections:
            if connection.session is None:
                continue
            line = self._engine.line(connection.generation)
            heard = None if line is None else line.last_heard
            for subscription in connection.topics.values():
                if subscription.book is not None:
                    self.announce(subscription, now)
                    if subscription.recovery.since is None and not connection.is_behind:
                        self._watch(connection, subscription, heard, now)
            if not connection.is_behind:
                self._renew_pictures(connection, now)
                self._silence.renew(connection, now)

    def _contradicted(self, subscription: Subscription, now: float) -> None:
        """Another connection shows another book, and not an older one: its own one has missed
        something, or stands still. It is carried by another one from now on."""
        assert subscription.book is not None
        reason = "another connection shows another book"
        self._engine.invalidate(subscription.book, reason)
        self.announce(subscription, now)
        self._counters["gaps"] += 1
        subscription.recovery.since, subscription.recovery.steps = now, 0
        self._recovering[subscription.topic] = subscription
        self._keeper.move(subscription, now)

    def _tell_stopped(self, connections: Iterable[Connection], now: float) -> None:
        """Where the venue's checksums have stopped, that is told once."""
        stopped = self._engine.stats["checksums_stopped"]
        if stopped == self._stopped:
            return
        self._stopped = stopped
        for connection in connections:
            for subscription in connection.topics.values():
                book = subscription.book
                if book is None or subscription in self._told_stopped:
                    continue
                if book.stats["checksums_stopped"]:
                    self._told_stopped.add(subscription)
                    self._counters["checksums_stopped"] += 1
                    self._outbox.event(
                        EventKind.CHECKSUMS_STOPPED,
                        now,
                        topic=subscription.topic,
                        reason="the venue's checksums stopped",
                    )

    def _watch(
        self, connection: Connection, subscription: Subscription, heard: int | None, now: float
    ) -> None:
        """`heard`: when something last arrived on the connection, in nanoseconds."""
        assert subscription.book is not None
        if self._engine.goes_back(subscription.book):
            # Its own frames say something else, and their stamps alone that it is older: nothing
            # that is said beside them keeps it LIVE.
            heard = None
        if subscription.told.state == BookState.STALE:
            self.start(subscription, now)
        elif subscription.told.state == BookState.LIVE and subscription.holds is not None:
            if heard is not None:
                self._silence.keep(subscription, heard / 1e9, now)
            if self._silence.is_unanswered(subscription, now):
                self._engine.invalidate(subscription.book, "subscribed anew, and no snapshot came")
                self.announce(subscription, now)
                self.start(subscription, now)
        elif subscription.told.state == BookState.LIVE and not subscription.is_sequenced:
            if heard is not None:
                self._keep_picture(connection, subscription, heard / 1e9, now)
        elif subscription.told.state == BookState.LIVE and connection.profile.can_request:
            self._ask_if_in_doubt(connection, subscription, now)

    def _keep_picture(
        self, connection: Connection, subscription: Subscription, heard: float, now: float
    ) -> None:
        """A book that nobody can ask for stays LIVE while its connection is heard to be of now, and
        its picture is not too old to be shown."""
        assert subscription.book is not None
        # A pong says nothing of a queue inside the venue; what is stamped does.
        spoken = self._spoke_at(connection)
        if spoken is None:
            spoken = heard - PONG_WITHIN
        known = known_at(subscription.book, now)
        until = min(spoken + CONNECTION_CONFIRMS, known + subscription.profile.pictures.hold)
        self._engine.confirm(subscription.book, int(until * 1e9))

    def _renew_pictures(self, connection: Connection, now: float) -> None:
        """Subscribe anew the books of pictures that have brought none for long; and where nothing
        on the connection is stamped of now, one of them: its picture tells for all."""
        pictures = [
            subscription
            for subscription in connection.topics.values()
            if subscription.book is not None
            and subscription.told.state == BookState.LIVE
            and not subscription.is_sequenced
            and subscription.holds is None
        ]
        due = [subscription for subscription in pictures if now >= _renew_at(subscription, now)]
        spoken = self._spoke_at(connection)
        is_silent = spoken is not None and now >= spoken + RENEW_SILENT
        if is_silent and pictures and not due and now >= connection.renewed_at + RENEW_SILENT:
            due.append(min(pictures, key=lambda subscription: subscription.snapshots.requested_at))
        for subscription in due:
            assert connection.session is not None
            subscription.snapshots.requested_at = connection.renewed_at = now
            self._counters["renewals"] += 1
            connection.session.renew(subscription.topic)

    def _spoke_at(self, connection: Connection) -> float | None:
        """As of when a connection spoke last, as far as its stamps tell."""
        line = self._engine.line(connection.generation)
        return None if line is None else line.spoke_at

    def _ask_if_in_doubt(
        self, connection: Connection, subscription: Subscription, now: float
    ) -> None:
        """A LIVE book: is it silent, known too shallowly, or kept alive by heartbeats alone?"""
        book = subscription.book
        assert book is not None
        changes = self._engine.changes_told(book)
        seen = subscription.seen
        if changes != seen.changes:
            seen.changes = changes
            subscription.changed_at = now
        updates = self._engine.updates(book)
        if updates != seen.updates:
            seen.updates, seen.updated_at = updates, now
        if now < subscription.snapshots.requested_at + REPLY_WITHIN:
            return
        if now >= seen.updated_at + AUDIT_AFTER:
            self._audit_by_renewal(connection, subscription, now)
            return
        known = known_at(book, now)
        if now >= known + VALID_FOR - ASK_BEFORE_DEADLINE or self._engine.goes_back(book):
            self._counters["questions"] += 1
        elif self._engine.runs_short(book, ENOUGH_KNOWN):
            self._counters["refreshes"] += 1
        elif now >= subscription.changed_at + AUDIT_AFTER:
            self._counters["audits"] += 1
        else:
            return
        self._request(connection, subscription, now)

    def _audit_by_renewal(
        self, connection: Connection, subscription: Subscription, now: float
    ) -> None:
        """Replies alone have kept the book alive, and may come out of a cache: what a subscription
        begins with is another witness."""
        assert connection.session is not None
        assert subscription.book is not None
        subscription.snapshots.requested_at = subscription.seen.updated_at = now
        self._counters["audits"] += 1
        self._counters["renewals"] += 1
        # What agrees with the book is joined to it, as a reply is.
        self._engine.expect(subscription.book)
        connection.session.renew(subscription.topic)

    # --- announcing ---

    def announce(self, subscription: Subscription, now: float) -> None:
        """One event for each transition of a book, whoever caused it."""
        book, told = subscription.book, subscription.told
        if book is None or book.state == told.state:
            return
        before, told.state = told.state, book.state
        after = now - told.at
        if before == BookState.LIVE:
            told.live_at = now
        reason = book.reason
        if told.state == BookState.LIVE:
            after = now - told.live_at
            reason = f"version {book.sequence}, epoch {book.epoch}"
        told.at = now
        kind = EventKind(told.state.lower())
        self._counters[f"to_{kind}"] += 1
        self._outbox.event(kind, now, topic=subscription.topic, reason=reason, after=after)

    def announce_all(self, connection: Connection, now: float) -> None:
        """As `announce`, for every book of a connection."""
        for subscription in connection.topics.values():
            self.announce(subscription, now)

    def _announce_overflow(self, subscription: Subscription, now: float) -> None:
        """When a book that waits can keep no more updates, its state stays what it was."""
        book, told = subscription.book, subscription.told
        assert book is not None
        before, told.overflows = told.overflows, book.stats["buffer_overflows"]
        if told.overflows > before:
            self._counters["overflows"] += 1
            self._outbox.event(
                EventKind.OVERFLOW, now, topic=subscription.topic, reason=book.reason
            )

    def explain(self, subscription: Subscription, now: float) -> str:
        """A sentence about a wanted book: its state, why, and what is being done about it."""
        assert subscription.book is not None
        # Not the method of a live book, which would ask here again.
        text = Book.explain(subscription.book)
        connection = subscription.connection
        if subscription.refusal is not None:
            return f"{text}; refused for good."
        if connection is None or connection.session is None:
            if connection is None or connection.is_opening:
                return f"{text}; connecting now."
            wait = self._connections.opens_at(connection, now) - now
            return f"{text}; connecting again in {max(0.0, wait):.1f} s."
        recovery = subscription.recovery
        if recovery.since is None:
            return f"{text}."
        done = "asked for anew" if recovery.steps > 2 else "subscribed"
        if 0 < recovery.steps <= 2 and subscription.snapshots.was_requested:
            done = f"request {recovery.steps} sent"
        wait = recovery.next_step_at - now
        return f"{text}; {done}, next step in {max(0.0, wait):.1f} s."


def _renew_at(subscription: Subscription, now: float) -> float:
    """When a book of pictures is to be subscribed anew, if it brings none until then."""
    assert subscription.book is not None
    silent_until = known_at(subscription.book, now) + subscription.profile.pictures.renew_after
    return max(silent_until, subscription.snapshots.requested_at + RENEW_AFTER)
