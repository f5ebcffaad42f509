# Part of _book: (k, 2) arrays of doubles, read and written in place.
#
# Any object with a buffer of doubles will do. numpy takes longer to describe a buffer than a book
# takes to fill it, so of its plain arrays the head is read directly: no numpy header is needed to
# build, and nothing is imported. That its fields are where they are expected is asked of numpy
# itself, once, by comparing arrays of several kinds with what their buffers say.

import sys

cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        char *data;
        int nd;
        Py_ssize_t *dimensions;
        Py_ssize_t *strides;
        PyObject *base;
        PyObject *descr;
        int flags;
    } bb_array;
    typedef struct {
        PyObject_HEAD
        PyTypeObject *typeobj;
        char kind;
        char type;
        char byteorder;
        char flags;
        int type_num;
    } bb_dtype;
    /* Up to here an int64 is a double too. */
    #define BB_LAST_EXACT (INT64_C(1) << 53)
    """
    const int64_t LAST_EXACT "BB_LAST_EXACT"

    ctypedef struct ArrayHead "bb_array":
        char* data
        int nd
        Py_ssize_t* dimensions
        Py_ssize_t* strides
        void* descr
        int flags

    ctypedef struct DtypeHead "bb_dtype":
        char byteorder
        int type_num

cdef enum:
    DOUBLES = 12
    CONTIGUOUS = 0x1
    ALIGNED = 0x100
    WRITEABLE = 0x400

# Where the cells of a (k, 2) array are; steps in bytes.
cdef struct Grid:
    char* first
    Py_ssize_t rows
    Py_ssize_t down
    Py_ssize_t across

# numpy's array type once its fields have been found where they should be; None before, False if they
# have not.
cdef object known_array = None


cdef inline bint grid_of_head(object array, int flags, Grid* grid) noexcept:
    """The cells of a plain native float64 array of shape (k, 2) with all of these flags."""
    cdef const ArrayHead* head = <const ArrayHead*>array
    cdef const DtypeHead* dtype = <const DtypeHead*>head.descr
    # A negative number has the flag of an array that wants to warn before it is written to.
    if head.flags & flags != flags or head.flags < 0 or head.nd != 2 or head.dimensions[1] != 2:
        return False
    if dtype.type_num != DOUBLES or dtype.byteorder != c'=':
        return False
    grid.first = head.data
    grid.rows = head.dimensions[0]
    grid.down = head.strides[0]
    grid.across = head.strides[1]
    return True


cdef inline bint grid_of_array(object array, int flags, Grid* grid) noexcept:
    """The cells of one of numpy's arrays; False where its buffer has to be asked for."""
    if type(array) is not known_array:
        return False
    return grid_of_head(array, ALIGNED | flags, grid)


cdef inline void put_level(char* cells, Py_ssize_t row, double price, double size) noexcept nogil:
    """Write a row. A buffer need not be aligned."""
    memcpy(cells + 16 * row, &price, sizeof(double))
    memcpy(cells + 16 * row + 8, &size, sizeof(double))


cdef bint is_grid(const Py_buffer* view) noexcept:
    return (
        view.ndim == 2 and view.shape[1] == 2 and view.format[0] == c'd' and view.format[1] == 0
    )


cdef int get_acquainted(object array) except -1:
    """Learn numpy's array type from the first array that comes by."""
    global known_array
    if known_array is None and type(array).__module__ == "numpy":
        numpy = sys.modules.get("numpy")
        if numpy is not None and type(array) is getattr(numpy, "ndarray", None):
            known_array = numpy.ndarray if heads_are_as_expected(numpy) else False
    return 0


cdef bint heads_are_as_expected(object numpy) except -1:
    """Whether arrays of several kinds are what their heads say, told from their buffers."""
    plain = numpy.zeros((3, 2))
    fixed = numpy.zeros((3, 2))
    fixed.flags.writeable = False
    odd = numpy.zeros(3 * 16 + 1, dtype="u1")[1:].view("f8").reshape(3, 2)
    kinds = [
        # An array, whether it is one of native doubles, written to and read in one piece, aligned.
        (plain, True, True, True, True),
        (numpy.zeros((4, 2))[::2], True, True, False, True),
        (numpy.zeros((2, 3)).T, True, True, False, True),
        (numpy.zeros((3, 4))[::-1, ::3], True, True, False, True),
        (fixed, True, False, True, True),
        (odd, True, True, True, False),
        (numpy.zeros((0, 2)), True, True, True, True),
        (numpy.zeros((3, 2), dtype="f4"), False, True, True, True),
        (numpy.zeros((3, 2), dtype="i8"), False, True, True, True),
        (numpy.zeros((3, 2), dtype=numpy.dtype("f8").newbyteorder()), False, True, True, True),
        (numpy.zeros((3, 3)), False, True, True, True),
        (numpy.zeros(6), False, True, True, True),
    ]
    for array, doubles, writeable, contiguous, aligned in kinds:
        if type(array) is not numpy.ndarray:
            return False
        if not head_is_as_expected(array, doubles, 0, True):
            return False
        if not head_is_as_expected(array, doubles, WRITEABLE, writeable):
            return False
        if not head_is_as_expected(array, doubles, CONTIGUOUS, contiguous):
            return False
        if not head_is_as_expected(array, doubles, ALIGNED, aligned):
            return False
    return True


cdef bint head_is_as_expected(object array, bint doubles, int flag, bint has_flag) except -1:
    cdef Grid grid
    cdef Py_buffer view
    memset(&grid, 0, sizeof(grid))
    if grid_of_head(array, flag, &grid) != (doubles and has_flag):
        return False
    if not (doubles and has_flag):
        return True
    PyObject_GetBuffer(array, &view, PyBUF_FORMAT | PyBUF_STRIDED_RO)
    try:
        # Steps that nobody takes may be anything.
        return (
            grid.first == view.buf and grid.rows == view.shape[0]
            and (grid.rows == 0 or grid.across == view.strides[1])
            and (grid.rows <= 1 or grid.down == view.strides[0])
        )
    finally:
        PyBuffer_Release(&view)


cdef object new_array(Py_ssize_t rows):
    # numpy is asked for when the first array is, so that importing the package stays cheap.
    global _numpy_empty
    if _numpy_empty is None:
        import numpy
        _numpy_empty = numpy.empty
        get_acquainted(_numpy_empty((0, 2)))
    return _numpy_empty((rows, 2))


cdef object _numpy_empty = None


cdef object array_of(list rows):
    """A float64 array of shape (k, 2) of pairs of floats."""
    cdef Py_ssize_t i
    array = new_array(len(rows))
    for i, (price, size) in enumerate(rows):
        array[i, 0] = price
        array[i, 1] = size
    return array


@cython.final
cdef class _Buffer:
    """A writable array of the caller's that is no plain one of numpy's, held where it is."""

    cdef Py_buffer view
    cdef Grid grid

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef _Buffer writable_buffer(object array):
    cdef _Buffer buffer = _Buffer.__new__(_Buffer)
    try:
        PyObject_GetBuffer(
            array, &buffer.view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE
        )
    except (TypeError, BufferError, ValueError) as error:
        raise UsageError(f"out must be writable C-contiguous arrays: {error}") from None
    if not is_grid(&buffer.view):
        raise UsageError("out must be float64 arrays of shape (k, 2)")
    get_acquainted(array)
    buffer.grid.first = <char*>buffer.view.buf
    buffer.grid.rows = buffer.view.shape[0]
    return buffer
