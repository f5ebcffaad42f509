"""Bugs in own orders at Bybit, and in an account of several markets that have one symbol."""

from tests.mutants.mutant import Mutant

WORDS = "tests/venues/test_bybit_private.py::"
ACCOUNT = "tests/client/test_account.py::"
FILE = "venues/bybit_private.py"

OWN_ELSEWHERE = [
    Mutant(
        "bybit-login-signs-another-text",
        "No login at Bybit is ever taken.",
        FILE,
        'f"GET/realtime{expires}"',
        'f"GET/realtime{timestamp_ms}"',
        WORDS + "test_a_login_signs_until_when_it_is_good",
    ),
    Mutant(
        "bybit-login-in-the-log",
        "The log shows a login at Bybit, which lets its readers in for a minute.",
        "credentials.py",
        r'rf"{_Q}(?:op|action){_Q}\s*:\s*{_Q}(?:login|access|auth){_Q}"',
        r'rf"{_Q}(?:op|action){_Q}\s*:\s*{_Q}(?:login|access){_Q}"',
        WORDS + "test_a_login_is_masked_in_logs",
    ),
    Mutant(
        "funding-is-an-execution",
        "A payment of funding is booked as a trade of the whole position.",
        FILE,
        "known == _NOT_TRADED",
        "False",
        WORDS + "test_not_everything_that_is_called_an_execution_is_one",
        where="def _execution(",
    ),
    Mutant(
        "unknown-execution-passed-over",
        "A kind of execution that nobody documents is passed over, and nobody says so.",
        FILE,
        'raise ValueError(f"execType: nobody knows {kind!r}")\n',
        "return Decoded([], [])\n",
        WORDS + "test_not_everything_that_is_called_an_execution_is_one",
    ),
    Mutant(
        "canceled-contract-was-never-filled",
        "An order of a contract that was filled in part and canceled is called canceled whole.",
        FILE,
        "status == OrderStatus.CANCELED and filled",
        "False",
        WORDS + "test_what_has_become_of_an_order",
    ),
    Mutant(
        "money-is-a-size",
        "A market buy on spot for 100 dollars is an order of 100 coins.",
        FILE,
        'side == "buy" and unit is None',
        "False",
        WORDS + "test_an_order_on_spot_has_no_position_and_may_be_of_money",
    ),
    Mutant(
        "coins-are-money",
        "An inverse contract is held at an average price of a hundred-thousandth.",
        FILE,
        'category == "inverse"',
        "False",
        WORDS + "test_money_of_an_inverse_contract_is_no_money_of_a_price",
    ),
    Mutant(
        "closed-hedge-stays-open",
        "A short position in hedge mode that was closed is shown as held.",
        FILE,
        "_HEDGED.get(place)",
        "None",
        WORDS + "test_a_position_of_nothing",
    ),
    Mutant(
        "hidden-order-is-in-the-book",
        "An order that the book does not show is taken out of its level, which is others' alone.",
        "client/lenses.py",
        "order.type not in NOT_IN_THE_BOOK",
        'order.type not in NOT_IN_THE_BOOK - {"rpi"}',
        "tests/book/test_lens.py::test_what_rests_in_no_book_of_this_symbol",
        where="def rests(",
    ),
    Mutant(
        "hole-of-executions-leaves-the-inventory-sure",
        "An execution was missed, and what is held is called certain.",
        "client/account.py",
        'kind in (None, "order", "fill")',
        'kind in (None, "order")',
        ACCOUNT + "test_a_hole_in_the_executions_alone_leaves_the_orders_sure",
    ),
    Mutant(
        "orders-of-another-market-in-the-book",
        "Orders on spot are taken out of the book of the contract of the same name.",
        "client/account.py",
        "market in (None, order.market)",
        "True",
        ACCOUNT + "test_two_markets_may_have_one_symbol",
    ),
    Mutant(
        "positions-of-another-market-closed",
        "Whoever asks one market for its positions loses sight of those of all others.",
        "client/account.py",
        "(not told or position.market in told)",
        "True",
        ACCOUNT + "test_positions_of_two_markets_stand_beside_each_other",
    ),
    Mutant(
        "inverse-result-in-dollars",
        "What was won with inverse contracts is said in the wrong currency.",
        "client/inventory.py",
        "None if self._counts_contracts(market) else Decimal(1)",
        "Decimal(1)",
        "tests/client/test_inventory.py"
        "::test_what_is_realised_of_an_inverse_contract_is_said_by_nobody",
    ),
    Mutant(
        "key-shown-to-another-venue",
        "The key of one venue is sent to another one.",
        "client/client.py",
        "private[:1]",
        "private",
        "tests/client/test_login.py::test_a_key_is_shown_to_its_own_venue_alone",
    ),
    Mutant(
        "executions-of-a-placed-symbol-unheard",
        "Executions of `bybit-spot:BTCUSDT` are waited for for ever.",
        "feed/asynchronous.py",
        "self._core.venue.bare(symbol)",
        "symbol",
        "tests/feed/test_private_elsewhere.py::test_an_order_rests_fills_and_is_told",
    ),
]
