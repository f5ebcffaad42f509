"""One session by itself: answers that are lost, late or passing, and pongs that are late."""

import json

import pytest
from msgspec.structs import replace

from bitmart_book.client.session import Session
from bitmart_book.client.times import ACCOUNT_BELIEVED_FOR
from bitmart_book.venues import BITMART
from bitmart_book.venues.profile import Reply

TOPIC = "spot/depth/increase100:A_B"
PONG = Reply(kind="pong")


SPOT = next(profile for profile in BITMART.profiles if profile.market == "spot")
# Of this one nobody says that it answers pings.
MUTE = replace(SPOT, speech=replace(SPOT.speech, ping_answered=False))


@pytest.fixture
def session():
    """Open, and its first ping is answered."""
    session = Session(SPOT, 0.0)
    session.advance(0.0, 0.0)
    assert session.output() == ["ping"]
    session.receive(PONG, 0.0)
    return session


@pytest.fixture
def mute_session():
    """Open, on a server that answers no pings."""
    session = Session(MUTE, 0.0)
    session.advance(0.0, 0.0)
    session.output()
    return session


def sent(session):
    """(operation, topics) of what is sent, pings left out."""
    messages = [
        json.loads(text) for text in session.output() if text != session.profile.speech.ping
    ]
    return [(message["op"], message["args"]) for message in messages]


def subscribed(session):
    session.subscribe([TOPIC])
    session.advance(0.0, 0.0)
    assert sent(session) == [("subscribe", [TOPIC])]


def ack(topic):
    return Reply(kind="ack", operation="subscribe", topic=topic)


def error(code, topic=TOPIC):
    return Reply(kind="error", operation="subscribe", topic=topic, code=code, message="no")


def test_a_subscription_that_nobody_answers_is_sent_again(session):
    subscribed(session)
    assert session.advance(4.9, 4.9) == []
    assert sent(session) == []
    assert session.advance(5.0, 5.0) == [TOPIC]
    assert sent(session) == [("subscribe", [TOPIC])]
    session.seen(TOPIC)
    assert session.advance(10.0, 10.0) == []
    assert sent(session) == []


@pytest.mark.parametrize("topic", [TOPIC, None])
def test_an_error_of_the_moment_is_no_verdict(session, topic):
    """The venue is busy, or was asked too fast: the topic is asked for again, a little later."""
    subscribed(session)
    assert session.receive(error("94001", topic), 1.0) == []
    assert session.unanswered == (TOPIC,)
    session.advance(6.0, 6.0)
    assert sent(session) == [("subscribe", [TOPIC])]


def test_any_other_error_is_final(session):
    subscribed(session)
    (answer,) = session.receive(error("90004"), 1.0)
    assert (answer.topic, answer.accepted, answer.code) == (TOPIC, False, "90004")
    session.advance(6.0, 6.0)
    assert sent(session) == []


def test_one_bad_topic_of_three_is_found_by_asking_for_each(session):
    """The error names nobody; those whose answers were still on their way are answered."""
    topics = [f"spot/ticker:{name}_B" for name in "ABC"]
    session.subscribe(topics)
    session.advance(0.0, 0.0)
    assert sent(session) == [("subscribe", topics)]
    assert [a.topic for a in session.receive(ack(topics[0]), 0.1)] == topics[:1]
    assert session.receive(error("92001", None), 0.1) == []
    session.subscribe(["spot/ticker:D_B"])
    session.send_due(0.1)
    assert session.output() == [session.profile.speech.ping], "first all answers have to be there"
    assert [a.topic for a in session.receive(ack(topics[2]), 0.1)] == topics[2:]
    session.receive(PONG, 0.2)
    session.send_due(0.2)
    assert sent(session) == [("subscribe", topics[1:2])]
    (answer,) = session.receive(error("92001", None), 0.3)
    assert (answer.topic, answer.accepted) == (topics[1], None), "accused, until two seconds on"
    session.send_due(0.3)
    assert sent(session) == []
    session.receive(PONG, 0.3)
    session.advance(0.4, 0.4)
    assert sent(session) == [("subscribe", ["spot/ticker:D_B"])]
    session.advance(2.2, 2.2)
    assert session.take_verdicts() == []
    session.advance(2.3, 2.3)
    (answer,) = session.take_verdicts()
    assert (answer.topic, answer.accepted, answer.code) == (topics[1], False, "92001")
    assert session.unanswered == ("spot/ticker:D_B",)


def test_a_server_without_pongs_or_acks_is_asked_for_each_topic_too(mute_session):
    """Of whom nothing is said within three seconds, nothing was to be said."""
    topics = [f"spot/ticker:{name}_B" for name in "ABC"]
    session = mute_session
    session.subscribe(topics)
    session.advance(0.0, 0.0)
    sent(session)
    session.receive(error("92001", None), 0.1)
    asked = []
    for tenth in range(2, 200):
        now = tenth / 10
        deadline = session.next_deadline(now)
        assert deadline > now - 0.1, "it does not spin"
        session.advance(now, now)
        for operation, names in sent(session):
            assert operation == "subscribe"
            asked += names
            if names == topics[1:2]:
                (answer,) = session.receive(error("92001", None), now)
                assert answer.topic == topics[1]
                session.forget(topics[1])
    assert asked[:3] == topics
    assert set(asked[3:]) <= {topics[0], topics[2]}, "unanswered ones are asked for again"


def test_an_answer_that_comes_late_clears_a_suspect(session):
    """The pong has overtaken it."""
    topics = [f"spot/ticker:{name}_B" for name in "ABC"]
    session.subscribe(topics)
    session.advance(0.0, 0.0)
    session.receive(error("92001", None), 0.1)
    session.receive(PONG, 0.1)
    session.send_due(0.1)
    assert sent(session)[1:] == [("subscribe", topics[:1])]
    (answer,) = session.receive(ack(topics[2]), 0.2)
    assert (answer.topic, answer.accepted) == (topics[2], True)
    session.receive(ack(topics[0]), 0.2)
    session.receive(PONG, 0.2)
    session.send_due(0.2)
    assert sent(session) == [("subscribe", topics[1:2])]


def test_a_word_that_it_is_there_already_is_an_answer(session):
    """It names nobody either: it is the turn of the one that was asked for first."""
    subscribed(session)
    already = Reply(kind="ack", operation="subscribe", code="90008")
    (answer,) = session.receive(already, 0.1)
    assert (answer.topic, answer.accepted) == (TOPIC, True)
    assert session.receive(already, 0.1) == []


def test_a_renewed_topic_is_given_up_first(session):
    subscribed(session)
    session.seen(TOPIC)
    session.renew(TOPIC)
    session.advance(1.0, 1.0)
    assert sent(session) == [("unsubscribe", [TOPIC]), ("subscribe", [TOPIC])]


# --- whether what arrives is of now ---


def test_the_first_ping_goes_out_on_opening_and_its_pong_is_missed():
    session = Session(SPOT, 0.0)
    session.subscribe([TOPIC])
    session.send_due(0.0)
    assert session.output()[1:] == ["ping"]
    assert session.next_deadline(0.0) == 3.0
    assert not session.liveness.behind(2.9)
    assert session.liveness.behind(3.0) == "its connection has answered no ping for 3 s"
    session.advance(8.0, 7.9)
    assert session.dead == "a ping was not answered for 8.0 s"


def test_a_server_of_which_nobody_says_that_it_answers_pings_is_not_judged_by_them(mute_session):
    session = mute_session
    for tenth in range(600):
        session.advance(tenth / 10, tenth / 10)
        assert not session.liveness.behind(tenth / 10)
    assert session.dead is None
    assert session.output() == ["ping"] * 11


def test_a_private_session_pings_behind_its_login():
    session = Session(SPOT, 0.0, login="login")
    session.send_due(0.0)
    assert session.output() == []
    session.receive(Reply(kind="ack", operation="login"), 0.1)
    session.send_due(0.1)
    assert session.output() == ["ping"]


def late(lag, pongs=1, until=60.0):
    """A session of which each ping is answered by so many pongs, all as late; when it was behind,
    and what became of it."""
    session = Session(SPOT, 0.0)
    session.subscribe([TOPIC])
    on_their_way, behind = [], []
    for tenth in range(int(until * 10)):
        now = tenth / 10
        while on_their_way and on_their_way[0] <= now:
            session.receive(PONG, on_their_way.pop(0))
        session.advance(now, now)
        if session.dead is not None:
            break
        on_their_way += [now + lag] * (pongs * session.output().count("ping"))
        session.seen(TOPIC)
        if session.liveness.behind(now):
            behind.append(now)
    return session, behind


@pytest.mark.parametrize("pongs", [1, 2, 3])
def test_a_steady_lag_is_seen_however_many_pongs_a_ping_has(pongs):
    """Once it is behind, only a pong that is in time ends that."""
    session, behind = late(7.0, pongs)
    assert session.dead is None
    assert behind == [tenth / 10 for tenth in range(30, 600)]


@pytest.mark.parametrize("pongs", [1, 2, 3])
def test_a_connection_in_time_is_not_behind_however_many_pongs_a_ping_has(pongs):
    session, behind = late(0.5, pongs)
    assert session.dead is None
    assert behind == []
    assert session.liveness.pings.round_trip == 0.5


def test_no_more_pongs_are_believed_than_pings_were_sent(session):
    """Second pongs begin to come; then the connection is late, and they must not hide it."""
    session.receive(PONG, 0.1)
    session.advance(5.0, 5.0)
    session.receive(PONG, 5.1)
    session.receive(PONG, 5.1)
    session.advance(10.0, 10.0)
    assert session.liveness.behind(13.0)
    assert session.next_deadline(10.0) == 13.0
    session.receive(PONG, 14.0)
    assert session.liveness.behind(14.0), "it took four seconds"
    session.receive(PONG, 14.0)
    session.advance(15.0, 15.0)
    session.receive(PONG, 15.1)
    assert not session.liveness.behind(15.1)


def test_pongs_that_nobody_asked_for_prove_nothing(session):
    for tenth in range(1, 50):
        session.receive(PONG, tenth / 10)
    session.advance(5.0, 5.0)
    session.receive(PONG, 5.1)
    session.output()
    session.advance(10.1, 10.1)
    assert session.output() == ["ping"]
    session.receive(PONG, 10.2)
    assert session.liveness.behind(13.1), (
        "of one ping there are many pongs: this is one of the ping before"
    )


def test_one_ping_is_in_the_air_at_a_time(session):
    session.advance(5.0, 5.0)
    assert session.output() == ["ping"]
    for now in (6.0, 10.0, 12.9):
        session.advance(now, now)
    assert session.output() == []
    session.advance(13.0, 13.0)
    assert session.dead == "a ping was not answered for 8.0 s"


def test_after_a_late_pong_a_second_one_is_waited_for_before_the_next_ping(session):
    session.advance(5.0, 5.0)
    session.receive(PONG, 10.5)
    session.output()
    assert session.next_deadline(10.5) == 11.5
    session.advance(11.4, 11.4)
    assert session.output() == []
    session.advance(11.5, 11.5)
    assert session.output() == ["ping"]


@pytest.mark.parametrize(("private", "dead"), [(True, True), (False, False)])
def test_an_account_is_believed_for_so_long_after_a_ping_that_was_answered(private, dead):
    """However late pongs are: what it says may be as old as the last ping with an answer."""
    profile = next(p for p in BITMART.profiles if p.market == "spot" and p.private is private)
    session = Session(profile, 0.0)
    session.advance(0.0, 0.0)
    session.receive(PONG, 0.1)
    session.advance(5.0, 5.0)
    session.receive(PONG, 9.0)
    session.advance(10.0, 10.0)
    assert session.output().count("ping") == 3
    assert (session.next_deadline(14.0) == 5.0 + ACCOUNT_BELIEVED_FOR) is dead
    session.advance(14.4, 14.4)
    assert session.dead is None
    session.advance(14.5, 14.5)
    assert (session.dead is not None) is dead


def test_pongs_answer_pings_in_their_order(session):
    """The second ping asks when all answers have come, while the first is under way."""
    session.advance(5.0, 5.0)
    session.liveness.probe(7.5, "a standstill")
    session.receive(PONG, 8.1)
    assert session.liveness.pings.round_trip == pytest.approx(3.1)
    assert session.liveness.behind(8.1)
    session.receive(PONG, 8.2)
    assert session.liveness.pings.round_trip == pytest.approx(0.7)
    assert not session.liveness.behind(8.2)


def test_one_late_pong_is_enough_to_be_behind(session):
    session.advance(5.0, 5.0)
    session.liveness.probe(7.5, "a standstill")
    assert session.liveness.behind(8.0)
    session.receive(PONG, 8.1)
    session.receive(PONG, 11.0)
    assert session.liveness.behind(11.0)


BATCH = [f"spot/depth/increase100:{symbol}" for symbol in ("A_B", "C_D", "E_F")]


def test_the_errors_of_one_message_do_not_reject_whoever_is_asked_next(session):
    session.subscribe(BATCH)
    session.advance(0.0, 0.0)
    session.output()
    assert session.receive(error("92001", None), 0.1) == []
    assert session.output() == [session.profile.speech.ping]
    session.subscribe([TOPIC.replace("A_B", "G_H")])
    # The pong comes behind every error of that message.
    session.advance(0.2, 0.2)
    assert session.receive(error("92001", None), 0.2) == []
    assert sent(session) == []
    session.receive(PONG, 0.3)
    session.advance(0.3, 0.3)
    assert sent(session) == [("subscribe", BATCH[:1])]
    assert [answer.topic for answer in session.receive(error("92001", None), 0.4)] == BATCH[:1]
    session.advance(0.4, 0.4)
    assert sent(session) == []
    session.receive(PONG, 0.5)
    session.advance(0.5, 0.5)
    assert sent(session) == [("subscribe", BATCH[1:2])]
    ack = Reply(kind="ack", operation="subscribe", topic=BATCH[1])
    assert [answer.accepted for answer in session.receive(ack, 0.6)] == [True]
    # What is acknowledged late is not asked for again.
    late = Reply(kind="ack", operation="subscribe", topic=BATCH[2])
    assert [answer.topic for answer in session.receive(late, 0.6)] == [BATCH[2]]
    session.receive(PONG, 0.7)
    session.advance(0.7, 0.7)
    assert sent(session) == [("subscribe", [TOPIC.replace("A_B", "G_H")])]


def test_a_side_that_answers_no_pings_is_asked_about_suspects_a_little_later(mute_session):
    session = mute_session
    session.subscribe(BATCH)
    session.advance(0.0, 0.0)
    session.receive(error("92001", None), 0.1)
    session.output()
    deadline = session.next_deadline(3.0)
    assert deadline == 0.1 + session.timeouts.pong_within
    session.advance(deadline, deadline)
    assert sent(session) == [("subscribe", BATCH[:1])]


# --- answers that are on their way for long, or wait unread in a process that stood still ---


@pytest.mark.parametrize("now", [3.2, 4.2], ids=["the venue is slow", "the process stood still"])
def test_an_answer_that_waits_unread_is_not_taken_for_another_topics(session, now):
    """The server answers pings: nothing but the pong says that all answers were read."""
    session.subscribe(BATCH)
    session.advance(0.0, 0.0)
    session.receive(error("92001", None), 0.1)
    session.receive(PONG, 0.2)
    session.advance(0.2, 0.2)
    assert sent(session)[1:] == [("subscribe", BATCH[:1])]
    session.advance(now, 0.2)
    assert sent(session) == [], "the answer to the one before is still on its way"
    (answer,) = session.receive(error("92001", None), now)
    assert (answer.topic, answer.accepted) == (BATCH[0], None)
    session.receive(PONG, now)
    session.advance(now, now)
    assert sent(session) == [("subscribe", BATCH[1:2])]
    assert session.receive(ack(BATCH[1]), now)[0].accepted


def test_the_first_pong_may_wait_unread_too(mute_session):
    """Nobody knows yet whether this server answers pings; a call that came late proves nothing."""
    session = mute_session
    session.subscribe(BATCH)
    session.advance(0.0, 0.0)
    session.receive(error("92001", None), 0.1)
    session.output()
    session.advance(4.0, 0.1)
    assert sent(session) == []
    assert session.receive(error("92001", None), 4.0) == [], "of the same message"
    assert session.receive(ack(BATCH[0]), 4.0)[0].accepted
    session.receive(PONG, 4.0)
    session.advance(4.0, 4.0)
    assert sent(session) == [], "there were two pings"
    session.receive(PONG, 4.0)
    session.advance(4.0, 4.0)
    assert sent(session) == [("subscribe", BATCH[1:2])]


def test_a_server_that_stops_to_answer_pings_is_left_with_all_questions(session):
    session.subscribe(BATCH)
    session.advance(0.0, 0.0)
    session.receive(error("92001", None), 0.1)
    session.receive(PONG, 0.2)
    session.advance(0.2, 0.2)
    now = 0.2
    while now < 9.0 and session.dead is None:
        now += 1.0
        session.advance(now, now)
    assert session.dead == "a ping was not answered for 8.0 s"


def test_a_word_that_names_nobody_acquits_nobody_who_is_in_doubt(session):
    """Asked for again because all was late: of one message the error, of the next the word that
    the other topic is there already."""
    bad, good, _ = BATCH
    session.subscribe([bad, good])
    session.advance(0.0, 0.0)
    assert session.advance(5.0, 5.0) == [bad, good]
    sent(session)
    session.receive(error("92001", None), 5.1)
    session.receive(ack(good), 5.1)
    assert session.receive(error("92001", None), 5.2) == []
    assert session.receive(Reply(kind="ack", operation="subscribe", code="90008"), 5.2) == []
    for _ in range(2):
        session.receive(PONG, 5.3)
    session.send_due(5.3)
    assert sent(session) == [("subscribe", [bad])]
    (answer,) = session.receive(error("92001", None), 5.4)
    assert (answer.topic, answer.accepted) == (bad, None)
