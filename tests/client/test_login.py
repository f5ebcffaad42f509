"""Private connections of the client: logins, their refusals, and what a lost connection means."""

import json
import random

import pytest

import bitmart_book as bb
from bitmart_book.client.client import Client, Close, Open, Send
from bitmart_book.client.limits import Limiter
from bitmart_book.venues import BITMART

pytestmark = pytest.mark.private

ORDERS = "spot/user/orders:ALL_SYMBOLS"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
CANARY = {"key": "canary-key-1", "secret": "canary-secret-2", "memo": "canary-memo-3"}
ACKNOWLEDGED = '{"event":"login"}'


def refused(code):
    return f'{{"event":"login","errorCode":"{code}","errorMessage":"no"}}'


class Shell:
    """Plays the socket: opens at once, remembers what was sent, hands frames over."""

    def __init__(self, **options):
        self.now = 100.0
        self.wall = 1_787_000_000_000
        self.engine = bb.Engine(clock=lambda: int(self.now * 1e9), only_known=True)
        options.setdefault("credentials", bb.Credentials(**CANARY))
        self.client = Client(
            self.engine,
            BITMART,
            rng=random.Random(1),
            limiter=Limiter(),
            wall_ms=lambda: self.wall,
            **options,
        )
        self.sent = []
        self.logins = []
        self.events = []
        self.pushes = []
        self.opens = 0
        self.generation = 0

    def step(self, seconds=0.0):
        self.now += seconds
        self.client.next_deadline(self.now)
        self.client.advance(self.now)
        self.execute()

    def execute(self):
        while actions := self.client.actions():
            for action in actions:
                if isinstance(action, Open):
                    self.opens += 1
                    self.name = action.connection
                    self.generation = self.client.opened(action.connection, self.now)
                elif isinstance(action, Send):
                    (self.logins if action.secret else self.sent).append(action.text)
                    assert not any(value in repr(action) for value in CANARY.values())
                else:
                    assert isinstance(action, Close)
        self.events += self.client.events()
        self.pushes += self.client.pushes()

    def hear(self, text):
        change = self.engine.apply(text, generation=self.generation)
        self.client.frame(self.name, text, change, self.now)
        self.execute()

    def kinds(self):
        return [event.kind for event in self.events]


@pytest.fixture
def shell():
    shell = Shell()
    shell.client.subscribe([ORDERS, BALANCE], shell.now)
    shell.step()
    return shell


def test_nothing_is_asked_for_before_the_login_is_answered(shell):
    (login,) = shell.logins
    message = json.loads(login)
    assert message["op"] == "login"
    assert message["args"][:2] == [CANARY["key"], str(shell.wall)]
    assert shell.sent == []
    shell.hear(ACKNOWLEDGED)
    assert [json.loads(text)["args"] for text in shell.sent] == [[ORDERS, BALANCE]]
    assert shell.kinds().count("authenticated") == 1


@pytest.mark.parametrize(
    "answer",
    ['{"event":"login","errorCode":null,"errorMessage":null}', '{"event":"login","errorCode":""}'],
)
def test_empty_error_fields_are_a_success(shell, answer):
    shell.hear(answer)
    assert "authenticated" in shell.kinds()


def test_a_login_that_nobody_answers_is_tried_on_a_new_connection(shell):
    for _ in range(8):
        shell.step(1.0)
    assert shell.opens == 2
    assert len(shell.logins) == 2
    reasons = [event.reason for event in shell.events if event.kind == "disconnected"]
    assert reasons == ["the login was not answered for 5.0 s"]


def test_a_refused_login_is_final_after_three_tries(shell):
    for _ in range(200):
        if shell.opens and shell.client.is_open(shell.name):
            shell.hear(refused("91002"))
        shell.step(0.5)
    assert len(shell.logins) == 3
    for topic in (ORDERS, BALANCE):
        answer = shell.client.refusal(topic)
        assert isinstance(answer.error, bb.AuthenticationError)
        assert answer.error.code == "91002"
    assert shell.kinds().count("rejected") == 2
    assert shell.client.report()["connections"] == {}


def test_a_server_in_trouble_is_tried_again_and_again(shell):
    for _ in range(400):
        if shell.client.is_open(shell.name):
            shell.hear(refused("95000"))
        shell.step(0.5)
    assert len(shell.logins) > 10
    assert shell.client.refusal(ORDERS) is None
    while not shell.client.is_open(shell.name):
        shell.step(0.5)
    shell.hear(ACKNOWLEDGED)
    assert "authenticated" in shell.kinds()


def test_a_wrong_clock_is_named_when_nothing_tells_the_time(shell):
    shell.hear(refused("91022"))
    answer = shell.client.refusal(ORDERS)
    assert isinstance(answer.error, bb.ClockError)
    assert "clock" in str(answer.error)
    assert len(shell.logins) == 1


def test_a_wrong_clock_is_corrected_once_by_the_venues_own_time():
    shell = Shell()
    shell.client.subscribe(["spot/depth/increase100:BTC_USDT"], shell.now)
    shell.step()
    venue_ms = shell.wall + 300_000
    shell.hear(
        f'{{"data":[{{"asks":[["2","1"]],"bids":[["1","1"]],"ms_t":{venue_ms},"symbol":"BTC_USDT",'
        f'"type":"snapshot","version":1}}],"table":"spot/depth/increase100"}}'
    )
    shell.client.subscribe([ORDERS], shell.now)
    shell.step()
    shell.hear(refused("91022"))
    stamps = [int(json.loads(text)["args"][1]) for text in shell.logins]
    assert stamps == [shell.wall, venue_ms]
    shell.hear(refused("91022"))
    assert isinstance(shell.client.refusal(ORDERS).error, bb.ClockError)
    assert len(shell.logins) == 2


@pytest.mark.parametrize(("seconds", "tries"), [(300, 2), (30, 3)])
def test_futures_name_no_clock_but_their_stamps_do(seconds, tries):
    """A wrong time is refused in the words of a wrong key."""
    shell = Shell()
    shell.client.subscribe(["futures/depthIncrease20:BTCUSDT"], shell.now)
    shell.step()
    public, venue_ms = shell.name, shell.wall + seconds * 1000
    shell.hear(
        '{"data":{"symbol":"BTCUSDT","asks":[],"bids":[{"price":"2","vol":"1"}],'
        f'"ms_t":{venue_ms},"version":1,"type":"snapshot"}},'
        '"group":"futures/depthIncrease20:BTCUSDT"}'
    )
    shell.client.subscribe(["futures/order"], shell.now)
    shell.step()
    for _ in range(100):
        if shell.name != public and shell.client.is_open(shell.name):
            shell.hear('{"action":"access","success":false,"error":"openapi auth failed"}')
        shell.step(0.2)
    assert len(shell.logins) == tries
    error = shell.client.refusal("futures/order").error
    assert isinstance(error, bb.AuthenticationError)
    assert isinstance(error, bb.ClockError) == (seconds > 60)


def test_without_credentials_private_topics_are_refused_at_once():
    shell = Shell(credentials=None)
    with pytest.raises(bb.UsageError, match="private"):
        shell.client.subscribe([ORDERS], 0.0)
    shell.client.subscribe(["spot/ticker:BTC_USDT"], 0.0)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("ws://127.0.0.1:1/user", True),
        ("wss://localhost:1/user", True),
        ("ws://ws-manager-compress.bitmart.com/user", False),
        ("wss://evil.invalid/user", False),
        ("wss://ws-manager-compress.bitmart.com.evil.invalid/user", False),
    ],
)
@pytest.mark.parametrize("other_hosts", [False, True])
def test_a_login_goes_to_the_venue_or_to_this_machine_alone(url, allowed, other_hosts):
    shell = Shell(urls={"spot_private": url}, other_hosts=other_hosts)
    if allowed:
        shell.client.subscribe([ORDERS], 0.0)
    else:
        with pytest.raises(bb.UsageError, match="login"):
            shell.client.subscribe([ORDERS], 0.0)
        assert not shell.client.actions()


def test_public_topics_go_to_another_host_only_when_told_so():
    urls = {"spot_public": "wss://elsewhere.invalid/"}
    with pytest.raises(bb.UsageError, match="allow"):
        Shell(urls=urls).client.subscribe(["spot/ticker:A_B"], 0.0)
    Shell(urls=urls, other_hosts=True).client.subscribe(["spot/ticker:A_B"], 0.0)


def order(state, filled, time=1_700_000_000_000, fill=None):
    """A push of one order; documented names, numbers as strings."""
    row = {
        "symbol": "BTC_USDT", "notional": "", "side": "buy", "last_fill_time": str(time),
        "ms_t": str(time), "type": "limit", "filled_size": filled, "price": "100",
        "size": "2", "state": state, "order_id": "7", "last_fill_price": "100",
        "last_fill_count": fill or "0", "update_time": str(time), "exec_type": "M",
        "detail_id": f"d{filled}", "client_order_id": "", "order_mode": "0",
        "entrust_type": "normal", "order_state": state, "filled_notional": "0",
        "margin_trading": "0",
    }  # fmt: skip
    return json.dumps({"data": [row], "table": "spot/user/orders"})


def test_orders_reach_their_topic_once_and_the_account_keeps_them(shell):
    shell.hear(ACKNOWLEDGED)
    shell.hear(order("new", "0"))
    shell.hear(order("partially_filled", "1", 1_700_000_000_001, "1"))
    shell.hear(order("partially_filled", "1", 1_700_000_000_001, "1"))
    topics = [push.topic for push in shell.pushes]
    assert topics == [ORDERS, ORDERS], "the third one only repeats"
    assert shell.client.account.order("7").order_id == "7"
    assert len(shell.client.account.fills("7")) == 1


def test_a_lost_connection_is_a_hole_and_is_named_when_it_is_back(shell):
    shell.hear(ACKNOWLEDGED)
    shell.hear(order("new", "0"))
    shell.client.lost(shell.name, "reset", shell.now)
    assert not shell.client.account.is_confirmed(shell.client.account.order("7"))
    shell.execute()
    gaps = {event.topic for event in shell.events if event.kind == "gap"}
    assert gaps == {ORDERS, BALANCE}
    while shell.opens < 2:
        shell.step(0.5)
    assert len(shell.logins) == 2
    shell.hear(ACKNOWLEDGED)
    assert shell.kinds().count("authenticated") == 2
    assert [event.reason for event in shell.events if event.kind == "resync"] == ["reset"]
    shell.hear(order("new", "0"))
    assert shell.client.account.is_confirmed(shell.client.account.order("7"))
    assert len(shell.pushes) == 2, "a confirmation after a hole is news"


def test_what_two_topics_bring_is_told_on_both_and_proves_one(shell):
    single = "spot/user/order:BTC_USDT"
    shell.hear(ACKNOWLEDGED)
    shell.client.subscribe([single, "spot/user/order:ETH_USDT"], shell.now)
    shell.step()
    shell.hear(order("new", "0"))
    assert sorted(push.topic for push in shell.pushes) == [single, ORDERS]
    assert shell.client.answered(ORDERS)
    assert not shell.client.answered(single), "the push was of the other"
    shell.hear(order("new", "0").replace("orders", "order"))
    assert len(shell.pushes) == 2
    assert shell.client.answered(single)


def test_what_was_refused_is_not_given_up(shell):
    """There is nothing to give up, and the error of that would be blamed on another topic."""
    shell.hear(ACKNOWLEDGED)
    shell.hear(f'{{"event":"subscribe:{BALANCE}","errorCode":"90004","errorMessage":"no"}}')
    shell.step(1.0)
    assert shell.client.refusal(BALANCE).code == "90004"
    assert not [text for text in shell.sent if "unsubscribe" in text]


def test_the_assets_of_one_currency_are_not_those_of_another():
    shell = Shell()
    topics = ["futures/asset:USDT", "futures/asset:BTC"]
    shell.client.subscribe(topics, shell.now)
    shell.step()
    shell.hear('{"action":"access","success":true}')
    shell.hear(
        '{"group":"futures/asset:USDT","data":{"currency":"USDT","available_balance":"3.5",'
        '"position_deposit":"0.5","frozen_balance":"0"}}'
    )
    assert [push.topic for push in shell.pushes] == topics[:1]


def test_nothing_is_missed_before_the_login_is_accepted(shell):
    shell.hear(refused("91002"))
    while shell.opens < 2:
        shell.step(0.5)
    shell.hear(ACKNOWLEDGED)
    assert "gap" not in shell.kinds()
    assert "resync" not in shell.kinds()
    assert shell.client.account.holes == 0
