"""A client by hand with topics of spot, whose pings are answered."""

import json

from tests.helpers.by_hand import ByHand
from tests.helpers.frames import spot

BOOK = "spot/depth/increase100:BTC_USDT"
OTHER = "spot/depth/increase100:ETH_USDT"
TRADES = "spot/trade:BTC_USDT"


def ack(topic):
    return json.dumps({"event": "subscribe", "topic": topic})


def snapshot(version=7, symbol="BTC_USDT"):
    return spot("snapshot", version, [["9", "1"]], [["10", "1"]], symbol=symbol)


def subscribed(*topics):
    hand = ByHand()
    hand.client.subscribe(topics, hand.now)
    tick(hand, 0.0)
    return hand


def tick(hand, seconds):
    """Time goes on, and every ping is answered."""
    hand.step(seconds)
    pings, hand.pings = hand.pings, []
    for _ in pings:
        hand.hear("pong")


def asked(hand):
    """(operation, topic) of all that was sent since the last call."""
    sent, hand.sent = hand.sent, []
    messages = [json.loads(text) for text in sent if text.startswith("{")]
    return [(message["op"], topic) for message in messages for topic in message["args"]]
