"""Bugs where frames are let in without Python, and where their books are found."""

from tests.mutants.mutant import Mutant

DOOR = [
    Mutant(
        "door-open-after-a-pause",
        "After a pause of the program what had piled up is shown as of now, if nobody listens.",
        "native/door.pxi",
        "now > self.overdue_ns",
        "False",
        "tests/native/test_door.py::test_a_client_that_is_overdue_comes_first",
    ),
    Mutant(
        "client-not-told-at-the-door",
        "A book whose update was lost is never asked for again.",
        "native/door.pxi",
        "not change & self.shown",
        "True",
        "tests/native/test_door.py::test_what_the_client_has_to_see_is_said",
    ),
    Mutant(
        "listeners-not-told-at-the-door",
        "Callbacks and loops never hear of a new price.",
        "native/door.pxi",
        "PyList_GET_SIZE(self.notes) == 0",
        "True",
        "tests/native/test_door.py::test_what_somebody_watches_is_said_and_nothing_else",
    ),
    Mutant(
        "frames-pass-the-recorder",
        "A recording lacks most of the frames that its books were made of.",
        "native/door.pxi",
        "self.is_shut",
        "False",
        "tests/native/test_door.py::test_who_looks_at_every_frame_gets_bytes",
    ),
    Mutant(
        "frames-pass-the-second-opinion",
        "A feed with shadow=True compares nothing.",
        "native/door.pxi",
        "type(engine).apply is not Engine.apply",
        "False",
        "tests/native/test_door.py::test_an_engine_that_compares_gets_bytes",
    ),
    Mutant(
        "unread-at-the-door-is-news",
        "Bad frames, acknowledgements and trades are counted twice.",
        "native/engine.pxi",
        "self._frames -= 1\n",
        "",
        "tests/native/test_door.py::test_what_the_scanner_does_not_know_is_left_untouched",
    ),
    Mutant(
        "seat-left-empty",
        "Once a book was closed the frames of another one take many times as long.",
        "native/channel.pxi",
        "((other - first) & last) >= ((other - place) & last)",
        "False",
        "tests/native/test_seats.py::test_books_that_come_and_go_in_any_order_are_found_and_no_others",
    ),
    Mutant(
        "seat-moved-too-far",
        "The same: its seat was taken by a book that is looked for elsewhere.",
        "native/channel.pxi",
        "((other - first) & last) >= ((other - place) & last)",
        "True",
        "tests/native/test_seats.py::test_books_that_come_and_go_in_any_order_are_found_and_no_others",
    ),
    Mutant(
        "sixteenth-digit-lost",
        "A version of sixteen digits is read as another number.",
        "native/digits.pxd",
        "more < 8",
        "True",
        "tests/native/test_scanner.py::test_whole_numbers_of_any_length",
    ),
]
