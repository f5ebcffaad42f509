"""Bugs in what is made of a venue's words: escapes, refusals of handshakes and of logins."""

from tests.mutants.mutant import Mutant

RAW = "tests/client/test_hostile.py::test_no_word_of_the_venue_reaches_anybody_raw"

WORDS = [
    Mutant(
        "an-error-message-goes-raw-to-the-terminal",
        "The venue, or whoever is in its place, forges lines in the user's terminal.",
        "venues/replies.py",
        'msgspec.structs.force_setattr(self, "message", printable(self.message))\n',
        "",
        "tests/client/test_hostile.py::test_of_a_book_the_reason_is_there_and_escaped",
    ),
    Mutant(
        "a-bad-frame-is-quoted-raw",
        "What a frame says of itself clears the screen of whoever prints the error.",
        "errors.py",
        "printable(symbol)",
        "symbol",
        "tests/client/test_hostile.py::test_errors_and_replies_by_themselves",
    ),
    Mutant(
        "topics-of-events-are-raw",
        "A topic that a frame invents turns the direction of a log that a user writes himself.",
        "client/outbox.py",
        "None if topic is None else printable(topic)",
        "topic",
        RAW,
    ),
    Mutant(
        "names-of-fields-are-raw",
        "A field that nobody documented forges a line of the report.",
        "venues/values.py",
        "printable(name[:_LONGEST_NAME])",
        "name[:_LONGEST_NAME]",
        RAW,
    ),
    Mutant(
        "wrong-clock-forgotten-with-its-socket",
        "On a machine whose clock is wrong no login ever succeeds, and none is the last.",
        "client/logins.py",
        "self._offset_ms = offset_ms\n",
        "",
        "tests/client/test_login.py::test_a_clock_that_is_wrong_is_remembered_when_the_refused_socket_is_closed",
        where="def _try_venue_clock(",
    ),
    Mutant(
        "largest-stamp-believed",
        "One oddly stamped book makes a wrong key look like a wrong clock.",
        "client/logins.py",
        "stamps[len(stamps) // 2]",
        "stamps[-1]",
        "tests/client/test_login.py::test_one_odd_stamp_does_not_make_a_wrong_key_a_wrong_clock",
    ),
    Mutant(
        "retry-after-not-read",
        "A venue that asks for five minutes is asked again after one, and bans for longer.",
        "client/limits.py",
        "min(retry_after, LONGEST_BAN)",
        "0.0",
        "tests/wire/test_refusal.py::test_a_gate_waits_as_long_as_it_was_asked_to",
    ),
    Mutant(
        "a-ban-by-another-number",
        "An answer of 418 is taken for a bad moment, and tries go on.",
        "wire/refusal.py",
        "(403, 418, 429)",
        "(403, 429)",
        "tests/wire/test_refusal.py::test_these_say_that_we_try_too_often",
    ),
    Mutant(
        "closing-from-another-loop-does-nothing",
        "A feed that is closed from another thread's loop goes on, with all its connections.",
        "feed/life.py",
        "await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.close(), home))\n",
        "",
        "tests/feed/test_cancel.py::test_a_feed_is_closed_from_another_loop_than_its_own",
    ),
]
