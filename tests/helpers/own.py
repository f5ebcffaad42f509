"""Orders, executions, positions and balances as an account is told of them, with few words."""

from decimal import Decimal

from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position

NEW, PARTLY, FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
PENDING = OrderStatus.PENDING
CANCELED, PARTLY_CANCELED = OrderStatus.CANCELED, OrderStatus.PARTIALLY_CANCELED


# A stamp as the venue writes them.
THEN = 1_700_000_000_000


def order(status=NEW, filled="0", time=1, *, order_id="1", fill=None, **changes):
    facts = {
        "market": "spot", "symbol": "BTC_USDT", "side": "buy", "type": "limit",
        "price": Decimal("100"), "size": Decimal("10"),
    }  # fmt: skip
    return Order(
        order_id=order_id,
        status=status,
        filled_size=None if filled is None else Decimal(filled),
        update_time_ms=time,
        fill=fill,
        **(facts | changes),
    )


def fill(fill_id, size="1", filled=None, *, order_id="1", **changes):
    return Fill(
        market="spot",
        symbol="BTC_USDT",
        order_id=order_id,
        fill_id=fill_id,
        side="buy",
        price=Decimal("100"),
        size=Decimal(size),
        filled_size=None if filled is None else Decimal(filled),
        **changes,
    )


def position(size="5", side="long", time=1, **changes):
    return Position(symbol="BTCUSDT", side=side, size=Decimal(size), update_time_ms=time, **changes)


def balance(available="5", time=1, market="spot", currency="USDT", **changes):
    return Balance(
        market=market, currency=currency, available=Decimal(available), frozen=Decimal(0),
        time_ms=time, **changes,
    )  # fmt: skip


def kinds(account, *values):
    return [account.apply(value).kind for value in values]
