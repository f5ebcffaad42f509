"""Which fault acted where: what a judge of a client asks."""

from bitmart_book.sim.faults.acts import Acts, topics_of

BOOK = "spot/depth/increase100:BTC_USDT"


def names(acts, topic, now, memory=10.0):
    return [act.name for act in acts.of(topic, now, lambda name: memory)]


def test_an_act_is_remembered_for_as_long_as_its_effect_may_be_seen():
    acts = Acts()
    acts.add("mute", BOOK, 5.0, 20.0)
    assert names(acts, BOOK, 6.0) == ["mute"]
    assert names(acts, BOOK, 30.0) == ["mute"]
    assert names(acts, BOOK, 30.1) == []
    assert names(acts, "spot/depth5:BTC_USDT", 6.0) == []


def test_an_act_on_a_connection_concerns_what_it_was_asked_for():
    acts = Acts()
    acts.heard(7, '{"op":"subscribe","args":["spot/depth5:A_B","futures/depth20:AB@200ms"]}')
    acts.heard(8, '{"op":"subscribe","args":["spot/depth5:C_D"]}')
    acts.add("freeze", "7", 1.0, 4.0)
    assert names(acts, "spot/depth5:A_B", 4.0) == ["freeze"]
    assert names(acts, "futures/depth20:AB", 4.0) == ["freeze"]
    assert names(acts, "spot/depth5:C_D", 4.0) == []


def test_an_act_everywhere_concerns_everything():
    acts = Acts()
    acts.add("outage", "", 1.0, 4.0)
    assert names(acts, BOOK, 4.0) == ["outage"]
    acts.stop(2.0)
    assert names(acts, BOOK, 12.5) == []


def test_what_a_message_asks_for():
    assert topics_of('{"subscribe":"order","symbol":"BMX_ETH","precision":6}') == [
        "legacy/depth:BMX_ETH"
    ]
    assert topics_of('{"subscribe":"price","symbol":"BMX_ETH"}') == ["legacy/price:BMX_ETH"]
    for nothing in ("ping", "[]", '{"op":"subscribe"}', '{"subscribe":"ping"}', '{"subscribe":'):
        assert topics_of(nothing) == []
