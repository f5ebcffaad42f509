"""What a simulated network does to frames: one small class for each fault, and their sum.

A fault has a time span in which it acts, and counts what it did in `world.seen`, so that a test
can be sure that it acted at all.
"""

from __future__ import annotations

import json

from bitmart_book.sim.exchange import Refusal


class Fault:
    """Does nothing. `frames` maps one frame of the exchange to (payload, extra delay) pairs."""

    def __init__(self, start=0.0, end=float("inf"), rate=0.02):
        self.start = start
        self.end = end
        self.rate = rate

    @property
    def name(self):
        return type(self).__name__

    def active(self, world):
        return self.start <= world.now < self.end

    def acts(self, world):
        if self.active(world) and world.rng.random() < self.rate:
            world.seen[self.name] += 1
            return True
        return False

    def frames(self, world, link, payload):
        return [(payload, 0.0)]

    def loses_request(self, world, text):
        return False

    def refuses(self, world):
        return None


def is_book(payload):
    return "depth/increase100" in text_of(payload) and '"data"' in text_of(payload)


def text_of(payload):
    return payload if isinstance(payload, str) else ""


class Gap(Fault):
    """A push is lost."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            return []
        return [(payload, 0.0)]


class GapOfUpdates(Gap):
    """As `Gap`, but snapshots arrive."""

    def frames(self, world, link, payload):
        return (
            super().frames(world, link, payload)
            if '"update"' in text_of(payload)
            else [(payload, 0.0)]
        )


class Duplicate(Fault):
    """A frame arrives twice."""

    def frames(self, world, link, payload):
        return [(payload, 0.0)] * (2 if self.acts(world) else 1)


class Reorder(Fault):
    """A push is overtaken by the next frame of its connection."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.held = {}

    def frames(self, world, link, payload):
        held = self.held.pop(link, None)
        if held is not None:
            return [(payload, 0.0), (held, 0.0)]
        if is_book(payload) and self.acts(world):
            self.held[link] = payload
            return []
        return [(payload, 0.0)]


class Delay(Fault):
    """The connection stalls for a while; everything arrives later, in order."""

    def frames(self, world, link, payload):
        return [(payload, world.rng.uniform(0.5, 3.0) if self.acts(world) else 0.0)]


class Silence(Fault):
    """Connected, but nothing arrives any more."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.silent = set()

    def frames(self, world, link, payload):
        if self.active(world) and (link in self.silent or self.acts(world)):
            self.silent.add(link)
            return []
        return [(payload, 0.0)]


class SilentSymbol(Fault):
    """One symbol stops while others flow."""

    symbol = "BTC_USDT"

    def frames(self, world, link, payload):
        if self.active(world) and is_book(payload) and f'"{self.symbol}"' in payload:
            world.seen[self.name] += 1
            return []
        return [(payload, 0.0)]


class Reset(Fault):
    """The connection is reset in the middle of things."""

    def frames(self, world, link, payload):
        if self.acts(world):
            world.at(world.now, world.cut, link.name)
            return []
        return [(payload, 0.0)]


class Refused(Fault):
    """Nobody answers at the door."""

    def refuses(self, world):
        if self.active(world):
            world.seen[self.name] += 1
            return Refusal(503, "no service")
        return None


class Banned(Fault):
    """Too many attempts, says the door."""

    def refuses(self, world):
        if self.acts(world):
            return Refusal(429, "too many")
        return None


class Rubbish(Fault):
    """A frame that is no JSON: the quotes are wrong, as BitMart once sent them."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            return [(payload.replace('"', "'"), 0.0)]
        return [(payload, 0.0)]


class Truncated(Fault):
    """A frame that stops in the middle."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            return [(payload[: world.rng.randrange(1, len(payload))], 0.0)]
        return [(payload, 0.0)]


class Damaged(Fault):
    """A price that is none."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            message = json.loads(payload)
            message["data"][0]["bids"] = [["-1", "1"]]
            return [(json.dumps(message), 0.0)]
        return [(payload, 0.0)]


class LostAck(Fault):
    """An acknowledgement is lost."""

    def frames(self, world, link, payload):
        if '"event"' in text_of(payload) and self.acts(world):
            return []
        return [(payload, 0.0)]


class LostRequest(Fault):
    """What the client sent never arrives."""

    def loses_request(self, world, text):
        return "op" in text and self.acts(world)


class LateReply(Fault):
    """A snapshot arrives long after it was true, between newer updates."""

    def frames(self, world, link, payload):
        if is_book(payload) and '"snapshot"' in payload and self.acts(world):
            late = world.now + world.rng.uniform(0.5, 2.0)
            world.at(late, world._arrive_at_client, link, payload)
            return []
        return [(payload, 0.0)]


class Crossed(Fault):
    """A removal is not sent: an update leaves the book crossed."""

    def frames(self, world, link, payload):
        if is_book(payload) and '"update"' in payload and self.acts(world):
            message = json.loads(payload)
            item = message["data"][0]
            if not item["bids"]:
                item["bids"] = [["99999999", "1"]]
                return [(json.dumps(message), 0.0)]
        return [(payload, 0.0)]


class EmptySnapshot(Fault):
    """A server that is not ready answers with an empty book, once: a second one is believed."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.emptied = set()

    def frames(self, world, link, payload):
        if is_book(payload) and '"snapshot"' in payload:
            message = json.loads(payload)
            item = message["data"][0]
            if item["symbol"] in self.emptied:
                self.emptied.remove(item["symbol"])
            elif self.acts(world):
                self.emptied.add(item["symbol"])
                item.update(bids=[], asks=[])
                return [(json.dumps(message), 0.0)]
        return [(payload, 0.0)]


ALL = [
    Gap, Duplicate, Reorder, Delay, Silence, SilentSymbol, Reset, Refused, Banned, Rubbish,
    Truncated, Damaged, LostAck, LostRequest, LateReply, Crossed, EmptySnapshot,
]  # fmt: skip


class Faults:
    """Several faults at once, each acting on what the one before left."""

    def __init__(self, *faults):
        self.faults = faults

    def frames(self, world, link, payload):
        frames = [(payload, 0.0)]
        for fault in self.faults:
            frames = [
                (after, delay + more)
                for before, delay in frames
                for after, more in fault.frames(world, link, before)
            ]
        return frames

    def loses_request(self, world, text):
        return any(fault.loses_request(world, text) for fault in self.faults)

    def refuses(self, world):
        return next(filter(None, (fault.refuses(world) for fault in self.faults)), None)
