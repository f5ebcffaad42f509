"""Everybody who is told what happens to a feed: listeners of books, streams, and users' own hooks.

A user's code runs here, when everything that has arrived is applied, and never inside the client.
What it does wrong is reported and goes no further.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bitmart_book._book import Book, Engine, Latency
from bitmart_book.client.outbox import Push
from bitmart_book.errors import BitmartBookError
from bitmart_book.listeners.hub import BookHub, Callback
from bitmart_book.listeners.merged import Merged
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.log.journal import Journal
from bitmart_book.model import Event, EventKind, Instrument

__all__ = ["Audience", "mailboxes_of"]


def _nothing(is_there: Callable[[], bool]) -> AbstractContextManager[None]:
    del is_there
    return nullcontext()


class Audience:
    """The listeners of one feed.

    on_error: called with (what failed, the exception) instead of a line in the log. on_outage:
    called with an event. across: calls a function where the feed lives. explain: the sentence
    about a book. now: monotonic seconds.
    instruments: what is known of symbols. latency: where it is counted how long things take.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        *,
        on_error: Callable[[str, BaseException], object] | None,
        on_outage: Callable[[Event], object] | None,
        explain: Callable[[Book], str],
        now: Callable[[], float],
        across: Callable[[Callable[[], Any]], Any] = lambda function: function(),
        instruments: Mapping[str, Instrument] | None = None,
        latency: Latency | None = None,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._latency = Latency(None) if latency is None else latency
        self._on_error = on_error and self._callback("on_error", on_error)
        self._on_outage = on_outage and self._callback("on_outage", on_outage)
        self._explain = explain
        self._now = now
        self.across = across
        self._interruption: BaseException | None = None
        self.wanting: Callable[[Callable[[], bool]], AbstractContextManager[None]] = _nothing
        """Lets a capture go on until something is true; what is live goes on by itself."""
        self._finished = False
        self._instruments = {} if instruments is None else instruments
        self._hubs: dict[Book, BookHub] = {}
        self._streams: dict[str, list[Mailbox]] = {}
        # Who follows every book, those that come later too.
        self._followers: tuple[Merged, ...] = ()
        self.notes: list[tuple[BookHub, int]] = []
        """What books have noted that somebody wants to hear, in its order."""
        # Weak references: a stream of events that was dropped is not filled for ever.
        self._event_mailboxes: list[weakref.ref[Mailbox]] = []
        # Hubs whose callbacks are to be called when everything that has arrived is applied.
        self._due: dict[BookHub, None] = {}
        self._outages: list[Event] = []
        self._delivering = False
        self.counters: Counter[str] = Counter()

    def _callback(self, what: str, function: Callable[..., object]) -> Callback:
        return Callback(what, function, self.callback_failed, self._latency)

    # --- who ---

    def hub(self, book: Any) -> BookHub:
        """The listeners of a book."""
        hub = self._hubs.get(book)
        if hub is None:
            hub = BookHub(book, self, self._latency)
            # Two threads may ask for the same book of a capture at the same time.
            book.hub = hub = self._hubs.setdefault(book, hub)
            if self._finished:
                hub.finish()
            for follower in self._followers:
                follower.follow(hub, now=True)
        return hub

    def follow_all(self, merged: Merged, *, now: bool) -> None:
        """From now on every book is one of those, and those that are made later too. now: those
        that there are have to be taken at once."""
        self._followers = (*self._followers, merged)
        if self._finished:
            merged.close()
        for hub in list(self._hubs.values()):
            merged.follow(hub, now=now)

    def unfollow_all(self, merged: Merged) -> None:
        self._followers = tuple(one for one in self._followers if one is not merged)

    def forget_book(self, book: Book) -> None:
        """The book is closed: tell its listeners, for the last time."""
        hub = self._hubs.pop(book, None)
        if hub is not None:
            hub.look()

    def add_stream(self, topic: str, mailbox: Mailbox) -> None:
        """From now on the mailbox gets the values of that topic."""
        self._streams.setdefault(topic, []).append(mailbox)

    def remove_stream(self, topic: str, mailbox: Mailbox) -> bool:
        """No more values for that mailbox; whether it got any before."""
        mailboxes = self._streams.get(topic, [])
        if mailbox not in mailboxes:
            return False
        mailboxes.remove(mailbox)
        if not mailboxes:
            del self._streams[topic]
        return True

    def end_streams(self, topic: str) -> None:
        """Nobody is subscribed to that topic any more."""
        for mailbox in self._streams.pop(topic, []):
            mailbox.close()

    def refuse(self, topic: str, error: BitmartBookError) -> None:
        """The venue refused a topic: whoever iterates over it is told, and that is the end."""
        for mailbox in self._streams.get(topic, ()):
            mailbox.fail(error)

    def add_events(self, mailbox: Mailbox) -> None:
        """From now on the mailbox gets every event, as long as somebody holds it."""
        self._event_mailboxes = [ref for ref in self._event_mailboxes if ref() is not None]
        self._event_mailboxes.append(weakref.ref(mailbox))
        if self._finished:
            mailbox.close()

    def remove_events(self, mailbox: Mailbox) -> None:
        self._event_mailboxes = [
            ref for ref in self._event_mailboxes if ref() not in (None, mailbox)
        ]

    # --- what ---

    def publish(self, events: list[Event], pushes: list[Push]) -> None:
        """What the client has to say."""
        for push in pushes:
            for mailbox in self._streams.get(push.topic, ()):
                mailbox.put(push.values)
        for event in events:
            self._journal.event(event, event.time)
            if event.kind == EventKind.GAP and event.topic in self._streams:
                for mailbox in self._streams[event.topic]:
                    mailbox.hole(event.reason or "connection lost")
            if event.kind == EventKind.OUTAGE:
                self._outages.append(event)
        if events:
            self._put(events)
            self._look(events)

    def _put(self, events: list[Event]) -> None:
        for ref in self._event_mailboxes:
            mailbox = ref()
            if mailbox is not None:
                mailbox.put(events)

    def _look(self, events: list[Event]) -> None:
        """Look at the books that the events are about; those of a connection are about all."""
        if any(event.topic is None for event in events):
            self.look_at_all()
            return
        for event in events:
            book = self._engine.get(event.topic or "")
            hub = None if book is None else self._hubs.get(book)
            if hub is not None:
                hub.look()

    def look_at_all(self) -> None:
        """Tell the listeners of every book whose state is another than they were told."""
        for hub in list(self._hubs.values()):
            hub.look()

    def applied(self, since: int | None = None) -> None:
        """Something was applied, at that time of the clock (ns) or now: tell who wants to hear of
        it."""
        if self._followers:
            # Who follows all is told of a book of a capture that nobody has asked for.
            for book in self._engine.touched:
                if book not in self._hubs:
                    self.hub(book).changed(book.last_change)
        notes = self.notes
        if notes:
            if since is None:
                since = self._latency.now()
            while notes:
                hub, change = notes.pop(0)
                hub.changed(change, since)

    def hub_is_due(self, hub: BookHub) -> None:
        """A hub has something to deliver."""
        self._due[hub] = None

    def explain_book(self, book: Book) -> str:
        """A sentence about the state of a book."""
        return self._explain(book)

    def instrument(self, symbol: str, market: str) -> Instrument | None:
        """What is known of a symbol. Where several markets have it, that may stand under the name
        "market:symbol"."""
        return self._instruments.get(f"{market}:{symbol}") or self._instruments.get(symbol)

    def deliver(self) -> None:
        """All that has arrived is applied: now it is the turn of the users' own code.

        What it does may make more due; whoever began goes on until nothing is.
        """
        if self._delivering:
            return
        self.applied()
        if self._interruption is not None:
            error, self._interruption = self._interruption, None
            raise error
        self._delivering = True
        try:
            while self._due:
                hub = next(iter(self._due))
                del self._due[hub]
                hub.deliver()
            while self._outages:
                event = self._outages.pop(0)
                if self._on_outage is not None:
                    self._on_outage(event)
        finally:
            self._delivering = False

    def finish(self) -> None:
        """Nothing more will come: the end of every iterator, though books can still be read."""
        self.look_at_all()
        self._finished = True
        for hub in list(self._hubs.values()):
            hub.finish()
        for follower in self._followers:
            follower.close()
        for ref in self._event_mailboxes:
            mailbox = ref()
            if mailbox is not None:
                mailbox.close()

    def close(self) -> None:
        """Every book is closed: the end of every iterator. Callbacks are told by `deliver`."""
        self.look_at_all()
        for follower in self._followers:
            follower.close()
        for topic in list(self._streams):
            self.end_streams(topic)
        for ref in self._event_mailboxes:
            mailbox = ref()
            if mailbox is not None:
                mailbox.close()

    def interrupted(self, error: BaseException) -> None:
        """A callback in the middle of a frame wants to end the program: `deliver` raises it."""
        self._interruption = error

    def callback_failed(self, callback: Callback, error: BaseException) -> None:
        """A callback has raised: report it, and every listener of events is told."""
        self.counters["failures"] += 1
        now = self._now()
        reason = f"{callback.what}: {type(error).__name__}: {error}"
        if self._on_error is None or callback is self._on_error:
            self._journal.warning(callback.what, f"a callback failed: {reason}", now, error)
        else:
            self._on_error(callback.what, error)
        if callback.hopeless:
            self.counters["dropped"] += 1
            self._journal.error(
                f"{callback.what} failed {callback.failures} times in a row and is not called any "
                f"more: {type(error).__name__}: {error}"
            )
        self._put([Event(kind=EventKind.CALLBACK_FAILED, time=now, reason=reason)])


def mailboxes_of(audience: Audience) -> list[Mailbox]:
    """Those of every stream there is, once where one has several topics."""
    events = (ref() for ref in audience._event_mailboxes)
    found = [mailbox for mailboxes in audience._streams.values() for mailbox in mailboxes]
    found += [mailbox for mailbox in events if mailbox is not None]
    return list({id(mailbox): mailbox for mailbox in found}.values())
