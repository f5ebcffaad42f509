"""The life of one websocket: what is subscribed on it, what was answered, whether it still lives.

Sans-I/O: decoded frames and the time come in, texts to send come out. No socket, no clock, no
reconnect: a session ends with its socket, and what comes after is the client's business. Which
words mean what is the profile's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bitmart_book.client.accused import Accused
from bitmart_book.client.liveness import Liveness
from bitmart_book.client.requests import Requests
from bitmart_book.client.times import CALLED_LATE, Timeouts
from bitmart_book.errors import BitmartBookError
from bitmart_book.venues.profile import ErrorKind, Operation, Profile, Reply

__all__ = ["Answer", "Session"]


class Answer(NamedTuple):
    """What became of a subscription."""

    topic: str
    accepted: bool | None
    """None: an error may have been about it, and what comes within `ACCUSED_FOR` will tell."""
    code: str | None = None
    message: str = ""
    error: BitmartBookError | None = None
    """Of a refusal: what the caller who asked for the topic is told."""


class Session:
    """One open websocket of one profile, from its opening to its end.

    The caller opens it with a time, feeds `receive` with what the profile makes of frames that
    are no pushes, calls `seen` at the first data of a topic, and `advance` whenever
    `next_deadline` has come or something was asked for; after each of these it sends `output()`.
    When `dead` is not None the socket must be closed.
    """

    def __init__(
        self,
        profile: Profile,
        now: float,
        timeouts: Timeouts | None = None,
        *,
        login: str | None = None,
    ) -> None:
        self.profile = profile
        self.timeouts = timeouts or Timeouts()
        self.opened_at = now
        self.dead: str | None = None
        self._requests = Requests(profile)
        self._queues: dict[Operation, dict[str, None]] = {
            "unsubscribe": {},
            "subscribe": {},
            "request": {},
        }
        # Topics that are to be given up and asked for again, as soon as renewals may.
        self._renewing: dict[str, None] = {}
        # Topics that are not answered yet, by the time their subscription was sent, oldest first.
        self._unanswered: dict[str, float] = {}
        # An error that names no topic may be about any unanswered one: its suspects. They are asked
        # for one at a time. A ping follows each: when its pong is back, so is the suspect's answer.
        self._suspects: deque[str] = deque()
        self._suspect: str | None = None
        self._clearing: int | None = None
        self._clear_at = 0.0
        self._accused = Accused()
        self._verdicts: list[Answer] = []
        # Topics that were acknowledged or proven here; those that were refused by mistake before.
        self._answered: set[str] = set()
        self._pardoned: set[str] = set()
        # When topics are to be asked for, for which there was no room.
        self._postponed: dict[str, float] = {}
        # Whether the other side says that this connection has too many topics.
        self._is_full = False
        self.liveness = Liveness(profile, self.timeouts, now, self._write_ping)
        """Whether the other side is there, and whether what it sends is of now."""
        self._output: list[str | None] = []
        self._login: str | None = None
        self._login_sent: float | None = None
        # What is late from its first byte is to be found out before it is believed.
        self._pings_at_once = True
        if login is not None:
            self.log_in(login, now)

    # --- logging in ---

    def log_in(self, text: str, now: float) -> None:
        """Nothing is asked for before this login is answered."""
        self._requests.take(now)
        self._login = text
        self._login_sent = now

    def take_login(self) -> str | None:
        """The login to send, once; it comes before all `output` and belongs in no log."""
        text, self._login = self._login, None
        return text

    @property
    def waits_for_login(self) -> bool:
        """Whether the login has not been answered yet."""
        return self._login_sent is not None

    # --- asking ---

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for topics; one that was about to be given up is simply kept."""
        for topic in topics:
            if self._queues["unsubscribe"].pop(topic, 0) is None:
                continue
            self._queues["subscribe"][topic] = None

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Give topics up; one that was not asked for yet is simply forgotten."""
        for topic in topics:
            self._drop(topic)
            if self._queues["subscribe"].pop(topic, 0) is None:
                continue
            self._queues["unsubscribe"][topic] = None

    def forget(self, topic: str) -> None:
        """A topic that the venue refused: there is nothing to give up."""
        self._drop(topic)
        self._queues["subscribe"].pop(topic, None)

    def postpone(self, topic: str, seconds: float, now: float) -> None:
        """Ask for a topic again, but so much later."""
        self._postponed[topic] = now + seconds

    def renew(self, topic: str, *, pardoned: bool = False) -> None:
        """Give a topic up and ask for it again. `pardoned`: its refusal was a mistake, and from now
        on no error is a verdict on it before it was given time."""
        if pardoned:
            self._pardoned.add(topic)
        self._drop(topic)
        if self._requests.renewals_wait:
            self._renewing[topic] = None
            return
        self._queues["unsubscribe"][topic] = None
        self._queues["subscribe"][topic] = None

    def renewals_at(self, now: float) -> float:
        """When a topic that is renewed now is sent, as far as renewals are counted."""
        return self._requests.renewals_at(now)

    def note_renewal(self, now: float, topics: int = 1) -> None:
        """So many topics that are subscribed here now are so instead of being renewed elsewhere."""
        self._requests.count_renewals(topics, now)

    def answer(self, text: str, now: float) -> None:
        """Answer the other side, which has asked whether we are there."""
        self._requests.take(now)
        self._output.append(text)

    def request(self, topics: Iterable[str]) -> None:
        """Ask for snapshots."""
        self._queues["request"].update(dict.fromkeys(topics))

    # --- hearing ---

    def receive(self, reply: Reply, now: float) -> list[Answer]:
        """What an acknowledgement or error says about subscriptions."""
        if reply.kind == "pong":
            pings = self.liveness.pings
            pings.pong(now)
            if self._clearing is not None and pings.last_answered >= self._clearing:
                self._cleared()
            return []
        if reply.operation == "login":
            if reply.kind == "ack":
                self._login_sent = None
            return []
        if reply.kind == "notice":
            return []
        asked = self._requests.asked(reply)
        if (reply.operation or (asked and asked.operation)) in ("unsubscribe", "request"):
            return []
        if reply.kind == "ack":
            topic = reply.topic
            if topic is None and asked is not None:
                return [answer for topic in asked.topics for answer in self.seen(topic)]
            if topic is None and reply.code is not None:
                # "Subscribed already" names no topic: it is about the suspect, or the oldest one.
                topic = self._suspect
                if topic is None and not self._doubts:
                    topic = next(iter(self._unanswered), None)
            return [] if topic is None else self.seen(topic)
        if self.profile.errors.kind(reply) is ErrorKind.FULL:
            self._is_full = True
        topic = reply.topic
        if topic is None and asked is not None and len(asked.topics) == 1:
            topic = asked.topics[0]
        if topic is not None:
            return self._named(topic, reply, now)
        return self._blame(reply, now, self._unanswered if asked is None else asked.topics)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The topics whose subscription is in question."""
        return (*self._unanswered, *self._accused)

    def seen(self, topic: str) -> list[Answer]:
        """Data of a topic has arrived, which proves more than an acknowledgement."""
        if not self._resolve(topic):
            return []
        self._answered.add(topic)
        return [Answer(topic, True)]

    def take_verdicts(self) -> list[Answer]:
        """What has become of the accused topics, each once."""
        verdicts, self._verdicts = self._verdicts, []
        return verdicts

    def _named(self, topic: str, reply: Reply, now: float) -> list[Answer]:
        """An error about a topic: a refusal, if that is in question. One whose data flows, or that
        was refused by mistake before, is given time; of one that was never asked for it is none."""
        if topic in self._answered:
            return self._accuse(topic, reply, now)
        in_question = topic == self._suspect or topic in self._unanswered
        if not in_question and topic not in self._suspects:
            return []
        if topic in self._pardoned and reply.code not in self.profile.errors.retry_codes:
            return self._accuse(topic, reply, now)
        return self._refused(topic, reply, now)

    def _accuse(self, topic: str, reply: Reply, now: float) -> list[Answer]:
        self._resolve(topic)
        self._accused.add(topic, reply, now)
        return [Answer(topic, None, reply.code, reply.message)]

    def _convict(self, now: float) -> None:
        """Of these nothing has come: an error about one that was acknowledged is a reason to ask
        for it again, any other one is a refusal."""
        for topic, reply in self._accused.convicted(now):
            if topic in self._answered:
                self.renew(topic)
            else:
                self._verdicts += self._refused(topic, reply, now)

    def _refused(self, topic: str, reply: Reply, now: float) -> list[Answer]:
        if reply.code in self.profile.errors.retry_codes:
            self._unanswered[topic] = now
            return []
        self._resolve(topic)
        error = self.profile.errors.exception(reply, (topic,))
        return [Answer(topic, False, reply.code, reply.message, error)]

    def _blame(self, reply: Reply, now: float, about: Iterable[str]) -> list[Answer]:
        """An error without a topic, about one of these: if it can be about one topic only, then
        that one is accused; if about several, each is asked for by itself."""
        if self._suspect is not None:
            if reply.code in self.profile.errors.retry_codes:
                return self._refused(self._suspect, reply, now)
            return self._accuse(self._suspect, reply, now)
        suspects = [topic for topic in about if topic in self._unanswered]
        if reply.code in self.profile.errors.retry_codes or self._doubts:
            return []
        if len(suspects) == 1:
            return self._accuse(suspects[0], reply, now)
        if suspects:
            self._clear(now)
        return []

    @property
    def _doubts(self) -> bool:
        """Whether the topic that an error is about is still being looked for."""
        return bool(self._clearing or self._suspects)

    def _clear(self, now: float) -> None:
        """Send a ping: its pong comes behind all answers that are on their way."""
        self._clearing = self.liveness.ping(now)
        self._clear_at = now + self.timeouts.pong_within

    def _cleared_at(self) -> float:
        """When silence will mean that all answers have come. A server that answers pings says so
        itself: of its silence nothing follows but the end of the connection."""
        if self._clearing is None or self.liveness.pings.count:
            return float("inf")
        return self._clear_at

    def _cleared_by_time(self, now: float) -> None:
        """It was silent for long enough, if this process heard it all the while."""
        if now >= self._clear_at + CALLED_LATE:
            self._clear_at = now + self.timeouts.pong_within
        else:
            self._cleared()

    def _cleared(self) -> None:
        """All answers that were on their way have come: topics without one are suspects."""
        self._clearing = None
        if self._suspect is not None:
            # No error was about it.
            self._suspect = None
            return
        for topic in list(self._unanswered):
            self._resolve(topic)
            self._suspects.append(topic)

    def _resolve(self, topic: str) -> bool:
        """A topic needs no answer any more; returns whether it did."""
        if topic == self._suspect:
            self._suspect = None
        suspected = topic in self._suspects
        if suspected:
            self._suspects.remove(topic)
        accused = self._accused.acquit(topic)
        return self._unanswered.pop(topic, None) is not None or suspected or accused

    def _drop(self, topic: str) -> None:
        """Nothing of what was said about it counts any more."""
        self._resolve(topic)
        self._postponed.pop(topic, None)
        self._renewing.pop(topic, None)
        self._answered.discard(topic)

    # --- time ---

    def advance(self, now: float, heard_at: float) -> list[str]:
        """Send what may be sent, ask whether the other side is there. `heard_at` is when bytes
        last arrived. Returns the topics that nobody answered for: they are asked for again,
        unless the connection is full."""
        self.liveness.heard(heard_at)
        end = self.liveness.end(now)
        if end is not None:
            self.dead = end
            return []
        if self._login_sent is not None and now >= self._login_sent + self.timeouts.answer_within:
            self.dead = f"the login was not answered for {now - self._login_sent:.1f} s"
            return []
        if now >= self.liveness.pings.due_at():
            self.liveness.ping(now)
        if now >= self._cleared_at():
            self._cleared_by_time(now)
        self._convict(now)
        for topic in [topic for topic, due in self._postponed.items() if now >= due]:
            del self._postponed[topic]
            self._queues["subscribe"][topic] = None
        silent = [
            topic
            for topic, asked_at in self._unanswered.items()
            if now >= asked_at + self.timeouts.answer_within
        ]
        for topic in silent:
            self._resolve(topic)
            if not self._is_full:
                self._queues["subscribe"][topic] = None
        self.send_due(now)
        return silent

    def _write_ping(self, now: float) -> None:
        # A ping never waits for its turn: half of the venue's limit is left free for it.
        self._requests.take(now)
        self._output.append(self.profile.speech.ping)

    def next_deadline(self, now: float) -> float:
        """When `advance` has something to do next."""
        deadline = self.liveness.next_deadline(now)
        if self._login_sent is not None:
            return min(deadline, self._login_sent + self.timeouts.answer_within)
        if self._unanswered:
            oldest = min(self._unanswered.values())
            deadline = min(deadline, oldest + self.timeouts.answer_within)
        deadline = min(deadline, self._cleared_at(), self._accused.next_deadline())
        deadline = min(deadline, min(self._postponed.values(), default=deadline))
        for operation, queue in self._queues.items():
            if queue and not self._held(operation):
                deadline = min(deadline, self._requests.ready_at(now, operation))
        if self._renewing:
            deadline = min(deadline, self._requests.renewals_at(now))
        if self._suspects and self._clearing is None:
            deadline = min(deadline, self._requests.ready_at(now, "subscribe"))
        return deadline

    def _held(self, operation: Operation) -> bool:
        """Whether it must wait: an error about a new topic would be put down to a suspect."""
        return operation == "subscribe" and self._doubts

    def output(self) -> list[str | None]:
        """The texts to send, in order, and None for a ping frame of the protocol; handed out
        once."""
        output, self._output = self._output, []
        return output

    def send_due(self, now: float) -> None:
        """Write what may be written now; `advance` does this too."""
        if self._login_sent is not None:
            return
        ready = self._requests.ready_at(now, "subscribe") <= now
        if self._suspects and self._clearing is None and ready:
            self._suspect = self._suspects.popleft()
            self._write("subscribe", [self._suspect], now)
            self._unanswered[self._suspect] = now
            self._clear(now)
        if self._renewing and self.renewals_at(now) <= now:
            self._requests.count_renewals(len(self._renewing), now)
            self._queues["unsubscribe"].update(self._renewing)
            self._queues["subscribe"].update(self._renewing)
            self._renewing.clear()
        for operation, queue in self._queues.items():
            while (
                queue
                and not self._held(operation)
                and self._requests.ready_at(now, operation) <= now
            ):
                topics = self._requests.batch(queue)
                self._write(operation, topics, now)
                if operation == "subscribe":
                    self._unanswered.update(dict.fromkeys(topics, now))
        if self._pings_at_once:
            self._pings_at_once = False
            self.liveness.ping(now)

    def _write(self, operation: Operation, topics: list[str], now: float) -> None:
        self._output.append(self._requests.word(operation, topics, now))
