"""What a venue says in words reaches nobody raw: no exception, reason, event, report or repr."""

import json

import pytest

import bitmart_book as bb
from bitmart_book.errors import MessageError, printable
from bitmart_book.venues.profile import Reply
from tests.helpers.frames import spot
from tests.helpers.spot_hand import BOOK, OTHER, TRADES, snapshot, subscribed, tick

WORDS = "no\x1b]0;owned\x07\x1b[2J\r\nforged line\x00\x7f\x9b31m\u202egnp\u200f\u2066\u061c end"


def texts(hand):
    """Everything that a user can look at."""
    yield from map(str, hand.events)
    for topic in hand.client.wanted.states():
        yield hand.client.explain(topic, hand.now)
        refusal = hand.client.wanted.refusal(topic)
        yield str(refusal)
        if refusal is not None:
            yield str(refusal.error)
        problem = hand.client.wanted.problem(topic)
        yield f"{problem} {problem!r}"
        book = hand.client.wanted[topic].book
        if book is not None:
            yield f"{book!r} {book.reason} {book.explain()} {book.peek()!r}"
            try:
                book.guard()
            except bb.BookNotLive as error:
                yield f"{error} {error!r} {error.reason}"
    report = hand.client.report()
    yield str(report)
    yield from report["unknown_fields"]
    yield f"{hand.client.account.last_hole} {hand.client.account!r}"


def all_clean(hand):
    found = list(texts(hand))
    assert found
    for text in found:
        assert text.isprintable(), repr(text)
    return " ".join(found)


@pytest.mark.parametrize(
    "message",
    [
        {"event": f"subscribe:{BOOK}", "errorCode": "92001", "errorMessage": WORDS},
        {"event": "subscribe", "errorCode": "92001", "errorMessage": WORDS},
        {"event": f"subscribe:{BOOK}", "errorCode": "95000", "errorMessage": WORDS},
        {"event": f"subscribe:{BOOK}", "errorCode": WORDS, "errorMessage": "no"},
        {"event": f"subscribe:{WORDS}", "errorCode": "92001", "errorMessage": "no"},
        {"event": "subscribe", "topic": WORDS},
        {"table": WORDS, "data": []},
        {"table": f"spot/ticker:{WORDS}", "data": [{WORDS: WORDS}]},
        {"table": "spot/trade", "data": [{"symbol": "BTC_USDT", "price": WORDS, WORDS: 1}]},
        {"table": "spot/depth/increase100", "data": [{"symbol": WORDS}]},
        {"table": f"spot/depth/increase100:{WORDS}", "data": 5},
        {"table": "spot/depth/increase100", "data": [{"symbol": "BTC_USDT", "type": WORDS}]},
    ],
)
def test_no_word_of_the_venue_reaches_anybody_raw(message):
    hand = subscribed(BOOK, OTHER, TRADES)
    hand.hear(snapshot(symbol="ETH_USDT"))
    hand.hear(json.dumps(message))
    all_clean(hand)
    tick(hand, 2.0)
    tick(hand, 0.2)
    all_clean(hand)


def test_of_a_book_the_reason_is_there_and_escaped():
    hand = subscribed(BOOK, OTHER)
    error = {"event": f"subscribe:{BOOK}", "errorCode": "92001", "errorMessage": WORDS}
    hand.hear(json.dumps(error))
    shown = all_clean(hand)
    assert "forged line" in shown
    assert r"\x1b[2J\r\nforged" in hand.engine[BOOK].reason


@pytest.mark.parametrize("text", [spot("update", 1, [[WORDS, "1"]], []), "{" + WORDS, WORDS])
def test_what_cannot_be_read_is_quoted_safely(text):
    hand = subscribed(BOOK, OTHER)
    hand.hear(text)
    assert "bad frame" in hand.kinds()
    all_clean(hand)


def test_a_refused_login_is_quoted_safely():
    hand = subscribed("spot/user/orders:ALL_SYMBOLS")
    for _ in range(3):
        hand.hear(json.dumps({"event": "login", "errorCode": "91002", "errorMessage": WORDS}))
        tick(hand, 30.0)
    refusal = hand.client.wanted.refusal("spot/user/orders:ALL_SYMBOLS")
    assert isinstance(refusal.error, bb.AuthenticationError)
    assert "forged line" in all_clean(hand)


def test_errors_and_replies_by_themselves():
    assert printable("BTC_USDT \u7d22 \\n") == "BTC_USDT \u7d22 \\n"
    assert printable(WORDS).isprintable()
    assert printable(printable(WORDS)) == printable(WORDS)
    error = MessageError(WORDS, symbol=WORDS, side="bid", row=1)
    assert f"{error} {error!r} {error.problem}".isprintable()
    assert Reply(kind="error", code=WORDS, message=WORDS).message == printable(WORDS)
