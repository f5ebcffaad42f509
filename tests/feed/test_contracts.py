"""Sizes that count contracts, and what they are in coins."""

from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.feeds import box, run
from tests.helpers.talk import talking

LISTED = (  # the fields that matter of BitMart's futures reference, contract/public/details
    '{"code":1000,"message":"Ok","data":{"symbols":[{"symbol":"BTCUSDT","base_currency":"BTC",'
    '"quote_currency":"USDT","vol_precision":"1","price_precision":"0.1","max_volume":"500000",'
    '"min_volume":"1","contract_size":"0.001","status":"Trading"}]}}'
)
SNAPSHOT = (
    '{"data":{"symbol":"BTCUSDT","asks":[{"price":"70391.6","vol":"3550"}],'
    '"bids":[{"price":"70391.2","vol":"1335"}],"ms_t":1730400086184,"version":980361,'
    '"type":"snapshot"},"group":"futures/depthIncrease50:BTCUSDT"}'
)


def test_the_box_says_what_its_contracts_are():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            futures, inverse, spot = await feed.subscribe("BTCUSDT", "BTCUSD", "BTC_USDT")
            assert (futures.unit, spot.unit) == ("contracts", "base")
            assert futures.instrument == simulator.exchange.instruments()["BTCUSDT"]
            assert futures.instrument.contract_size == Decimal("0.001")
            _, size = futures.best_bid.exact
            assert futures.base_size(size) == size * Decimal("0.001")
            assert futures.base_size("7") == Decimal("0.007")
            assert spot.base_size("0.25") == Decimal("0.25")
            with pytest.raises(bb.UsageError, match="inverse"):
                inverse.base_size(3)
            assert inverse.base_size(3, Decimal(60_000)) == Decimal("0.005")
            with pytest.raises(bb.UsageError, match="must be a number"):
                futures.base_size("much")

    run(work())


def test_instruments_of_the_venues_own_list():
    async def talk(connection):
        await connection.recv()
        await connection.send(SNAPSHOT)
        await connection.wait_closed()

    async def work():
        async with talking(talk) as urls:
            urls = {"futures_public": urls["spot_public"]}
            async with bb.Feed(urls=urls, instruments=bb.read_instruments(LISTED)) as feed:
                book = await feed.subscribe("BTCUSDT")
                price, size = book.best_ask.exact
                assert (price, size) == (Decimal("70391.6"), 3550)
                assert book.base_size(size, price) == Decimal("3.550")
            async with bb.Feed(urls=urls) as feed:
                book = await feed.subscribe("BTCUSDT")
                assert book.instrument is None
                with pytest.raises(bb.UsageError, match="contract size of BTCUSDT is not known"):
                    book.base_size(1)

    run(work())


def test_what_the_user_says_of_a_contract_counts():
    own = bb.Instrument(symbol="BTCUSDT", market="futures", contract_size=Decimal("0.5"))
    with bb.connect("BTCUSDT", source="sim", instruments={"BTCUSDT": own}) as feed:
        assert feed["BTCUSDT"].base_size(3) == Decimal("1.5")
        assert feed["BTCUSDT"].instrument is own
        assert feed.instruments["ETHUSDT"].contract_size == Decimal("0.01")


def test_a_host_whose_lag_is_to_be_forgotten_must_be_one():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            with pytest.raises(bb.UsageError, match="nowhere"):
                feed.forget_lag("nowhere")

    run(work())
