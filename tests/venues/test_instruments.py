"""Ticks, lots and contract sizes out of the venue's lists of symbols."""

import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.model import Instrument
from bitmart_book.venues import read_instruments

SPOT = (  # from a test of hummingbot
    '{"code":1000,"trace":"886fb6ae-456b-4654-b4e0-d681ac05cea1","message":"OK","data":{"symbols":'
    '[{"symbol":"COINALPHA_HBOT","symbol_id":1024,"base_currency":"COINALPHA",'
    '"quote_currency":"HBOT","quote_increment":"1.00000000","base_min_size":"1.00000000",'
    '"price_min_precision":6,"price_max_precision":8,"expiration":"NA",'
    '"min_buy_amount":"0.00010000","min_sell_amount":"0.00010000","trade_status":"trading"}]}}'
)
SPOT_2026 = (  # from BitMart's own skills, bitmart-skills 4dac0cb
    '{"code":1000,"trace":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","message":"success","data":'
    '{"symbols":[{"symbol":"BTC_USDT","symbol_id":1234,"base_currency":"BTC",'
    '"quote_currency":"USDT","quote_increment":"0.01","base_min_size":"0.00001",'
    '"price_min_precision":2,"price_max_precision":6,"trade_status":"trading",'
    '"min_buy_amount":"5.00","min_sell_amount":"5.00","expiration":"","planned_down_time":""}]}}'
)
FUTURES = (  # from a test of JKorf's BitMart.Net
    '{"code":1000,"message":"Ok","trace":"9b92a999-9463-4c96-91a4-93ad1cad0d72","data":{"symbols":'
    '[{"symbol":"BTCUSDT","product_type":1,"open_timestamp":1594080000,"expire_timestamp":0,'
    '"settle_timestamp":0,"base_currency":"BTC","quote_currency":"USDT","last_price":"23920",'
    '"volume_24h":"18969368","turnover_24h":"458933659.7858","index_price":"23945.25191635",'
    '"index_name":"BTCUSDT","contract_size":"0.001","min_leverage":"1","max_leverage":"100",'
    '"price_precision":"0.1","vol_precision":"1","max_volume":"500000","min_volume":"1",'
    '"funding_rate":"0.0001","expected_funding_rate":"0.00011","open_interest":"4134180870",'
    '"open_interest_value":"94100888927.0433258","high_24h":"23900","low_24h":"23100",'
    '"change_24h":"0.004"}]}}'
)
LEGACY = (  # BitMart's first API reference, rest/public/symbols_details.md
    '[{"id":"BMX_ETH","base_currency":"BMX","quote_currency":"ETH","quote_increment":"0.1",'
    '"base_min_size":"0.1","base_max_size":"100000000","price_min_precision":6,'
    '"price_max_precision":8,"expiration":"NA"}]'
)


def changed(document, **changes):
    message = json.loads(document)
    row = (message if isinstance(message, list) else message["data"]["symbols"])[0]
    for key, value in changes.items():
        row[key] = value
        if value is ...:
            del row[key]
    return message


def test_spot():
    assert read_instruments(SPOT) == {
        "COINALPHA_HBOT": Instrument(
            symbol="COINALPHA_HBOT",
            market="spot",
            tick=Decimal("0.00000001"),
            lot=Decimal(1),
            base="COINALPHA",
            quote="HBOT",
            min_size=Decimal(1),
            min_notional=Decimal("0.0001"),
            status="trading",
        )
    }
    found = read_instruments(SPOT_2026)["BTC_USDT"]
    assert (found.tick, found.lot) == (Decimal("0.000001"), Decimal("0.01"))
    assert (found.min_size, found.min_notional) == (Decimal("0.00001"), Decimal(5))


def test_futures():
    assert read_instruments(FUTURES.encode()) == {
        "BTCUSDT": Instrument(
            symbol="BTCUSDT",
            market="futures",
            tick=Decimal("0.1"),
            lot=Decimal(1),
            base="BTC",
            quote="USDT",
            min_size=Decimal(1),
            max_size=Decimal(500000),
            contract_size=Decimal("0.001"),
        )
    }
    again = changed(FUTURES, vol_precision=..., volume_precision="2", status="Delisted")
    found = read_instruments(again)["BTCUSDT"]
    assert (found.lot, found.status) == (2, "Delisted")


def test_legacy():
    assert read_instruments(LEGACY) == {
        "BMX_ETH": Instrument(
            symbol="BMX_ETH",
            market="legacy",
            tick=Decimal("0.00000001"),
            lot=Decimal("0.1"),
            base="BMX",
            quote="ETH",
            min_size=Decimal("0.1"),
            max_size=Decimal(100000000),
        )
    }


@pytest.mark.parametrize(
    ("decimals", "tick"),
    [(0, "1"), (12, "0.000000000001"), ("2", "0.01"), (-2, "100"), (None, None), ("", None)],
)
def test_ticks(decimals, tick):
    (found,) = read_instruments(changed(SPOT, price_max_precision=decimals)).values()
    assert found.tick == (None if tick is None else Decimal(tick))


def test_numbers_of_thirty_decimals_and_bare_ones():
    (found,) = read_instruments(
        changed(SPOT, quote_increment="1." + 30 * "0", base_min_size=5)
    ).values()
    assert (found.lot, found.min_size) == (1, 5)
    (found,) = read_instruments(SPOT.replace('"1.00000000"', "0.1")).values()
    assert found.lot == Decimal("0.1")


def test_contracts_into_coins():
    linear = read_instruments(FUTURES)["BTCUSDT"]
    assert linear.base_size(Decimal("11435")) == Decimal("11.435")
    (inverse,) = read_instruments(
        changed(FUTURES, symbol="BTCUSD", quote_currency="USD", contract_size="100")
    ).values()
    assert inverse.inverse
    assert inverse.base_size(Decimal(3), Decimal(50000)) == Decimal("0.006")
    with pytest.raises(ValueError, match="needs a price"):
        inverse.base_size(Decimal(3))
    with pytest.raises(ValueError, match="not known"):
        Instrument(symbol="BTCUSDT", market="futures").base_size(Decimal(3))
    assert read_instruments(SPOT_2026)["BTC_USDT"].base_size(Decimal("1.5")) == Decimal("1.5")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"\xff",
        "5",
        "null or not",
        {"code": 40034, "message": "no", "data": {}},
        {"code": 40034, "message": "no", "data": None},
        {"code": 1000, "data": {"symbols": [5]}},
        [{"id": ""}],
        [{"symbol": "BTC_USDT"}],
        changed(SPOT, symbol=5),
        changed(SPOT, price_max_precision="six"),
        changed(SPOT, price_max_precision=10**6),
        changed(SPOT, quote_increment="-1"),
        changed(FUTURES, contract_size="big"),
        changed(FUTURES, base_currency=...),
    ],
)
def test_what_is_no_list_of_symbols(document):
    with pytest.raises(bb.MessageError, match="not a list of symbols"):
        read_instruments(document)


def test_one_odd_row_costs_one_symbol_which_is_named():
    rows = json.loads(SPOT_2026)["data"]["symbols"] * 4
    rows[1] = rows[1] | {"symbol": "ODD_USDT", "quote_increment": "much"}
    rows[2] = rows[2] | {"symbol": None}
    rows[3] = rows[3] | {"symbol": "ETH_USDT"}
    found = read_instruments(json.dumps({"data": {"symbols": [*rows, 5]}}))
    assert list(found) == ["BTC_USDT", "ETH_USDT"]
    assert list(found.refused) == ["ODD_USDT", "row 3", "row 5"]
    assert "expected a number, was 'much'" in found.refused["ODD_USDT"]
    assert read_instruments(SPOT_2026).refused == {}
    with pytest.raises(bb.MessageError, match="ODD_USDT"):
        read_instruments([rows[1]])
