"""Bugs in what the client does for venues that nobody can ask: silence, renewals, words."""

from tests.mutants.mutant import Mutant

CLIENT = "tests/client/test_elsewhere.py"
BESIDE = "tests/client/test_beside.py"
FOUND_OUT = f"{BESIDE}::test_a_server_that_repeats_an_old_snapshot_is_found_out"

ELSEWHERE = [
    Mutant(
        "asked-twice-is-refused",
        "An acknowledgement of Bybit's is lost, and the book is REJECTED for good.",
        "venues/bybit.py",
        '"ack" if is_there_already(words) else "error"',
        '"error"',
        f"{CLIENT}::test_a_topic_that_is_asked_for_twice_is_refused_by_nobody",
    ),
    Mutant(
        "ill-now-and-then-is-ill-for-good",
        "Who loses a book to a bad frame each half a minute waits for it longer each time.",
        "client/recovery.py",
        "int(calm // AILING_FORGETS)",
        "0",
        f"{CLIENT}::test_who_is_in_trouble_now_and_then_is_asked_for_at_once_each_time",
    ),
    Mutant(
        "one-server-asked-about-itself",
        "A server that stands still says of its own silence what it always said, and is believed.",
        "client/beside.py",
        "other is not connection",
        "False",
        FOUND_OUT,
    ),
    Mutant(
        "two-servers-agree-on-anything",
        "What a second connection shows is not compared: an old price stays LIVE for ever.",
        "client/beside.py",
        "mine[:shared] != other[:shared]",
        "False",
        FOUND_OUT,
    ),
    Mutant(
        "the-older-one-is-believed",
        "A second server that stands still takes a right book out of LIVE, each minute.",
        "client/beside.py",
        "other >= mine",
        "True",
        f"{BESIDE}::test_a_second_connection_that_stands_still_costs_nothing_but_its_vote",
    ),
    Mutant(
        "agreed-and-no-younger",
        "Two servers agree on a silent book, and all the same it is subscribed anew each minute.",
        "native/engine.pxi",
        "min(known, now)",
        "-1",
        f"{BESIDE}::test_a_silent_book_stays_live_while_two_connections_agree",
    ),
    Mutant(
        "asked-beside-for-ever",
        "Where a second connection gives no answer, a silent book is asked for until it is STALE.",
        "client/beside.py",
        "subscription.asked_beside_at >= known_at(subscription.book, now)",
        "False",
        f"{BESIDE}::test_where_no_answer_comes_there_it_is_renewed_here_in_time",
    ),
    Mutant(
        "renewals-beside-uncounted",
        "Asking other connections uses up the operations that a new subscription needs there.",
        "client/session.py",
        "self._requests.count_renewals(topics, now)\n",
        "",
        f"{BESIDE}::test_what_is_asked_beside_is_counted_as_a_renewal_there",
    ),
    Mutant(
        "carried-where-it-is-asked-for",
        "A second depth of a pair shares a connection with the first one, and takes its frames.",
        "client/connections.py",
        "(*connection.topics, *connection.beside)",
        "tuple(connection.topics)",
        f"{BESIDE}::test_another_depth_of_the_pair_is_not_carried_where_it_is_asked_for",
    ),
    Mutant(
        "renewed-without-end",
        "A lively book of a hundred levels keeps ghosts in its depth that nothing takes away.",
        "client/silence.py",
        "subscription.whole_at + subscription.renewed_after - RENEW_TOGETHER",
        "math.inf",
        f"{CLIENT}::test_a_deeper_book_is_renewed_each_five_minutes_however_lively_it_is",
    ),
    Mutant(
        "silence-is-believed",
        "A quiet book stays LIVE for as long as its connection speaks, whatever was lost.",
        "client/silence.py",
        "known_at(book, now) + holds",
        "math.inf",
        f"{CLIENT}::test_where_no_renewal_fits_it_is_stale_at_the_bound",
    ),
    Mutant(
        "unanswered-renewal-unseen",
        "A book is subscribed anew, no snapshot comes, and what it shows passes for the venue's.",
        "client/silence.py",
        "since is not None and now >= since + RENEW_AFTER",
        "False",
        f"{CLIENT}::test_a_renewal_that_no_snapshot_follows_is_noticed",
    ),
    Mutant(
        "renewals-use-up-all",
        "Renewals of quiet books use up an hour's operations of OKX, and a new book has to wait.",
        "client/limits.py",
        "rate.count // 2",
        "rate.count",
        f"{CLIENT}::test_renewals_use_no_more_than_half_of_the_operations",
        where="def renewal_rate(",
    ),
    Mutant(
        "pings-are-operations",
        "After half an hour of pings OKX's operations are used up, and a new book has to wait.",
        "client/requests.py",
        "self._messages.take(now)\n",
        "self._messages.take(now)\n"
        "if self._operations is not None:\n"
        "    self._operations.take(now)\n",
        f"{CLIENT}::test_pings_use_up_no_operations",
        where="def take(",
    ),
]
