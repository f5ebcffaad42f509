"""Bugs of the fast wire: what its library leaves to it."""

from tests.mutants.mutant import Mutant

REFUSED = (
    "tests/wire/test_framing.py::test_what_is_refused_is_refused_and_nothing_behind_it_is_read"
)

FAST = [
    Mutant(
        "reserved-bits-overlooked",
        "A compressed frame that nobody asked for is read as a text.",
        "wire/_fast.pyx",
        "not (frame.rsv1 or frame.rsv2 or frame.rsv3)",
        "True",
        REFUSED,
    ),
    Mutant(
        "message-within-a-message",
        "A text between two fragments takes the place of what it interrupts.",
        "wire/_fast.pyx",
        "self._parts is not None",
        "False",
        REFUSED,
        where="cdef int _look_at(",
    ),
    Mutant(
        "fragments-without-a-limit",
        "A server fills the memory with one message in many fragments.",
        "wire/_fast.pyx",
        "self._size > self._max_message",
        "False",
        REFUSED,
    ),
    Mutant(
        "frames-behind-a-goodbye",
        "What stands behind the end of a connection is applied.",
        "wire/_fast.pyx",
        "self._reason is not None or self.ended",
        "False",
        "tests/wire/test_framing.py::test_nothing_is_read_behind_a_goodbye",
        where="cpdef on_ws_frame(",
    ),
    Mutant(
        "pings-not-answered",
        "The venue cuts a connection off that does not answer its pings.",
        "wire/_fast.pyx",
        "self.transport.send_pong(frame.get_payload_as_bytes())\n",
        "pass\n",
        "tests/wire/test_framing.py::test_pings_are_answered_and_pongs_are_told",
    ),
    Mutant(
        "backlog-shown-as-now-on-the-fast-wire",
        "A program that does not keep up sees a book of half a minute ago as LIVE.",
        "wire/_fast.pyx",
        "now > self._behind_since + self._behind",
        "False",
        "tests/feed/test_transport.py"
        "::test_a_socket_that_is_never_empty_holds_old_data_and_is_dropped",
    ),
    Mutant(
        "extension-taken-unasked",
        "A proxy that compresses what nobody asked it to is believed.",
        "wire/fast.py",
        'f"Sec-WebSocket-{name}" in response.headers',
        "False",
        "tests/wire/test_framing.py::test_what_nobody_asked_for_is_refused",
    ),
    Mutant(
        "ban-not-understood",
        "A feed that is banned knocks again at once.",
        "wire/fast.py",
        "isinstance(error, picows.WSInvalidStatusError) and found is not None",
        "False",
        "tests/wire/test_framing.py::test_what_a_refusal_says_is_the_same_on_each_wire",
    ),
    Mutant(
        "opening-left-behind",
        "A program that gives a feed up while it opens keeps its sockets.",
        "wire/fast.py",
        "transport.abort()\nraise\n",
        "raise\n",
        "tests/wire/test_framing.py::test_an_opening_that_is_cancelled_leaves_nothing_behind",
    ),
    Mutant(
        "another-layout-believed",
        "With the next version of the library the program reads memory that is not its own.",
        "wire/transports.py",
        "not picows.__version__.startswith(_PINNED)",
        "False",
        "tests/feed/test_transport.py::test_another_version_of_the_library_is_not_used",
    ),
    Mutant(
        "wanted-wire-replaced",
        "Whoever asks for the fast wire gets the other one and never knows.",
        "wire/transports.py",
        'transport == "picows" and why_not is not None',
        "False",
        "tests/feed/test_transport.py"
        "::test_where_the_library_is_missing_it_says_so_and_auto_does_without",
    ),
]
