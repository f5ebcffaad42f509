"""What the venue answers to what a client says, in the words of each generation."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.strangers import rules
from tests.strangers.account import (
    FUTURES_ORDER,
    FUTURES_POSITION,
    SPOT_BALANCE,
    SPOT_ORDER,
    SPOT_ORDERS,
)
from tests.strangers.speech import Say

if TYPE_CHECKING:
    from tests.strangers.venue import Connection, Venue

KEY, SECRET, MEMO = "stranger-key", "stranger-secret", "stranger"


def hear(venue: Venue, connection: Connection, text: str, now: int) -> None:
    """Answer one message."""
    {"spot": spot, "futures": futures, "legacy": legacy}[connection.house](
        venue, connection, text, now
    )


def as_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def login_fault(venue: Venue, key: str, time: str, sign: str, now: int) -> tuple[str, str] | None:
    """§3.1 and the codes of §2.6: what is wrong with a login, if anything."""
    if key != KEY:
        return "91002", "API KEY not found"
    if not time.isdigit():
        return "91023", "Invalid timestamp format"
    if abs(int(time) - venue.stamp.ms(now, "login")) * 1_000_000 > rules.LOGIN_WINDOW:
        return "91022", "Timestamp is outside one minute"
    word = f"{time}#{MEMO}#bitmart.WebSocket".encode()
    if not hmac.compare_digest(sign, hmac.new(SECRET.encode(), word, hashlib.sha256).hexdigest()):
        return "91011", "Param sign is wrong"
    return None


# Spot (§2 and §3).


def spot(venue: Venue, connection: Connection, text: str, now: int) -> None:
    if text == "ping":
        venue.say(connection, Say("pong", None, "pong"), now)  # §2.2
        return
    message = as_object(text)
    if message is None:
        spot_error(venue, connection, None, None, "90001", "Invalid message format", now)
        return
    args = message.get("args")
    if not isinstance(args, list) or not all(isinstance(arg, str | int) for arg in args):
        spot_error(venue, connection, None, None, "90003", "Invalid args", now)
        return
    args = [str(arg) for arg in args]
    op = message.get("op")
    if op == "login" and connection.private:
        spot_login(venue, connection, args, now)
    elif op in ("subscribe", "unsubscribe", "request"):
        if spot_too_much(venue, connection, args, now):
            return
        for topic in args:
            {"subscribe": spot_subscribe, "unsubscribe": spot_unsubscribe, "request": spot_request}[
                op
            ](venue, connection, topic, now)
    else:
        spot_error(venue, connection, None, None, "90002", "Invalid op", now)


def spot_login(venue: Venue, connection: Connection, args: list[str], now: int) -> None:
    fault = (
        login_fault(venue, args[0], args[1], args[2], now)
        if len(args) == 3
        else ("90003", "Invalid args")
    )
    if fault is None:
        connection.logged_in = True
        venue.say(connection, Say("login", None, {"event": "login"}), now)
        return
    body = {"event": "login", "errorCode": fault[0], "errorMessage": fault[1]}
    venue.say(connection, Say("error", None, body), now)
    venue.ends(connection, 1000, now)  # §3.1, "then the server closes"


def spot_too_much(venue: Venue, connection: Connection, args: list[str], now: int) -> bool:
    limits = connection.rules
    assert limits.args is not None
    assert limits.topic_bytes is not None
    if len(args) <= limits.args and sum(len(a.encode()) for a in args) <= limits.topic_bytes:
        return False
    venue.breach(f"{limits.name} args")
    spot_error(venue, connection, "subscribe", None, "90005", "Too many topics", now)
    venue.ends(connection, 1008, now)  # §2.3, "Breach → disconnected"
    return True


def spot_subscribe(venue: Venue, connection: Connection, topic: str, now: int) -> None:
    limits = connection.rules
    name = topic.partition(":")[0]
    if topic in connection.topics:
        spot_error(venue, connection, "subscribe", topic, "90008", "Duplicate subscription", now)
        return
    allowed = min((lie.topics(connection) for lie in venue.lies), default=limits.topics)
    assert limits.topics is not None
    if len(connection.topics) >= min(allowed or limits.topics, limits.topics):
        if len(connection.topics) >= limits.topics:
            venue.breach(f"{limits.name} topics")
        spot_error(venue, connection, "subscribe", topic, "90006", "Too many topics", now)
        return
    if connection.private:
        if not connection.logged_in:
            spot_error(venue, connection, "subscribe", topic, "91006", "Not logged in", now)
            return
        if topic not in (SPOT_ORDERS, SPOT_BALANCE) and name != SPOT_ORDER:
            spot_error(venue, connection, "subscribe", topic, "90004", "Invalid channel", now)
            return
        connection.topics[topic] = None
        connection.subscribed = True
        venue.accounts["spot"].heard_from[topic] = now
        spot_ack(venue, connection, "subscribe", topic, now)
        for say in venue.accounts["spot"].first_words(topic, now):
            venue.say(connection, say, now)
        return
    channel = venue.channel("spot", topic, now)
    if channel is None:
        known = name in ("spot/depth/increase100", "spot/depth5", "spot/depth20", "spot/depth50")
        code = (
            ("92001", "Invalid symbol param")
            if known or name == "spot/trade"
            else (
                "90004",
                "Invalid channel param",
            )
        )
        spot_error(venue, connection, "subscribe", topic, *code, now)
        return
    connection.topics[topic] = channel
    connection.subscribed = True
    spot_ack(venue, connection, "subscribe", topic, now)
    for say in channel.opening(now):
        venue.say(connection, say, now)


def spot_unsubscribe(venue: Venue, connection: Connection, topic: str, now: int) -> None:
    connection.topics.pop(topic, None)
    spot_ack(venue, connection, "unsubscribe", topic, now)


def spot_request(venue: Venue, connection: Connection, topic: str, now: int) -> None:
    channel = venue.channel("spot", topic, now)
    if channel is None or channel.kind != "book":
        spot_error(venue, connection, "request", topic, "90004", "Invalid channel param", now)
        return
    for say in channel.reply(now):
        venue.say(connection, say, now)


def spot_ack(venue: Venue, connection: Connection, event: str, topic: str, now: int) -> None:
    """§2.5: one frame a topic, the order of its keys varies."""
    body = {"event": event, "topic": topic}
    if venue.random.random() < 0.5:
        body = {"topic": topic, "event": event}
    venue.say(connection, Say("ack", topic, body), now)


def spot_error(
    venue: Venue,
    connection: Connection,
    event: str | None,
    topic: str | None,
    code: str,
    message: str,
    now: int,
) -> None:
    """§2.6: the documented shape, the one that names its topic, or the one without an event."""
    body = {"errorCode": code, "errorMessage": message}
    if event is not None and venue.habits.error_shape != "bare":
        named = venue.habits.error_shape == "topic" and topic is not None
        body = {"event": f"{event}:{topic}" if named else event, **body}
    venue.say(connection, Say("error", topic, body), now)


# Futures (§4).


def futures(venue: Venue, connection: Connection, text: str, now: int) -> None:
    message = as_object(text)
    if message is None:
        # §4.2: refused, and the socket stays open.
        body = {"success": False, "error": f"Invalid message: message must be JSON: {text}"}
        venue.say(connection, Say("error", None, body), now)
        return
    action = message.get("action")
    args = [str(arg) for arg in message.get("args") or []]
    if action == "ping":
        uuid = UUID(int=venue.random.getrandbits(128), version=4)
        venue.say(connection, Say("pong", None, {"group": "System", "data": f"pong+{uuid}"}), now)
    elif action == "access" and connection.private:
        futures_access(venue, connection, args, now)
    elif action == "subscribe":
        for topic in args:
            futures_subscribe(venue, connection, topic, message, now)
    elif action == "unsubscribe":
        for topic in args:
            connection.topics.pop(topic, None)
            futures_ack(venue, connection, "unsubscribe", topic, now)
    elif action == "request":
        for topic in args:
            channel = venue.channel("futures", topic, now)
            if channel is None or channel.kind != "book":
                futures_error(venue, connection, "request", topic, now)
                continue
            for say in channel.reply(now):
                venue.say(connection, say, now)
    else:
        error = f"Invalid action [{action}] for group [{args[0] if args else ''}]"
        body = {"action": action, "success": False, "error": error}
        venue.say(connection, Say("error", None, body), now)


def futures_access(venue: Venue, connection: Connection, args: list[str], now: int) -> None:
    # §4.7: [key, timestamp, sign, "web"].
    good = len(args) == 4 and login_fault(venue, args[0], args[1], args[2], now) is None
    if good:
        connection.logged_in = True
        venue.say(connection, Say("login", None, {"action": "access", "success": True}), now)
        return
    error = "access failed: openapi auth: apiKey 880d5edecs**** failed: openapi auth failed"
    body = {"action": "access", "success": False, "error": error}
    venue.say(connection, Say("error", None, body), now)
    venue.ends(connection, 1000, now)


def futures_subscribe(
    venue: Venue, connection: Connection, topic: str, message: dict[str, Any], now: int
) -> None:
    if connection.private:
        known = topic in (FUTURES_ORDER, FUTURES_POSITION) or topic.startswith("futures/asset:")
        if not connection.logged_in:
            error = f"{topic} need authenication"  # §4.2, "Keep the misspelling"
            body = {"action": "subscribe", "group": topic, "success": False, "error": error}
            venue.say(connection, Say("error", topic, body), now)
            return
        if not known:
            futures_error(venue, connection, "subscribe", topic, now)
            return
        connection.topics[topic] = None
        connection.subscribed = True
        venue.accounts["futures"].heard_from[topic] = now
        futures_ack(venue, connection, "subscribe", topic, now)
        for say in venue.accounts["futures"].first_words(topic, now):
            venue.say(connection, say, now)
        return
    channel = venue.channel("futures", topic, now)
    if channel is None:
        futures_error(venue, connection, "subscribe", topic, now)
        return
    again = topic in connection.topics
    connection.topics[topic] = channel
    connection.subscribed = True
    futures_ack(venue, connection, "subscribe", topic, now)  # §4.2: a duplicate succeeds too
    if not again:
        for say in channel.opening(now):
            venue.say(connection, say, now)


def futures_ack(venue: Venue, connection: Connection, action: str, topic: str, now: int) -> None:
    body = {
        "action": action,
        "group": topic,
        "success": True,
        "request": {"action": action, "args": [topic]},
    }
    venue.say(connection, Say("ack", topic, body), now)


def futures_error(venue: Venue, connection: Connection, action: str, topic: str, now: int) -> None:
    body = {
        "action": action,
        "group": topic,
        "success": False,
        "error": f"Invalid channel: not found {topic}",
        "request": {"action": action, "args": [topic]},
    }
    venue.say(connection, Say("error", topic, body), now)


# Legacy (§1.1).


def legacy(venue: Venue, connection: Connection, text: str, now: int) -> None:
    message = as_object(text)
    if message is None:
        venue.say(connection, Say("error", None, {"message": "invalid message"}), now)
        return
    wanted = message.get("subscribe")
    if wanted == "ping":
        venue.say(connection, Say("pong", None, {"subscribe": "pong"}), now)
        return
    symbol = message.get("symbol")
    precision = message.get("precision", 6)
    if message.get("unsubscribe") == "order":
        connection.topics.pop(f"order:{symbol}@{precision}", None)
        return
    topic = f"order:{symbol}@{precision}"
    channel = venue.channel("legacy", topic, now) if wanted == "order" else None
    if channel is None:
        venue.say(connection, Say("error", None, {"message": "invalid symbol"}), now)
        return
    connection.topics[topic] = channel
    connection.subscribed = True
    for say in channel.opening(now):
        venue.say(connection, say, now)
