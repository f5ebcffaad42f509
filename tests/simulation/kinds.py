"""The faults of a simulated world: those of the exchange in the box, and four that only who runs
the client can do. And which of them are not in the mix yet, and why."""

from bitmart_book.sim.faults import lateness, nobody, refusals, replies
from bitmart_book.sim.faults.kinds import KINDS
from bitmart_book.sim.faults.network import Kind, by_carrier

NOT_YET = {
    "upstream": "what waits on every connection is shown a second too long",
    "samenumber": "an update with the number of the snapshot before it is not compared with it",
    "firstempty": "a second empty snapshot is believed although an update told of levels",
}
"""Faults that the client does not withstand, with what is wrong. They are left out of "all", but
act by their names. What is mended leaves this table."""

# What goes wrong with a book on these is not over with one reply.
LASTING = frozenset(
    {
        *lateness.KINDS,
        *replies.KINDS,
        *nobody.KINDS,
        *refusals.KINDS,
        "restart",
        "overflow",
        "stuck",
    }
)

_OWN = {
    "block": Kind(by_carrier, (55,), 0.5, 0.04, 4.0, "the client's event loop is blocked"),
    "sleep": Kind(by_carrier, (39,), 0.3, 0.02, 60.0, "the client's machine is suspended"),
    "poison": Kind(by_carrier, (45,), 0.5, 0.03, 0.0, "an unlisted symbol is wanted with others"),
    "localclock": Kind(by_carrier, (), 0.5, 0.04, 3600.0, "the client's clock of the day is set"),
}

ALL_KINDS = {**KINDS, **_OWN}
del ALL_KINDS["split"]  # bytes exist only behind a real socket
"""Every fault that a world can have."""

WORLD_KINDS = {
    name: kind._replace(share=0.0) if name in NOT_YET else kind for name, kind in ALL_KINDS.items()
}
"""The same; those that are not in the mix have no share in "all"."""
