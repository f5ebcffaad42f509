"""Bugs in what is said of how late a user is told, and of who kept the loop from running."""

from tests.mutants.mutant import Mutant

HISTOGRAM = "tests/native/test_histogram.py::"
COMPILED = "tests/native/test_latency.py::"
TOLD = "tests/listeners/test_latency.py::"

LATENCY = [
    Mutant(
        "half-the-span-is-said",
        "A strategy that budgets for the reported latency is late by as much again.",
        "native/histogram.pxi",
        "<int64_t>1 << bucket",
        "(<int64_t>1 << bucket) >> 1",
        f"{HISTOGRAM}test_of_a_thousand_equal_steps_each_share_is_the_bound_above_it",
    ),
    Mutant(
        "tail-rounded-away",
        "The one slow call of a hundred is in no percentile.",
        "native/histogram.pxi",
        "self.count % 1000 * of_thousand + 999",
        "self.count % 1000 * of_thousand",
        f"{HISTOGRAM}test_what_is_said_is_never_less_than_the_truth_and_less_than_twice_it",
    ),
    Mutant(
        "old-stamp-is-latency",
        "A venue that repeats a stamp in its heartbeats seems to be a minute away.",
        "native/latency.pxi",
        "book._line.lagged_at == engine._shared.now",
        "True",
        f"{COMPILED}test_a_stamp_that_says_nothing_of_now_is_not_counted",
    ),
    Mutant(
        "loss-counts-from-its-notice",
        "A loop that was blocked for a minute is said to have told of lost books at once.",
        "native/watch.pxi",
        "self.lost_at = ceased_at(book, book._shared.now)\n",
        "self.lost_at = book._shared.now\n",
        f"{COMPILED}test_a_book_that_lapsed_has_not_been_live_since_its_deadline",
    ),
    Mutant(
        "pause-blames-who-ran-before-it",
        "The log names a function for a pause that another one caused.",
        "native/latency.pxi",
        "self._ran.clear()\n",
        "",
        f"{COMPILED}test_a_callback_is_called_so_long_after",
        where="def take_busiest(",
    ),
    Mutant(
        "feed-that-is-over-holds-callbacks",
        "What a program gave to a feed as callbacks stays in memory after the feed was closed.",
        "wire/driver.py",
        "self._latency.stop()\n",
        "pass\n",
        "tests/feed/test_latency.py::"
        "test_a_feed_that_was_closed_holds_no_callback_that_was_given_up",
    ),
    Mutant(
        "callback-that-closes-is-held",
        "The same, of the callback that closed the feed.",
        "native/latency.pxi",
        "self._clock is not None",
        "True",
        f"{COMPILED}test_what_is_over_counts_nothing_and_holds_nobody",
        where="def call(",
    ),
    Mutant(
        "standstill-hides-when-a-book-lapsed",
        "After the machine slept books are said to have been lost only now.",
        "client/intake.py",
        "self._look()\n",
        "",
        "tests/client/test_intake.py::test_what_lapsed_during_a_pause_did_so_at_its_deadline",
    ),
    Mutant(
        "blocked-loop-hides-when-a-book-lapsed",
        "After a loop was blocked books are said to have been lost only as it returned.",
        "wire/driver.py",
        "self._lapses.when() <= self._loop.time()",
        "False",
        "tests/feed/test_latency.py"
        "::test_after_a_blocked_loop_what_has_lapsed_is_noted_before_the_client_says_anything",
    ),
    Mutant(
        "conflated-changes-waited-for-nothing",
        "Callbacks that are minutes late seem to be in time, if changes keep coming.",
        "listeners/hub.py",
        "if not self._changes:\n    self._since = since\n",
        "self._since = since\n",
        f"{TOLD}test_a_callback_is_as_late_as_the_first_change_that_its_quote_conflates",
    ),
    Mutant(
        "loss-that-nobody-saw-is-counted",
        "A book that was LIVE again before anybody was told counts as bad news that came late.",
        "listeners/hub.py",
        "if quote.state == BookState.LIVE:\n    lost_at = None\n",
        "",
        f"{TOLD}test_a_loss_that_was_over_before_anybody_was_told_is_no_news",
    ),
    Mutant(
        "loops-are-not-counted",
        "Whoever iterates sees no latency at all.",
        "feed/asynchronous.py",
        "self.hub.told(quote.state, slot.since, slot.lost_at)\n",
        "",
        "tests/feed/test_latency.py::test_loops_count_as_callbacks_do",
    ),
    Mutant(
        "pause-blames-whoever-was-called",
        "A pause of the machine is blamed on an innocent callback.",
        "wire/stalls.py",
        "busiest[1] / 1e9 < pause / 2",
        "False",
        "tests/wire/test_stalls.py::test_nobody_is_named_who_took_less_than_half_of_it",
    ),
    Mutant(
        "what-is-read-together-waits-for-nothing",
        "A burst of frames seems to be applied in no time, each.",
        "wire/link.py",
        "if self._receiver is not None:\n    self._receiver.read_at = now\n",
        "",
        "tests/feed/test_behind.py::test_whoever_is_attached_knows_when_the_bytes_were_read",
    ),
    Mutant(
        "buckets-of-prometheus-do-not-add-up",
        "An alert on the slowest percent of callbacks never fires.",
        "display/metrics.py",
        "upper <= bound",
        "upper == bound",
        "tests/display/test_prometheus_client.py"
        "::test_stages_are_histograms_whose_buckets_are_cumulative",
    ),
]
