"""The legacy addresses of the box: pushes, replies and limits of BitMart's first protocol."""

import json
from decimal import Decimal

import pytest

from bitmart_book.sim import Knobs, Pong, Refusal
from tests.helpers.public_box import (
    LEGACY_DEPTH,
    LEGACY_KLINE,
    LEGACY_ORDER,
    LEGACY_PRICE,
    LEGACY_TRADE,
    Box,
    frames,
    same_shape,
)

# Gen-1

TRADE = {"subscribe": "trade", "symbol": "BMX_ETH", "precision": 6}


def legacy(**options):
    return Box("legacy", **options)


def test_legacy_ping():
    assert legacy().send('{"subscribe":"ping"}') == [{"subscribe": "pong"}]


@pytest.mark.parametrize(
    ("request_", "example"),
    [
        ({"subscribe": "price", "symbol": "BMX_ETH"}, LEGACY_PRICE),
        ({"subscribe": "kline", "symbol": "BMX_ETH", "step": 1}, LEGACY_KLINE),
        ({"subscribe": "kline", "symbol": "BMX_ETH"}, LEGACY_KLINE),
        (LEGACY_ORDER, LEGACY_DEPTH),
        (TRADE, LEGACY_TRADE),
    ],
)
def test_legacy_pushes_have_the_documented_shape(request_, example):
    box = legacy(speed=20.0)
    (first,) = box.send(request_)
    pushed = [first, *frames(box.run(8))]
    assert len(pushed) > 3
    for frame in pushed:
        same_shape(frame, example)
        echoed = {key: frame[key] for key in frame if key != "data"}
        assert echoed == {key: example[key] for key in example if key != "data"}


def test_legacy_depth_has_20_grouped_levels_with_running_totals():
    box = legacy(speed=20.0)
    (first,) = box.send(LEGACY_ORDER)
    for frame in [first, *frames(box.run(10))]:
        prices = {}
        for name, side in frame["data"].items():
            assert len(side) == 20
            total = Decimal(0)
            for row in side:
                total += Decimal(row["amount"])
                assert Decimal(row["total"]) == total
                assert len(row["price"]) == 8
                assert int(row["count"]) >= 1
            prices[name] = [Decimal(row["price"]) for row in side]
        assert prices["buys"] == sorted(set(prices["buys"]), reverse=True)
        assert prices["sells"] == sorted(set(prices["sells"]))
        assert prices["buys"][0] < prices["sells"][0]


def test_legacy_depth_rounds_bids_down_and_asks_up():
    box = legacy()
    (fine,) = box.send({**LEGACY_ORDER, "precision": 8})
    (coarse,) = box.send(LEGACY_ORDER)
    (omitted,) = box.send({"subscribe": "order", "symbol": "BMX_ETH"})
    assert omitted["precision"] == 8
    grid = Decimal("0.000001")
    best = {name: Decimal(side[0]["price"]) for name, side in fine["data"].items()}
    assert Decimal(coarse["data"]["buys"][0]["price"]) == best["buys"] // grid * grid
    assert Decimal(coarse["data"]["sells"][0]["price"]) == (best["sells"] // grid + 1) * grid


def test_legacy_trades_are_15_newest_first_and_amount_is_price_times_count():
    box = legacy(speed=5.0)
    (history,) = box.send(TRADE)
    batches = [frame["data"]["trades"] for frame in [history, *frames(box.run(9))]]
    assert len(batches) > 3
    for trades in batches:
        assert len(trades) == 15
        times = [row["time"] for row in trades]
        assert times == sorted(times, reverse=True)
        for row in trades:
            assert Decimal(row["amount"]) == Decimal(row["price"]) * Decimal(row["count"])
    assert batches[0][0] in batches[1]


def test_legacy_trades_without_repetition():
    box = legacy(speed=5.0, knobs=Knobs(legacy_trades="new"))
    (history,) = box.send(TRADE)
    assert len(history["data"]["trades"]) == 15
    rows_ = [tuple(row.items()) for frame in frames(box.run(20)) for row in frame["data"]["trades"]]
    assert len(rows_) > 5
    assert len(set(rows_)) == len(rows_)


def test_legacy_depth_as_changes():
    box = legacy(speed=5.0, knobs=Knobs(legacy_depth="delta"))
    (first,) = box.send(LEGACY_ORDER)
    known = {name: {row["price"]: row for row in side} for name, side in first["data"].items()}
    pushed = 0
    for frame in frames(box.run(20)):
        pushed += sum(map(len, frame["data"].values()))
        for name, side in frame["data"].items():
            for row in side:
                known[name][row["price"]] = row
                # A total is that of the push; below a changed level they all move.
                if not Decimal(row["amount"]):
                    del known[name][row["price"]]
    assert 20 < pushed < 20 * 30
    (whole,) = box.send(LEGACY_ORDER)
    for name, side in whole["data"].items():
        amounts = {price: row["amount"] for price, row in known[name].items()}
        assert {row["price"]: row["amount"] for row in side} == amounts


def test_legacy_unsubscribe_has_no_ack_and_ends_the_pushes():
    box = legacy(speed=20.0)
    box.send(LEGACY_ORDER)
    assert box.run(3)
    assert box.send({"unsubscribe": "order", "symbol": "BMX_ETH", "precision": 6}) == []
    assert box.run(5) == []
    assert box.send({"unsubscribe": "order", "symbol": "BMX_ETH", "precision": 6}) == []


@pytest.mark.parametrize(
    "message",
    [
        "ping",
        "[]",
        '{"op":"subscribe"}',
        '{"subscribe":"depth","symbol":"BMX_ETH"}',
        '{"subscribe":"price"}',
        '{"subscribe":"price","symbol":["BMX_ETH"]}',
        '{"subscribe":"price","symbol":"bmx_eth"}',
        '{"subscribe":"kline","symbol":"BMX_ETH","step":2}',
        '{"subscribe":"kline","symbol":"BMX_ETH","step":"1"}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":5}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":9}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":true}',
        '{"subscribe":["order"],"symbol":"BMX_ETH"}',
        '{"subscribe":"order","unsubscribe":"order","symbol":"BMX_ETH"}',
    ],
)
def test_a_legacy_error_has_a_message(message):
    (answer,) = legacy().send(message)
    assert list(answer) == ["message"]


@pytest.mark.parametrize("step", [1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200])
def test_legacy_kline_steps(step):
    (frame,) = legacy().send({"subscribe": "kline", "symbol": "BMX_ETH", "step": step})
    assert frame["step"] == str(step)


def test_legacy_takes_one_connection_in_4_seconds():
    box = legacy()
    assert isinstance(box.exchange.connect("legacy", 3.0), Refusal)
    assert isinstance(box.exchange.connect("legacy", 7.5), int)
    assert box.exchange.breaches == {"connects": 1}


def test_legacy_is_lifeless_after_5_seconds_and_has_no_idle_limit():
    box = legacy()
    box.send('{"subscribe":"ping"}')
    box.run(5.1)
    assert box.closed is not None
    other = legacy(speed=1e-6)
    other.send(LEGACY_ORDER)
    other.run(60, step=5)
    assert other.closed is None


def test_legacy_is_never_compressed_and_answers_ping_frames():
    box = legacy(speed=20.0, knobs=Knobs(opcode="binary"))
    box.exchange.receive(box.connection, json.dumps(LEGACY_ORDER), 0.0)
    assert {type(payload) for payload in [*box.take(), *box.run(3)]} == {str}
    box.exchange.ping_frame(box.connection, box.now, b"y")
    assert box.exchange.output() == [Pong(box.connection, b"y")]
