"""Bugs in what the client does for venues that nobody can ask: silence, renewals, words."""

from tests.mutants.mutant import Mutant

CLIENT = "tests/client/test_elsewhere.py"

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
]
