"""Every span of time that decides something, in one table. All are seconds.

What must hold between them is asserted in `tests/client/test_times.py`; the figures that a user
should know stand in docs/faults.md. How often something may be done is the venue's word, and stands
in its profile (`Limits`); how the limits are kept is in `limits`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "ACCOUNT_BELIEVED_FOR",
    "ACCUSED_FOR",
    "AFTER_FAILURE_SECONDS",
    "AGREE_WITHIN",
    "AILING_CALM",
    "AILING_FORGETS",
    "AILING_FIRST_WAIT",
    "AILING_LONGEST_WAIT",
    "AILING_QUIET",
    "ALIVE_FOR",
    "ANSWER_WITHIN",
    "ASK_AGAIN",
    "ASK_BEFORE_DEADLINE",
    "ATTACH_LOOK",
    "ATTACH_PATIENCE",
    "ATTEMPT_SECONDS",
    "AUDIT_AFTER",
    "BAD_FRAMES_WITHIN",
    "BANNED_PAUSE",
    "BEAT_SECONDS",
    "CALLED_LATE",
    "CLOSE_AT_EXIT_SECONDS",
    "CLOSE_FEED_SECONDS",
    "CLOSE_SECONDS",
    "CONNECTION_CONFIRMS",
    "FIRST_PAUSE",
    "FORGIVEN_MOST",
    "FULL_FOR",
    "FULL_LONGEST_WAIT",
    "GOOD_AFTER",
    "HOPELESS_AFTER",
    "IDLE_SECONDS",
    "LAG_COUNTS",
    "LATE_WITHIN",
    "LOGIN_CLOCK",
    "LONGEST_BAN",
    "LONGEST_PAUSE",
    "LONGEST_STEP",
    "LONG_STANDSTILL",
    "LOOK_FOR_LAPSES",
    "LOOK_FOR_SIGNALS",
    "MAX_BEHIND_SECONDS",
    "MOVE_AFTER",
    "OPEN_SECONDS",
    "OUTAGE_AFTER",
    "OVERTAKEN_WITHIN",
    "PATIENCE",
    "PAUSE_SECONDS",
    "PING_AFTER",
    "PING_AGAIN",
    "POLL",
    "PONG_WITHIN",
    "RENEW_AFTER",
    "RENEW_SILENT",
    "RENEW_BEFORE",
    "RENEW_TOGETHER",
    "REPLY_WITHIN",
    "SEQUENCED_GUARD",
    "SHOW_AGAIN",
    "STANDSTILL",
    "STEP_SLACK",
    "STEP_WITHIN",
    "TICK",
    "Timeouts",
    "VALID_FOR",
    "WAY",
]

# --- opening and closing a socket ---

OPEN_SECONDS: Final = 5.0
"""A websocket that is not open by then has failed. Handshakes with the venue take well below one
second."""
ATTEMPT_SECONDS: Final = 10.0
"""Longest time for which one connection's attempt may keep the others waiting at a gate. It is more
than an attempt can take, so that only an attempt that was forgotten is passed over."""
CLOSE_SECONDS: Final = 1.0
"""A peer that does not answer a close by then is cut off."""
CLOSE_FEED_SECONDS: Final = 10.0
"""Closing a blocking feed waits so long for its thread, whose sockets may be dead."""
CLOSE_AT_EXIT_SECONDS: Final = 3.0
"""The same at the end of the program, which nobody wants to wait for."""
LOOK_WHETHER_HELD: Final = 2.0
"""A feed that was dropped without being closed looks so often whether anything of it is held."""

# --- the pause before the next attempt ---

FIRST_PAUSE: Final = 0.5
"""Bound of the first random pause; it doubles with each attempt in vain."""
LONGEST_PAUSE: Final = 10.0
"""Bound of every later one. Half a minute would be kinder to a server that is away, but would leave
books dark for as long after its return; ten seconds with jitter are twelve attempts a minute, far
below the limit."""
BANNED_PAUSE: Final = 60.0
"""After an answer of 403, 418 or 429: the venue counts attempts by the minute."""
LONGEST_BAN: Final = 3_600.0
"""If the venue asks for a longer pause with its refusal (`Retry-After`), it gets that; but never a
longer one than this."""
GOOD_AFTER: Final = 30.0
"""A connection that lived this long and brought data resets the pauses. That it opened proves
little: servers that accept and drop would be stormed otherwise."""
OUTAGE_AFTER: Final = 60.0
"""An endpoint that cannot be reached for so long is an outage, told again each time as long."""

# --- whether the other side is there, and in time ---

PING_AFTER: Final = 5.0
"""So often a ping is sent, whatever arrives. The venue closes after 20 seconds of silence."""
PONG_WITHIN: Final = 3.0
"""A pong that takes longer says that what arrives is old; without any byte for this and
`PING_AFTER` together the connection is dead."""
ACCOUNT_BELIEVED_FOR: Final = 9.5
"""So long after the last ping that was answered was sent, what an account's connection has brought
passes for what is. Books have deadlines of their own; of an account only the pongs say how old it
is, and with this it is never older than ten seconds."""
PING_AGAIN: Final = 1.0
"""So soon after a pong that was late the next ping is sent, and none sooner after any pong: a
second pong for the same ping would be taken for its answer."""
LATE_WITHIN: Final = 3.0
"""What arrives later than this, compared with the earliest that its host has shown, is held. Less
is in the age of a quote, and counts."""
LAG_COUNTS: Final = 10.0
"""What a connection has shown of its lag says nothing any more after so long without a stamp. No
connection is replaced sooner for being late, either."""
STEP_WITHIN: Final = 2.0
"""So long the other connections of a host have to show the same lag; else a fresh one has to."""
STEP_SLACK: Final = 1.0
"""By so much delays vary where a step of the venue's clock is measured."""
FORGIVEN_MOST: Final = 5.0
"""So much lag is forgiven altogether, for as long as the process lives, as a step of the venue's
clock that all connections of a host show. Beyond that their books are held."""
MAX_BEHIND_SECONDS: Final = 3.0
"""A socket that was never empty for so long holds data that is as old: it is dropped."""
ANSWER_WITHIN: Final = 5.0
"""A subscription or login that was neither answered nor proven by data is sent again."""
ACCUSED_FOR: Final = 2.0
"""An error that does not say clearly whom it is about refuses nobody of whom, within this time, an
acknowledgement or any data comes."""
FULL_LONGEST_WAIT: Final = 300.0
"""A topic for which no connection has room is asked for again after `ANSWER_WITHIN`, then after
twice as long each time, up to this."""
FULL_FOR: Final = 600.0
"""So long it is remembered that connections to an address carry fewer topics than documented."""
LOGIN_CLOCK: Final = 60.0
"""The venue refuses a login whose time is further from its own."""
BAD_FRAMES_WITHIN: Final = 10.0
"""So many unreadable frames as end a connection count only within this time."""

OVERTAKEN_WITHIN: Final = 5.0
"""What the venue says of an account may be overtaken by later words, by no more than this."""

# --- whether this process runs ---

TICK: Final = 1.0
"""So often books are looked at without a reason."""
IDLE_SECONDS: Final = 3_600.0
"""The client is called so often where nothing at all is wanted."""
BEAT_SECONDS: Final = 0.05
"""So often the event loop is looked at."""
PAUSE_SECONDS: Final = 0.1
"""A loop that did not run for so long is a pause, logged and counted."""
LOOK_FOR_SIGNALS: Final = 0.2
"""A thread that waits where its wait hears no signal looks for one so often."""
LOOK_FOR_LAPSES: Final = 0.25
"""So often a feed looks when the next of the books that somebody watches ceases to be LIVE by
itself, to tell of it at that moment; sooner where one is due."""
PATIENCE: Final = 10.0
"""So long a call waits for the venue's answer, where the user says nothing else."""
HOPELESS_AFTER: Final = 3.0
"""Who subscribes is told after so long that no connection could be opened, though tried twice."""
AFTER_FAILURE_SECONDS: Final = 1.0
"""After a failure inside this package the client is called so much later again, not at once."""
CALLED_LATE: Final = 0.25
"""A session that is called so much later than it asked to be draws no conclusion from silence: this
process stood still for a moment, and what was said meanwhile may not have been read yet."""
STANDSTILL: Final = 3.0
"""Called so much later than it wanted, the client takes what has piled up meanwhile for old: books
are held until a pong has come through all of it, and before that no frame is applied."""
LONG_STANDSTILL: Final = 5.0
"""After a longer one the connections are not worth keeping: each is made anew."""

# --- winning a book back ---

ASK_AGAIN: Final = 1.0
"""A book in GAP is asked for at once, and again after this, in case the request was lost."""
RENEW_AFTER: Final = 5.0
"""Then it is subscribed anew: perhaps the server has forgotten the subscription."""
MOVE_AFTER: Final = 10.0
"""Then it is moved: perhaps another server can deliver it. One symbol never costs a connection."""
LONGEST_STEP: Final = 10.0
"""The steps begin again, each round twice as slow, but none waits longer than this."""
AILING_FIRST_WAIT: Final = 1.0
"""A book that was lost three times in a row to frames of its own that nobody can read is left alone
for so long before it is subscribed anew; each time after that for twice as long."""
AILING_LONGEST_WAIT: Final = 60.0
"""No wait of such a book is longer."""
AILING_QUIET: Final = 5.0
"""It is over when no such frame has come for so long."""
AILING_CALM: Final = 60.0
"""After so long without an unreadable frame of its own a book is in trouble for the first time."""
AILING_FORGETS: Final = 20.0
"""Each time that a book was so long without such a frame, one that came before is forgotten: who is
in trouble only now and then is asked for at once each time, which is no storm."""

# --- watching a book that is LIVE ---

VALID_FOR: Final = 9.5
"""A book is LIVE for so long after the moment at which what it shows was last known to be the
venue's newest."""
WAY: Final = 0.5
"""The shortest way of a message from the venue, which no stamp shows, is taken to be less. With it
what a book shows is ten seconds old at most."""
SEQUENCED_GUARD: Final = 8.0
"""`Book.guard` lets nothing older pass on a channel that can be asked, unless it is told to."""

ASK_BEFORE_DEADLINE: Final = 4.0
"""So long before its deadline a silent book is asked for. A book is looked at once a `TICK`, and
the reply to a first request may be lost: there is time for a second one."""
REPLY_WITHIN: Final = 3.0
"""A request is not repeated before its reply had time to come."""
AUDIT_AFTER: Final = 60.0
"""A book without a change for so long is compared with a reply. Heartbeats alone prove little: a
server that is stuck sends them too."""
RENEW_SILENT: Final = 5.0
"""Where nothing stamped has come on a connection for so long, one book of pictures is subscribed
anew: its picture says for all of them whether they are of now."""
CONNECTION_CONFIRMS: Final = 9.5
"""A book that nobody can ask for stays LIVE for so long by whatever arrives on its connection, less
its lag; it is made no younger by it."""
RENEW_BEFORE: Final = 8.0
"""So long before its deadline a silent book of a venue that cannot be asked is subscribed anew: if
no snapshot comes within `RENEW_AFTER`, there is time to notice it."""
RENEW_TOGETHER: Final = 10.0
"""With a book that is renewed go those of its connection that would be within this: what is counted
is the message, and not the topics in it."""
AGREE_WITHIN: Final = 3.0
"""A silent book that is asked for on a second connection as well has so long to be shown there as
it is here. What changes in that moment may be on its way on one of the two."""

# --- several programs on one machine ---

ALIVE_FOR: Final = 1.0
"""A publisher counts as alive for so long after its loop was seen to run; then its books cannot be
read any more, whatever their deadlines say."""
SHOW_AGAIN: Final = 0.25
"""A publisher says so often that it is alive, and shows what no frame tells of."""
ATTACH_PATIENCE: Final = 5.0
"""`attach` waits so long for a publisher."""
ATTACH_LOOK: Final = 0.01
"""And looks so often whether it is there."""
POLL: Final = 0.0005
"""An iterator over the quotes of another program's book looks so often for a newer one."""

# --- in a notebook ---

LADDER_SECONDS: Final = 0.2
"""A ladder that lives in a cell is replaced so often."""
LADDER_OLD_SECONDS: Final = 3.0
"""One that was not replaced for so long fades, and says that it is old."""

# --- those that a user may set ---


class Timeouts(NamedTuple):
    """Seconds. The venue closes after 20 s of silence; these find out long before."""

    ping_after: float = PING_AFTER
    """Ask so often whether the other side is there."""
    pong_within: float = PONG_WITHIN
    """No byte for `ping_after` and so long: the connection is dead. Bytes, but no answer to a
    ping within it: what arrives is of then and not of now."""
    answer_within: float = ANSWER_WITHIN
    """Neither an acknowledgement nor data: ask again."""
