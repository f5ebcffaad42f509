"""Bugs in what is made of answers: refusals, errors that name nobody, connections that are full."""

from tests.mutants.mutant import Mutant

ANSWERS = [
    Mutant(
        "nameless-error-is-a-verdict",
        "An error about something else refuses a topic for good whose data comes a moment later.",
        "client/accused.py",
        "now + ACCUSED_FOR",
        "now",
        "tests/client/test_accused.py::test_an_error_without_a_topic_refuses_nobody_who_answers_within_two_seconds",
        where="def add(",
    ),
    Mutant(
        "accused-after-a-standstill",
        "A program that was blocked for a moment takes answers that it has not read yet "
        "for silence.",
        "client/accused.py",
        "now >= found.due + CALLED_LATE",
        "False",
        "tests/client/test_accused.py::test_of_a_standstill_no_refusal_follows",
    ),
    Mutant(
        "a-topic-given-up-with-an-error-stays-silent",
        "A subscription that the venue ends with an error is not made anew.",
        "client/session.py",
        "topic in self._answered",
        "False",
        "tests/client/test_accused.py::test_a_topic_that_was_answered_and_is_silent_after_an_error_is_asked_for_anew",
        where="def _named(",
    ),
    Mutant(
        "an-error-ends-a-quiet-topic",
        "A topic that is quiet is refused for good by an error that means something else.",
        "client/session.py",
        "topic in self._answered",
        "False",
        "tests/client/test_accused.py::test_a_topic_that_was_answered_and_is_silent_after_an_error_is_asked_for_anew",
        where="def _convict(",
    ),
    Mutant(
        "an-error-asks-for-what-nobody-wants",
        "An error about a topic of somebody else makes the client subscribe it.",
        "client/session.py",
        "not in_question and topic not in self._suspects",
        "False",
        "tests/client/test_accused.py::test_an_error_about_what_nobody_asked_for_asks_for_nothing",
    ),
    Mutant(
        "a-refusal-is-never-taken-back",
        "A topic that the venue refused by mistake stays dark although its data comes.",
        "client/answers.py",
        'book.stats["ignored"] > ignored',
        "False",
        "tests/client/test_accused.py::test_a_refused_book_that_comes_all_the_same_begins_anew",
    ),
    Mutant(
        "taken-back-without-a-snapshot-of-its-own",
        "A book that was refused by mistake is not subscribed anew, and waits for a snapshot.",
        "client/answers.py",
        "connection.session.renew(subscription.topic, pardoned=True)\n",
        "",
        "tests/client/test_accused.py::test_a_refused_book_that_comes_all_the_same_begins_anew",
    ),
    Mutant(
        "full-is-not-learned",
        "A connection that carries fewer topics than documented is asked for more again and again.",
        "client/connections.py",
        "connection.full.most = max(1, len(connection.topics))\n",
        "",
        "tests/client/test_accused.py::test_a_connection_that_is_full_gives_topics_to_another_and_that_is_learned",
    ),
    Mutant(
        "full-is-asked-every-five-seconds",
        "A topic for which there is no room is asked for every five seconds, for ever.",
        "client/client.py",
        "full.waits += 1\n",
        "",
        "tests/client/test_accused.py::test_where_no_connection_has_room_a_topic_is_asked_for_more_and_more_rarely",
    ),
]
