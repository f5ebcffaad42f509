"""The seam at which orders go out: checks before they are sent, the box's entry, and the quoter."""

import asyncio
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book.entry import BlockingOrderEntry
from tests.helpers.feeds import box, run

pytestmark = pytest.mark.private

ROOT = Path(__file__).parent.parent
BTC = bb.Instrument(
    symbol="BTC_USDT", market="spot", tick=Decimal("0.01"), lot=Decimal("0.001"),
    min_size=Decimal("0.002"), max_size=Decimal(10), min_notional=Decimal(5),
)  # fmt: skip


def book():
    made = bb.Book("BTC_USDT")
    made.apply_snapshot([("100", "1")], [("101", "1")], sequence=1)
    return made


@pytest.mark.parametrize(("facts", "reason"), [
    (("hold", "1", "100"), "side"), (("buy", "0", "100"), "above zero"),
    (("buy", "1", "-1"), "above zero"), (("buy", "1.0005", "100"), "no multiple of the lot"),
    (("buy", "0.001", "100"), "less than the least size"), (("buy", "11", "100"), "largest size"),
    (("sell", "1", "100.005"), "tick"), (("buy", "0.002", "100"), "least value"),
    (("buy", "1", "101"), "trade at once: 101 is there"), (("buy", "1", 102.5), "trade at once"),
    (("sell", "1", "100"), "trade at once: 100 is there"),
])  # fmt: skip
def test_what_is_told_before_it_is_sent(facts, reason):
    with pytest.raises(bb.OrderRefused, match=reason) as caught:
        bb.check_order(*facts, instrument=BTC, book=book())
    assert not caught.value.sent
    assert str(caught.value).startswith("not sent: ")


@pytest.mark.parametrize(("facts", "force"), [
    (("buy", "1", "100.99"), None), (("sell", "1", "100.01"), "post_only"),
    (("buy", "1", "101"), "ioc"), (("buy", "1"), None), (("sell", 0.002, 3000), "gtc"),
])  # fmt: skip
def test_what_may_be_sent(facts, force):
    bb.check_order(*facts, instrument=BTC, book=book(), time_in_force=force)


def test_what_is_not_known_is_not_checked():
    bb.check_order("buy", "0.0000001", "3.33")
    bare = bb.Instrument(symbol="X", market="spot")
    bb.check_order("buy", "0.0000001", "3.33", instrument=bare)
    with pytest.raises(bb.UsageError):
        bb.check_order("buy", "x", "1")


def test_a_book_that_cannot_be_trusted_says_nothing_of_crossing():
    with pytest.raises(bb.BookNotLive):
        bb.check_order("buy", 1, 100, book=bb.Book("BTC_USDT"))


def test_what_became_of_an_order_may_be_unknown():
    error = bb.OrderUnknown("mine-7", "no answer in 5 s")
    assert error.client_order_id == "mine-7"
    assert str(error) == "nobody knows what became of order mine-7: no answer in 5 s"
    assert str(bb.OrderRefused("no money", code="50020", sent=True)) == (
        "the venue refused the order: no money (code 50020)"
    )


def test_the_box_implements_it():
    async def work():
        async with box() as simulator:
            entry = simulator.entry
            assert isinstance(entry, bb.OrderEntry)
            assert isinstance(simulator.entry.blocking, BlockingOrderEntry)
            order = await entry.place("BTC_USDT", "buy", "0.01", "60000", client_order_id="mine")
            assert (order.status, order.side, order.client_order_id) == ("new", "buy", "mine")
            assert order.exact == (Decimal(60000), Decimal("0.01"))
            changed = await entry.amend(order.order_id, price="60001", size="0.02")
            assert changed.exact == (Decimal(60001), Decimal("0.02"))
            assert changed.client_order_id == "mine"
            assert (await entry.cancel(changed.order_id)).status == "canceled"
            assert simulator.orders() == []
            taken = await entry.place("BTC_USDT", "buy", "0.01")
            assert (taken.status, taken.type) == ("filled", "market")
            for refused in (
                entry.cancel(changed.order_id),
                entry.amend(taken.order_id, price=1),
                entry.place("BTC_USDT", "buy", "0.01", "70000", time_in_force="post_only"),
                entry.place("BTC_USDT", "buy", "0.01", "1", time_in_force="fok"),
                entry.place("NOPE_USDT", "buy", "0.01", "1"),
            ):
                with pytest.raises(bb.OrderRefused) as caught:
                    await refused
                assert caught.value.sent
            contract = await entry.place("BTCUSDT", "buy", 1)
            assert contract.market == "futures"

    run(work())


@pytest.mark.private
def test_a_checked_entry_tells_the_account():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            entry = bb.CheckedEntry(simulator.entry, feed)
            bid = book.quote.exact[0]
            order = await entry.place("BTC_USDT", "buy", "0.01", bid - 5)
            assert feed.account.orders[order.order_id].status == "new"
            assert entry.open == (order.order_id,)
            with pytest.raises(bb.OrderRefused, match="tick"):
                await entry.amend(order.order_id, price=bid - Decimal("5.005"))
            moved = await entry.amend(order.order_id, price=bid - 6)
            assert entry.open == (moved.order_id,)
            for wrong in ("0.0000001", "0"):
                with pytest.raises(bb.OrderRefused):
                    await entry.place("BTC_USDT", "buy", wrong, bid - 5)
            with pytest.raises(bb.OrderRefused, match="trade at once"):
                await entry.place("BTC_USDT", "buy", "0.01", bid + 1000)
            other = await entry.place("BTC_USDT", "sell", "0.01", bid + 2000)
            simulator.cancel(other.order_id)
            assert await entry.cancel_all() == ()
            assert simulator.orders() == []
            bold = bb.CheckedEntry(simulator.entry, feed, may_cross=True)
            await bold.place("BTC_USDT", "buy", "0.01", bid + 1000)

    run(work())


@pytest.mark.private
def test_the_same_without_await():
    simulator = bb.Simulator()
    with bb.connect("BTC_USDT", source=simulator) as feed:
        entry = bb.sync.CheckedEntry(simulator.entry.blocking, feed)
        bid = feed["BTC_USDT"].quote.exact[0]
        order = entry.place("BTC_USDT", "buy", "0.01", bid - 50)
        moved = entry.amend(order.order_id, size="0.02")
        assert feed.account.orders[moved.order_id].size == 0.02
        with pytest.raises(bb.OrderRefused):
            entry.place("BTC_USDT", "buy", "0.01", bid + 1000)
        assert entry.cancel(moved.order_id).status == "canceled"
        entry.place("BTC_USDT", "buy", "0.01", bid - 50)
        assert entry.cancel_all() == ()
        assert simulator.orders() == []


@pytest.mark.parametrize("name", ["quoting", "quoting_blocking"])
def test_the_quoter_leaves_no_order_behind(name):
    """Interrupted in the middle of it."""
    program = (ROOT / "examples" / f"{name}.py").read_text()
    endless = program.replace("looks=20", "looks=-1")
    assert endless != program
    # It says so once it has placed something.
    seen = "print('placed', flush=True) or "
    endless = endless.replace('"buy" in prices', f'{seen}"buy" in prices')
    process = subprocess.Popen(
        [sys.executable, "-c", endless], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        lines = []
        while len(lines) < 4:
            lines.append(process.stdout.readline())
        assert "placed\n" in lines
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    last = rest.splitlines()[-2:]
    assert last[0].endswith("orders left 0")
    assert last[1] == "open at the exchange: 0"
    assert errors == ""
    assert process.returncode == 0


def test_a_call_that_is_cancelled_waits_for_its_answer():
    """What was sent may rest: whoever is cancelled meanwhile knows of it before it ends."""

    class Slow:
        def __init__(self, entry):
            self.entry, self.sent, self.answer = entry, asyncio.Event(), asyncio.Event()

        async def place(self, *arguments, **options):
            order = await self.entry.place(*arguments, **options)
            self.sent.set()
            await self.answer.wait()
            return order

    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            slow = Slow(simulator.entry)
            entry = bb.CheckedEntry(slow, feed)
            task = asyncio.ensure_future(entry.place("BTC_USDT", "buy", "0.01", "50000"))
            await slow.sent.wait()
            task.cancel()
            slow.answer.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(entry.open) == 1

    run(work())


def test_the_quoters_are_the_examples_of_the_page():
    page = (ROOT / "docs" / "quoting.md").read_text()
    for name in ("quoting", "quoting_blocking"):
        assert (ROOT / "examples" / f"{name}.py").read_text().partition('"""\n\n')[2] in page


def test_a_cancelled_quoter_takes_all_back():
    """By asyncio, and not by a signal: for whoever runs it among other tasks."""
    names = {}
    code = (ROOT / "examples" / "quoting.py").read_text()
    exec(compile(code, "quoting.py", "exec"), names)

    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            task = asyncio.ensure_future(names["quote"](feed, simulator.entry, -1))
            while not simulator.orders():
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert simulator.orders() == []

    run(work())
