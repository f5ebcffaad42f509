# cython: language_level=3, boundscheck=False, wraparound=False
"""A compiled callback: it is told of every change of the top in C, and makes no Python object.

    cythonize -i examples/widest.pyx

A `Watcher` is told once after each frame that changed what it wants to hear of, on a LIVE book; and
`lost` when the book is not LIVE any more. Both are noexcept. What it needs it reads with
`read_best` and `read_levels`; writing to a book from within is refused.
"""

from bitmart_book._book cimport Book, Watcher


cdef class Widest(Watcher):
    """The widest spread while it watches: `widest.watch(book)`."""

    cdef readonly double spread
    cdef readonly long frames
    cdef readonly long losses

    cdef void changed(self, Book book, int change) noexcept:
        cdef double bid, ask, size
        self.frames += 1
        if book.read_best(0, &bid, &size) and book.read_best(1, &ask, &size):
            self.spread = max(self.spread, ask - bid)

    cdef void lost(self, Book book) noexcept:
        self.losses += 1
