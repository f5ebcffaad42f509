# cython: language_level=3, boundscheck=False, wraparound=False
"""A strategy's inner loop in C: it reads a book without making a Python object.

    cythonize -i examples/pressure.pyx

`Book` is cimported like any extension type. Its methods for C do all that a read from Python does:
they raise BookNotLive while the book cannot be trusted, deadline included. What they read is of one
moment as long as no Python code runs in between: both sides first, and then the sums.
"""

from bitmart_book._book cimport Book, Engine

cdef enum:
    BID = 0
    ASK = 1
    DEEPEST = 50


cpdef double pressure(Book book, Py_ssize_t levels) except? -2.0:
    """In [-1, 1], above zero where bids are larger: sizes of the best levels, each weighted by how
    near it is to the mid. 0.0 where a side is empty. Raises BookNotLive."""
    cdef double[2][2 * DEEPEST] cells
    cdef double[2] weighed
    cdef double mid
    cdef Py_ssize_t i, found
    cdef int side
    if not 0 < levels <= DEEPEST:
        raise ValueError(f"levels must be from 1 to {DEEPEST}, was {levels}")
    weighed[BID] = weighed[ASK] = 0.0
    for side in range(2):
        found = book.read_levels(side, cells[side], levels)
        if found == 0:
            return 0.0
        # Row i is price and size of the level at that place, best first.
        for i in range(found, levels):
            cells[side][2 * i + 1] = 0.0
    mid = (cells[BID][0] + cells[ASK][0]) / 2
    for side in range(2):
        for i in range(levels):
            if cells[side][2 * i + 1] > 0.0:
                weighed[side] += cells[side][2 * i + 1] / (1e-9 * mid + abs(cells[side][2 * i] - mid))
    return (weighed[BID] - weighed[ASK]) / (weighed[BID] + weighed[ASK])


def widest_spread(Engine engine, Book book, list frames):
    """Apply raw frames; the widest spread that `book` had after one of them, as a float."""
    cdef double bid, ask, size, widest = 0.0
    for frame in frames:
        engine.apply(frame)
        if book.read_best(BID, &bid, &size) and book.read_best(ASK, &ask, &size):
            widest = max(widest, ask - bid)
    return widest
