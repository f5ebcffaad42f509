"""Networks that a test writes itself, for what has to happen at an exact moment.

What happens by chance is `bitmart_book.sim.faults.faults`; these sit between it and the client.
"""

from bitmart_book.sim.exchange import Refusal


class Fault:
    """Does nothing. `frames` maps one frame of the exchange to (payload, extra delay) pairs."""

    def __init__(self, start=0.0, end=float("inf"), rate=1.0):
        self.start = start
        self.end = end
        self.rate = rate

    def active(self, world):
        return self.start <= world.now < self.end

    def acts(self, world):
        if self.active(world) and world.rng.random() < self.rate:
            world.seen[type(self).__name__] += 1
            return True
        return False

    def frames(self, world, link, payload):
        return [(payload, 0.0)]

    def loses_request(self, world, text):
        return False

    def refuses(self, world):
        return None


def is_book(payload):
    return isinstance(payload, str) and "depth/increase100" in payload and '"data"' in payload


class Gap(Fault):
    """A push is lost."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            return []
        return [(payload, 0.0)]


class Silence(Fault):
    """Connected, but nothing arrives."""

    def frames(self, world, link, payload):
        return [] if self.acts(world) else [(payload, 0.0)]


class Rubbish(Fault):
    """A frame that is no JSON: the quotes are wrong, as BitMart once sent them."""

    def frames(self, world, link, payload):
        if is_book(payload) and self.acts(world):
            return [(payload.replace('"', "'"), 0.0)]
        return [(payload, 0.0)]


class NobodyHome(Fault):
    """Every connection is refused, and counted."""

    def refuses(self, world):
        world.seen["tries"] += 1
        return Refusal(503, "nobody home")


class Faults:
    """Several at once, each acting on what the one before left."""

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
