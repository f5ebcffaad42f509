# One side of a book: levels strictly ascending by key, the best one last.
#
# The key is the price for bids and the negated price for asks, so that one routine serves both.
# A ladder is one flat array, until it holds more than FLAT_MOST levels: from then on it is blocks
# of them with a directory, so that a change moves the rest of a block and not of a side. A side
# that changes, and whose best levels lie close, has a window over them besides: all its levels are
# above those of the array or of the blocks, which are then called the deep ones
# (docs/ladder.md has the measurements). Only this file knows which of these there are.
#
# No Python objects, no numbers but integers. Memory is taken by `ladder_reserve`, `ladder_begin`
# and nothing else, so that everything that changes a level cannot fail.

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from bitmart_book.native.number cimport INT64_LIMIT
from bitmart_book.native.window cimport (
    LOWEST_KEY,
    MOST_SLOTS,
    NARROW_SLOTS,
    WIDE_SLOTS,
    WORD,
    Rung,
    Walk,
    Window,
    base_under,
    count_below,
    from_base,
    from_top,
    is_within,
    new_window,
    size_in,
    top_of,
    walk_down,
    walk_up,
    window_fault,
    window_put,
)

cdef extern from *:
    # Of Cython's own header: the common book is shallow, and its way is to be the straight one.
    bint unlikely(bint) noexcept nogil

cdef enum:
    # Above FLAT_MOST levels blocks win; below FLAT_LEAST a ladder becomes flat again.
    FLAT_MOST = 256
    FLAT_LEAST = 128
    # Levels that a block has room for; what one gets when a ladder is filled in order, so that
    # the next changes do not split all of them; what two neighbours must hold more than.
    BLOCK_ROOM = 64
    BLOCK_FILL = 48
    BLOCK_HALF = 32
    # Where nothing said that changes follow, a window is laid out after so many puts, and one for
    # so many levels: what it costs is paid for by then.
    WINDOW_PUTS = 16
    WINDOW_PRICE = 8
    # It must hold so many levels, and one in so many of the side. With fewer than half of either
    # it is taken back, and none is laid out before so many further puts.
    WINDOW_LEVELS = 16
    WINDOW_SHARE = 8
    WINDOW_REST = 4096
    # It is made twice as large as long as that takes no more than so many bytes for each level
    # that it wins, and it is laid out anew where it takes four times as many for all of them.
    WINDOW_BYTES = 128
    # So many puts it stays, and as many for its levels as one is laid out after, before it follows
    # the best level down or the levels of a side that has grown.
    WINDOW_STAYS = 256

cdef struct Block:
    Rung* rungs
    Py_ssize_t length
    # No key of the block is above it, every key of the next block is. It need not be a key.
    int64_t limit

cdef struct Ladder:
    # Keys at or above it are known for certain; below it levels may exist that were never sent.
    int64_t known_from
    # A flat ladder is this block, and `capacity` is its room. When there are blocks it has no
    # rungs and no room; its length is that of the ladder all the same.
    Block whole
    Py_ssize_t capacity
    # The directory, NULL while the ladder is flat: `n_blocks` in use, ascending, and then spare
    # ones up to `n_owned`; room for `directory_capacity`.
    Block* blocks
    Py_ssize_t n_blocks
    Py_ssize_t n_owned
    Py_ssize_t directory_capacity
    # NULL: there is none. No deep level is at or above its base, and no level is above its top.
    Window* window
    # The best level, size 0 where there is none; kept only while there is a window.
    Rung best
    # Since something was last done about the window; negative while it rests.
    Py_ssize_t puts
    # A size of more than 32 bits was put: windows are wide from then on.
    bint wide

# What the rows of a frame ask of a ladder, before any is put.
cdef struct Demand:
    # All of them, those that belong into the deep part, and the best key that becomes a level.
    Py_ssize_t puts
    Py_ssize_t deep
    int64_t best
    # The bits of all sizes.
    uint64_t sizes

cdef struct IndexedRung:
    int64_t key
    int64_t size
    Py_ssize_t arrival

# A place between two levels. It is good until the ladder changes; a level it gave, until the next.
cdef struct Cursor:
    Walk walk
    const Rung* rung
    # Where the cursor leaves its block, and the last block that it may enter.
    const Rung* edge
    const Block* block
    const Block* last

cdef enum PutResult:
    UNCHANGED
    RESIZED
    INSERTED
    REMOVED


# --- memory ---


cdef inline void ladder_free(Ladder* ladder) noexcept nogil:
    """Give everything back; the ladder is empty. What is known stays."""
    cdef Py_ssize_t i
    cdef int64_t known_from = ladder.known_from
    for i in range(ladder.n_owned):
        free(ladder.blocks[i].rungs)
    free(ladder.blocks)
    free(ladder.whole.rungs)
    free(ladder.window)
    memset(ladder, 0, sizeof(Ladder))
    ladder.known_from = known_from


cdef inline void ladder_exchange(Ladder* ladder, Ladder* other) noexcept nogil:
    """The two change places. `other` is empty then; of its memory it keeps what is of use to a new
    ladder of a few levels."""
    cdef Ladder was = ladder[0]
    ladder[0] = other[0]
    memset(other, 0, sizeof(Ladder))
    if was.window == NULL and was.blocks == NULL:
        other.whole.rungs = was.whole.rungs
        other.capacity = was.capacity
    else:
        ladder_free(&was)


cdef inline void ladder_move(Ladder* to, Ladder* source) noexcept nogil:
    """`to` becomes `source`, which is left empty."""
    ladder_free(to)
    to[0] = source[0]
    memset(source, 0, sizeof(Ladder))


cdef inline int own_blocks(Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """Have `count` blocks, those in use included. -1 without memory; some may have been taken."""
    cdef Py_ssize_t capacity = ladder.directory_capacity
    cdef Block* grown
    if count > capacity:
        capacity = max(count, capacity + capacity // 2)
        grown = <Block*>realloc(ladder.blocks, <size_t>capacity * sizeof(Block))
        if grown == NULL:
            return -1
        ladder.blocks = grown
        ladder.directory_capacity = capacity
    while ladder.n_owned < count:
        ladder.blocks[ladder.n_owned].rungs = <Rung*>malloc(BLOCK_ROOM * sizeof(Rung))
        if ladder.blocks[ladder.n_owned].rungs == NULL:
            return -1
        ladder.n_owned += 1
    return 0


cdef inline int own_rungs(Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """Room for `count` levels, at most FLAT_MOST, in a flat ladder. -1 without memory."""
    cdef Py_ssize_t capacity = max(ladder.capacity, 8)
    cdef Rung* grown
    if ladder.capacity >= count and ladder.whole.rungs != NULL:
        return 0
    while capacity < count:
        capacity += capacity // 2
    capacity = min(capacity, FLAT_MOST)
    grown = <Rung*>realloc(ladder.whole.rungs, <size_t>capacity * sizeof(Rung))
    if grown == NULL:
        return -1
    ladder.whole.rungs = grown
    ladder.capacity = capacity
    return 0


cdef inline int ladder_begin(Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """Room for `count` levels that are appended or loaded to a new ladder. -1 without memory."""
    if unlikely(ladder.blocks != NULL):
        # It was begun before, for more levels, and then there was no memory for the rest.
        ladder_free(ladder)
    if count <= FLAT_MOST:
        return own_rungs(ladder, count)
    if own_blocks(ladder, (count + BLOCK_FILL - 1) // BLOCK_FILL) < 0:
        return -1
    # It may have been kept from a ladder before.
    free(ladder.whole.rungs)
    ladder.whole.rungs = NULL
    ladder.capacity = 0
    ladder.n_blocks = 1
    ladder.blocks[0].length = 0
    ladder.blocks[0].limit = INT64_LIMIT
    return 0


cdef inline int reshape(Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """Make the deep part flat or blocks, whichever is right for `count` levels. -1 without memory,
    and then nothing has changed."""
    cdef Ladder deep = ladder[0]
    cdef Ladder other
    deep.window = NULL
    memset(&other, 0, sizeof(Ladder))
    if ladder_copy(&other, &deep, count) < 0:
        return -1
    other.window = ladder.window
    other.best = ladder.best
    other.puts = ladder.puts
    other.wide = ladder.wide
    ladder_free(&deep)
    ladder[0] = other
    return 0


cdef inline int reserve_more(Ladder* ladder, Py_ssize_t more) noexcept nogil:
    cdef Py_ssize_t length = ladder.whole.length + more, spare
    if ladder.blocks == NULL:
        if length <= FLAT_MOST:
            return own_rungs(ladder, length)
        if reshape(ladder, length) < 0:
            return -1
    elif length < FLAT_LEAST and reshape(ladder, length) == 0:
        return 0
    # Each block may be full and split once; whatever comes of a split is half empty.
    spare = min(more, ladder.n_blocks) + more // BLOCK_HALF
    while ladder.n_owned - ladder.n_blocks > spare + ladder.n_blocks // 4 + 16:
        ladder.n_owned -= 1
        free(ladder.blocks[ladder.n_owned].rungs)
    return own_blocks(ladder, ladder.n_blocks + spare)


cdef inline Demand no_demand() noexcept nogil:
    cdef Demand demand
    demand.puts = 0
    demand.deep = 0
    demand.sizes = 0
    demand.best = LOWEST_KEY
    return demand


cdef inline void demand_add(
    const Ladder* ladder, Demand* demand, int64_t key, int64_t size
) noexcept nogil:
    """Add a put that is to come to what the ladder is asked for."""
    demand.puts += 1
    demand.deep += ladder.window == NULL or key < ladder.window.base
    demand.sizes |= <uint64_t>size
    # A removal asks for nothing. Which rows are some cannot be guessed, hence no branch.
    key |= LOWEST_KEY & -<int64_t>(size == 0)
    key &= LOWEST_KEY | -<int64_t>(size != 0)
    demand.best = max(demand.best, key)


cdef inline int ladder_reserve(Ladder* ladder, Demand demand) noexcept nogil:
    """Room for the puts that were asked for. -1 without memory, and then no level has changed."""
    ladder.puts += demand.puts
    if ladder.window == NULL:
        if unlikely(ladder.puts >= WINDOW_PUTS) and ladder.puts >= ladder.whole.length // WINDOW_PRICE:
            ladder.puts = 0
            ladder.wide |= demand.sizes >> 32 != 0
            lay_window(ladder)
            demand.deep = demand.puts
    if ladder.window != NULL:
        if unlikely(demand.sizes >> 32 != 0 and not ladder.window.wide):
            ladder.wide = True
            demand.deep = demand.puts
            if ladder_fold(ladder) < 0:
                return -1
    if ladder.window != NULL:
        if unlikely(ladder.puts >= WINDOW_STAYS) and ladder.puts >= ladder.window.count // WINDOW_PRICE:
            ladder.puts = 0
            settle_window(ladder)
            demand.deep = demand.puts
        if unlikely(ladder.window != NULL and demand.best > top_of(ladder.window)):
            # What was to come into the window may now belong below it.
            demand.deep = demand.puts
            if raise_window(ladder, base_under(demand.best, ladder.window.slots)) < 0:
                return -1
    if unlikely(ladder.whole.length + demand.deep > ladder.capacity):
        return reserve_more(ladder, demand.deep)
    return 0


# --- reading ---


cdef inline Py_ssize_t ladder_length(const Ladder* ladder) noexcept nogil:
    if ladder.window != NULL:
        return ladder.window.count + ladder.whole.length
    return ladder.whole.length


cdef inline const Block* first_block(const Ladder* ladder) noexcept nogil:
    return &ladder.whole if ladder.blocks == NULL else ladder.blocks


cdef inline const Block* last_block(const Ladder* ladder) noexcept nogil:
    if unlikely(ladder.blocks != NULL):
        return ladder.blocks + (ladder.n_blocks - 1)
    return &ladder.whole


cdef inline const Rung* ladder_best(const Ladder* ladder) noexcept nogil:
    """The best level; NULL where there is none."""
    if ladder.window != NULL:
        return &ladder.best if ladder.best.size != 0 else NULL
    return deep_best(ladder)


cdef inline const Rung* deep_best(const Ladder* ladder) noexcept nogil:
    cdef const Block* block
    if ladder.whole.length == 0:
        return NULL
    block = last_block(ladder)
    return block.rungs + (block.length - 1)


cdef inline Rung ladder_worst(const Ladder* ladder) noexcept nogil:
    """The worst level; of size 0 where there is none."""
    cdef Cursor cursor = worst_first(ladder)
    return level_or_none(next_better(&cursor))


cdef inline Rung level_or_none(const Rung* rung) noexcept nogil:
    cdef Rung none
    if rung != NULL:
        return rung[0]
    none.key = 0
    none.size = 0
    return none


cdef inline Py_ssize_t block_search(const Block* block, int64_t key) noexcept nogil:
    """Index of the first level whose key is not below `key`. O(log n), without branches."""
    cdef const Rung* base = block.rungs
    cdef Py_ssize_t length = block.length, half
    if length == 0:
        return 0
    while length > 1:
        half = length >> 1
        base += half * (base[half - 1].key < key)
        length -= half
    return (base - block.rungs) + (base.key < key)


cdef inline Py_ssize_t find_block(const Ladder* ladder, int64_t key) noexcept nogil:
    """Place in the directory of the only block that may hold `key`."""
    cdef const Block* base = ladder.blocks
    cdef Py_ssize_t length = ladder.n_blocks, half
    while length > 1:
        half = length >> 1
        base += half * (base[half - 1].limit < key)
        length -= half
    # The last limit is above every key.
    return (base - ladder.blocks) + (base.limit < key)


cdef inline int64_t ladder_size(const Ladder* ladder, int64_t key) noexcept nogil:
    """The size at that key; 0 where no level is. O(log n)."""
    cdef const Block* block = first_block(ladder)
    cdef Py_ssize_t at
    if ladder.window != NULL and is_within(ladder.window, key):
        return size_in(ladder.window, key)
    if ladder.blocks != NULL:
        block = ladder.blocks + find_block(ladder, key)
    at = block_search(block, key)
    return block.rungs[at].size if at < block.length and block.rungs[at].key == key else 0


cdef inline Py_ssize_t ladder_count_from(const Ladder* ladder, int64_t key) noexcept nogil:
    """How many levels are at or above `key`: the best ones. O(log n + number of blocks)."""
    cdef const Block* block = first_block(ladder)
    cdef const Block* last = last_block(ladder)
    cdef Py_ssize_t count = 0
    if ladder.window != NULL:
        count = ladder.window.count - count_below(ladder.window, key)
    if ladder.blocks != NULL:
        block += find_block(ladder, key)
    count += block.length - block_search(block, key)
    while block != last:
        block += 1
        count += block.length
    return count


cdef inline Cursor best_first(const Ladder* ladder) noexcept nogil:
    """Above the best level: for `next_worse`."""
    cdef Cursor cursor
    cursor.walk = from_top(ladder.window, INT64_LIMIT)
    cursor.block = last_block(ladder)
    cursor.last = first_block(ladder)
    cursor.edge = cursor.block.rungs
    cursor.rung = cursor.edge + cursor.block.length
    return cursor


cdef inline const Rung* next_worse(Cursor* cursor) noexcept nogil:
    """The level below the cursor, which steps over it; NULL at the end, and then for ever."""
    cdef const Rung* rung
    if cursor.walk.window != NULL:
        rung = walk_down(&cursor.walk)
        if rung != NULL:
            return rung
        cursor.walk.window = NULL
    if unlikely(cursor.rung == cursor.edge):
        if cursor.block == cursor.last:
            return NULL
        # No block is empty but an only one.
        cursor.block -= 1
        cursor.edge = cursor.block.rungs
        cursor.rung = cursor.edge + cursor.block.length
    cursor.rung -= 1
    return cursor.rung


cdef inline Cursor worst_first(const Ladder* ladder) noexcept nogil:
    """Below the worst level: for `next_better`."""
    cdef Cursor cursor
    cursor.walk = from_base(ladder.window)
    cursor.block = first_block(ladder)
    cursor.last = last_block(ladder)
    cursor.rung = cursor.block.rungs
    cursor.edge = cursor.rung + cursor.block.length
    return cursor


cdef inline const Rung* next_better(Cursor* cursor) noexcept nogil:
    """The level above the cursor, which steps over it; NULL at the end, and then for ever."""
    if unlikely(cursor.rung == cursor.edge):
        if cursor.block == cursor.last:
            return walk_up(&cursor.walk)
        cursor.block += 1
        cursor.rung = cursor.block.rungs
        cursor.edge = cursor.rung + cursor.block.length
    cursor.rung += 1
    return cursor.rung - 1


cdef inline bint ladder_equal(const Ladder* a, const Ladder* b) noexcept nogil:
    """Whether both hold the same levels, in whatever blocks."""
    cdef Cursor left, right
    cdef const Rung* rung
    cdef const Rung* other
    if ladder_length(a) != ladder_length(b):
        return False
    if a.blocks == NULL and b.blocks == NULL and a.window == NULL and b.window == NULL:
        return (
            a.whole.length == 0
            or memcmp(a.whole.rungs, b.whole.rungs, <size_t>a.whole.length * sizeof(Rung)) == 0
        )
    left = best_first(a)
    right = best_first(b)
    while True:
        rung = next_worse(&left)
        if rung == NULL:
            return True
        other = next_worse(&right)
        if rung.key != other.key or rung.size != other.size:
            return False


# --- filling a new ladder ---


cdef inline Block* next_block(Ladder* ladder) noexcept nogil:
    """Go on in an empty block above a filled one."""
    cdef Block* block = ladder.blocks + (ladder.n_blocks - 1)
    block.limit = block.rungs[block.length - 1].key
    block[1].length = 0
    block[1].limit = INT64_LIMIT
    ladder.n_blocks += 1
    return block + 1


cdef inline void ladder_append(Ladder* ladder, int64_t key, int64_t size) noexcept nogil:
    """Add a level above all others. Needs a ladder that was begun for so many."""
    cdef Block* block = <Block*>last_block(ladder)
    if ladder.blocks != NULL:
        ladder.whole.length += 1
        if block.length == BLOCK_FILL:
            block = next_block(ladder)
    block.rungs[block.length].key = key
    block.rungs[block.length].size = size
    block.length += 1


cdef inline int ladder_copy(Ladder* to, const Ladder* source, Py_ssize_t count) noexcept nogil:
    """Copy a ladder into a new one with room for `count` levels, or for all where that is more.

    The copy has no window. -1 without memory; then the new one is empty.
    """
    cdef Cursor cursor = worst_first(source)
    cdef const Rung* rung
    if ladder_begin(to, max(count, ladder_length(source))) < 0:
        ladder_free(to)
        return -1
    to.known_from = source.known_from
    if source.window == NULL and source.blocks == NULL and to.blocks == NULL:
        if source.whole.length:
            memcpy(to.whole.rungs, source.whole.rungs, <size_t>source.whole.length * sizeof(Rung))
        to.whole.length = source.whole.length
        return 0
    while True:
        rung = next_better(&cursor)
        if rung == NULL:
            return 0
        ladder_append(to, rung.key, rung.size)


cdef inline void ladder_join(
    Ladder* to, const Ladder* worse, int64_t below, const Ladder* better
) noexcept nogil:
    """The levels of `worse` under the key `below`, and then all of `better`. Needs a new ladder
    that was begun for both."""
    cdef Cursor cursor = worst_first(worse)
    cdef const Rung* rung
    while True:
        rung = next_better(&cursor)
        if rung == NULL or rung.key >= below:
            break
        ladder_append(to, rung.key, rung.size)
    cursor = worst_first(better)
    while True:
        rung = next_better(&cursor)
        if rung == NULL:
            return
        ladder_append(to, rung.key, rung.size)


cdef inline int compare_rungs(const void* left, const void* right) noexcept nogil:
    """The best first, and of one key the last to arrive."""
    cdef const IndexedRung* a = <const IndexedRung*>left
    cdef const IndexedRung* b = <const IndexedRung*>right
    if a.key != b.key:
        return -1 if a.key > b.key else 1
    return -1 if a.arrival > b.arrival else 1


cdef inline Py_ssize_t put_in_order(IndexedRung* rows, Py_ssize_t count) noexcept nogil:
    """Sort rows best first, and of rows with one key keep the last to arrive. How many are left."""
    cdef Py_ssize_t i, left = 0
    for i in range(count - 1):
        if rows[i].key <= rows[i + 1].key:
            break
    else:
        # They come so from the venue.
        return count
    qsort(rows, <size_t>count, sizeof(IndexedRung), compare_rungs)
    for i in range(count):
        if left == 0 or rows[i].key != rows[left - 1].key:
            rows[left] = rows[i]
            left += 1
    return left


cdef inline Rung* ladder_lay_out(Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """The place of `count` levels in a new ladder that was begun for them, worst first, for whoever
    has them in order; NULL where they do not lie in one piece. They are levels when all are set."""
    if ladder.blocks != NULL:
        return NULL
    ladder.whole.length = count
    return ladder.whole.rungs


cdef inline void ladder_load(Ladder* ladder, IndexedRung* rows, Py_ssize_t count) noexcept nogil:
    """Fill a new ladder, begun for `count`, by rows in any order; of rows with one key the last
    wins, zeros vanish. May reorder `rows`."""
    cdef Block* block = <Block*>last_block(ladder)
    cdef Rung* rung = block.rungs
    cdef Rung* full = rung + (count if ladder.blocks == NULL else BLOCK_FILL)
    cdef Py_ssize_t i, length = 0
    for i in range(put_in_order(rows, count) - 1, -1, -1):
        if rows[i].size == 0:
            continue
        if rung == full:
            block.length = BLOCK_FILL
            length += BLOCK_FILL
            block = next_block(ladder)
            rung = block.rungs
            full = rung + BLOCK_FILL
        rung.key = rows[i].key
        rung.size = rows[i].size
        rung += 1
    block.length = rung - block.rungs
    ladder.whole.length = length + block.length


# --- changing ---


cdef inline PutResult block_put(Block* block, int64_t key, int64_t size) noexcept nogil:
    cdef Py_ssize_t at = block_search(block, key)
    cdef Rung* rung = block.rungs + at
    if at < block.length and rung.key == key:
        if size == rung.size:
            return UNCHANGED
        if size != 0:
            rung.size = size
            return RESIZED
        block.length -= 1
        memmove(rung, rung + 1, <size_t>(block.length - at) * sizeof(Rung))
        return REMOVED
    if size == 0:
        return UNCHANGED
    memmove(rung + 1, rung, <size_t>(block.length - at) * sizeof(Rung))
    rung.key = key
    rung.size = size
    block.length += 1
    return INSERTED


cdef inline void split_block(Ladder* ladder, Py_ssize_t at) noexcept nogil:
    """Move the better half of a full block into a spare one behind it."""
    cdef Block* block = ladder.blocks + at
    cdef Block spare = ladder.blocks[ladder.n_blocks]
    memmove(block + 2, block + 1, <size_t>(ladder.n_blocks - at - 1) * sizeof(Block))
    ladder.n_blocks += 1
    spare.length = block.length - BLOCK_HALF
    spare.limit = block.limit
    memcpy(spare.rungs, block.rungs + BLOCK_HALF, <size_t>spare.length * sizeof(Rung))
    block.length = BLOCK_HALF
    block.limit = block.rungs[BLOCK_HALF - 1].key
    block[1] = spare


cdef inline void drop_block(Ladder* ladder, Py_ssize_t at) noexcept nogil:
    """Take a block, not the last one, out of the directory; it is spare from now on."""
    cdef Block* block = ladder.blocks + at
    cdef Block spare = block[0]
    ladder.n_blocks -= 1
    memmove(block, block + 1, <size_t>(ladder.n_blocks - at) * sizeof(Block))
    ladder.blocks[ladder.n_blocks] = spare


cdef inline void merge_next(Ladder* ladder, Py_ssize_t at) noexcept nogil:
    """Put all of a block under the levels of the next one."""
    cdef Block* block = ladder.blocks + at
    cdef Block* above = block + 1
    memmove(
        above.rungs + block.length, above.rungs,
        <size_t>above.length * sizeof(Rung),
    )
    memcpy(above.rungs, block.rungs, <size_t>block.length * sizeof(Rung))
    above.length += block.length
    drop_block(ladder, at)


cdef inline bint too_small(const Block* block) noexcept nogil:
    """Whether a block and the next one are to be one."""
    return (
        block.length == 0 or block[1].length == 0
        or block.length + block[1].length <= BLOCK_HALF
    )


cdef inline void mend(Ladder* ladder, Py_ssize_t at) noexcept nogil:
    """After a removal: two neighbours hold more than half a block, or they become one."""
    if at + 1 < ladder.n_blocks and too_small(ladder.blocks + at):
        merge_next(ladder, at)
    elif at > 0 and too_small(ladder.blocks + (at - 1)):
        merge_next(ladder, at - 1)


cdef inline bint put_in_blocks(Ladder* ladder, int64_t key, int64_t size) noexcept nogil:
    cdef Py_ssize_t at = find_block(ladder, key)
    cdef PutResult result
    if ladder.blocks[at].length == BLOCK_ROOM:
        split_block(ladder, at)
        at += ladder.blocks[at].limit < key
    result = block_put(ladder.blocks + at, key, size)
    if result == INSERTED:
        ladder.whole.length += 1
    elif result == REMOVED:
        ladder.whole.length -= 1
        if ladder.blocks[at].length <= BLOCK_HALF:
            mend(ladder, at)
    return result != UNCHANGED


cdef inline bint deep_put(Ladder* ladder, int64_t key, int64_t size) noexcept nogil:
    if unlikely(ladder.blocks != NULL):
        return put_in_blocks(ladder, key, size)
    return block_put(&ladder.whole, key, size) != UNCHANGED


cdef inline bint ladder_put(Ladder* ladder, int64_t key, int64_t size) noexcept nogil:
    """Set the size at a key, zero removes it. Says whether anything changed. Needs room for one;
    after the last put that was asked for comes `ladder_settle`."""
    if ladder.window != NULL:
        if is_within(ladder.window, key):
            return window_put(ladder.window, key, size)
        if key >= ladder.window.base:
            # Room is made for levels; this one is to go, and was never here.
            return False
    return deep_put(ladder, key, size)


cdef inline void ladder_settle(Ladder* ladder, int64_t best) noexcept nogil:
    """Look up the best level after puts, the best of which had the key `best`."""
    cdef Walk walk
    cdef const Rung* rung
    if ladder.window == NULL:
        return
    if ladder.best.size != 0:
        best = max(best, ladder.best.key)
    walk = from_top(ladder.window, best)
    rung = walk_down(&walk)
    ladder.best = level_or_none(deep_best(ladder) if rung == NULL else rung)


# --- the window's place ---


cdef inline int64_t fewest_slots(bint wide) noexcept nogil:
    return WIDE_SLOTS if wide else NARROW_SLOTS


cdef inline int64_t slots_for(
    const Ladder* ladder, int64_t best, bint wide, int64_t slots
) noexcept nogil:
    """How many slots, so many at least, a window over the levels under the key `best` would pay
    with; 0: none does."""
    cdef int64_t bytes_each = 8 if wide else 4
    cdef Py_ssize_t count = ladder_count_from(ladder, base_under(best, slots))
    cdef Py_ssize_t more
    while slots < MOST_SLOTS:
        more = ladder_count_from(ladder, base_under(best, 2 * slots))
        if (more - count) * WINDOW_BYTES < slots * bytes_each:
            break
        slots *= 2
        count = more
    if count < WINDOW_LEVELS or count * WINDOW_SHARE < ladder_length(ladder):
        return 0
    return slots


cdef inline bint needs_wide(const Ladder* ladder) noexcept nogil:
    """Whether any size has more than 32 bits."""
    cdef Cursor cursor = best_first(ladder)
    cdef const Rung* rung
    while True:
        rung = next_worse(&cursor)
        if rung == NULL:
            return False
        if rung.size >> 32 != 0:
            return True


cdef inline void ladder_expect(Ladder* ladder) noexcept nogil:
    """Changes are to follow: have a window at once, where it is a small one. Of a ladder that was
    filled just now, so that the memory of its array goes to the next one."""
    if ladder.window == NULL and ladder.blocks == NULL:
        lay_window(ladder)


cdef inline void lay_window(Ladder* ladder) noexcept nogil:
    """Lay out a window over the best levels, where it pays and there is memory."""
    cdef const Rung* best = deep_best(ladder)
    cdef const Rung* rung
    cdef Ladder other
    cdef Cursor cursor
    cdef int64_t slots, base
    if best == NULL or slots_for(ladder, best.key, False, NARROW_SLOTS) == 0:
        return
    ladder.wide = ladder.wide or needs_wide(ladder)
    slots = slots_for(ladder, best.key, ladder.wide, fewest_slots(ladder.wide))
    if slots == 0:
        return
    base = base_under(best.key, slots)
    memset(&other, 0, sizeof(Ladder))
    other.window = new_window(base, slots, ladder.wide)
    if other.window == NULL:
        return
    if ladder_begin(&other, ladder.whole.length - ladder_count_from(ladder, base)) < 0:
        ladder_free(&other)
        return
    other.known_from = ladder.known_from
    other.wide = ladder.wide
    other.best = best[0]
    cursor = worst_first(ladder)
    while True:
        rung = next_better(&cursor)
        if rung == NULL:
            break
        if rung.key < base:
            ladder_append(&other, rung.key, rung.size)
        else:
            window_put(other.window, rung.key, rung.size)
    ladder_move(ladder, &other)


cdef inline void take_over(Ladder* ladder) noexcept nogil:
    """Move the deep levels that are above the window's base into it."""
    cdef const Rung* rung = deep_best(ladder)
    while rung != NULL and rung.key >= ladder.window.base:
        window_put(ladder.window, rung.key, rung.size)
        deep_put(ladder, rung.key, 0)
        rung = deep_best(ladder)


cdef inline int leave_window(Ladder* ladder, Py_ssize_t leaving) noexcept nogil:
    """Make so many of the window's worst levels deep ones. -1 without memory, and then nothing has
    changed."""
    cdef Window* window = ladder.window
    cdef Walk walk = from_base(window)
    cdef Rung rung
    if ladder.whole.length + leaving > ladder.capacity and reserve_more(ladder, leaving) < 0:
        return -1
    while leaving:
        rung = walk_up(&walk)[0]
        window_put(window, rung.key, 0)
        deep_put(ladder, rung.key, rung.size)
        leaving -= 1
    return 0


cdef inline int raise_window(Ladder* ladder, int64_t base) noexcept nogil:
    """Move the window up to `base`. -1 without memory, and then nothing has changed."""
    cdef Window* window = ladder.window
    if leave_window(ladder, count_below(window, base)) < 0:
        return -1
    window.base = base
    return 0


cdef inline int ladder_fold(Ladder* ladder) noexcept nogil:
    """Have no window: all levels become deep ones. -1 without memory, and then nothing has
    changed."""
    cdef Ladder other
    if ladder.window == NULL:
        return 0
    memset(&other, 0, sizeof(Ladder))
    if ladder_copy(&other, ladder, 0) < 0:
        return -1
    other.wide = ladder.wide
    ladder_move(ladder, &other)
    return 0


cdef inline void settle_window(Ladder* ladder) noexcept nogil:
    """Follow the best level downwards, take another size, or give the window up where too few
    levels are near the best one. Without memory it stays, which is slower and not wrong."""
    cdef Window* window = ladder.window
    cdef int64_t base = base_under(ladder.best.key, window.slots)
    cdef int64_t bytes_all = window.slots * (8 if window.wide else 4)
    cdef Py_ssize_t count = ladder_count_from(ladder, base)
    if 2 * count < WINDOW_LEVELS or 2 * count * WINDOW_SHARE < ladder_length(ladder):
        if ladder_fold(ladder) == 0:
            ladder.puts = -WINDOW_REST
    elif (
        slots_for(ladder, ladder.best.key, window.wide, window.slots) > window.slots
        or (window.slots > fewest_slots(window.wide) and count * 4 * WINDOW_BYTES < bytes_all)
    ):
        if ladder_fold(ladder) == 0:
            lay_window(ladder)
    elif base <= window.base - 2 * WORD:
        window.base = base
        take_over(ladder)


cdef inline void deep_trim(Ladder* ladder, Py_ssize_t excess) noexcept nogil:
    """Drop so many of the worst deep levels."""
    cdef Py_ssize_t longest = ladder.whole.length - excess
    cdef Py_ssize_t left = excess
    cdef Block* block
    while ladder.n_blocks > 1 and left >= ladder.blocks[0].length:
        left -= ladder.blocks[0].length
        drop_block(ladder, 0)
    block = <Block*>first_block(ladder)
    block.length -= left
    memmove(block.rungs, block.rungs + left, <size_t>block.length * sizeof(Rung))
    ladder.whole.length = longest
    if ladder.blocks != NULL:
        mend(ladder, 0)


cdef inline Py_ssize_t ladder_trim(Ladder* ladder, Py_ssize_t longest) noexcept nogil:
    """Drop the worst levels beyond `longest`; what was dropped is no longer known. Their number."""
    cdef Py_ssize_t excess = ladder_length(ladder) - longest
    cdef Py_ssize_t left = excess
    cdef Walk walk
    if excess <= 0:
        return 0
    if ladder.whole.length:
        left = min(excess, ladder.whole.length)
        deep_trim(ladder, left)
        left = excess - left
    if left:
        walk = from_base(ladder.window)
        while left:
            window_put(ladder.window, walk_up(&walk).key, 0)
            left -= 1
        ladder_settle(ladder, -INT64_LIMIT)
    if longest == 0:
        ladder.known_from = INT64_LIMIT
    elif ladder_worst(ladder).key > ladder.known_from:
        ladder.known_from = ladder_worst(ladder).key
    return excess


cdef inline bint ladder_fits(
    const Ladder* ladder, int64_t price_factor, int64_t size_factor
) noexcept nogil:
    """Whether every level survives a multiplication by these factors."""
    cdef Cursor cursor = worst_first(ladder)
    cdef const Rung* rung
    cdef int64_t price
    while True:
        rung = next_better(&cursor)
        if rung == NULL:
            return True
        price = -rung.key if rung.key < 0 else rung.key
        if price > INT64_LIMIT // price_factor or rung.size > INT64_LIMIT // size_factor:
            return False


cdef inline void ladder_rescale(
    Ladder* ladder, int64_t price_factor, int64_t size_factor
) noexcept nogil:
    """Multiply every price and size. Needs a ladder that fits, and has no window."""
    cdef Cursor cursor = worst_first(ladder)
    cdef Rung* rung
    cdef Py_ssize_t i
    while True:
        rung = <Rung*>next_better(&cursor)
        if rung == NULL:
            break
        rung.key *= price_factor
        rung.size *= size_factor
    for i in range(ladder.n_blocks - 1):
        ladder.blocks[i].limit = ladder.blocks[i].rungs[ladder.blocks[i].length - 1].key
    if ladder.known_from != -INT64_LIMIT and ladder.known_from != INT64_LIMIT:
        # Saturates: a bound beyond every price that can be held stays a bound.
        if -(INT64_LIMIT // price_factor) <= ladder.known_from <= INT64_LIMIT // price_factor:
            ladder.known_from *= price_factor
        else:
            ladder.known_from = -INT64_LIMIT + 1 if ladder.known_from < 0 else INT64_LIMIT


# --- checking ---


cdef inline const char* deep_fault(const Ladder* ladder) noexcept nogil:
    cdef Py_ssize_t i
    cdef Py_ssize_t length = 0
    cdef const Block* block
    if ladder.blocks == NULL:
        if ladder.n_blocks != 0 or ladder.n_owned != 0 or ladder.directory_capacity != 0:
            return "blocks are counted and there are none"
        if not 0 <= ladder.whole.length <= ladder.capacity <= FLAT_MOST:
            return "more levels than room"
        return NULL
    if ladder.whole.rungs != NULL or ladder.capacity != 0:
        return "there are blocks and a flat array"
    if not 1 <= ladder.n_blocks <= ladder.n_owned <= ladder.directory_capacity:
        return "the directory's counts are out of order"
    for i in range(ladder.n_blocks):
        block = ladder.blocks + i
        length += block.length
        if not (0 if ladder.n_blocks == 1 else 1) <= block.length <= BLOCK_ROOM:
            return "a block is empty or too long"
        if block.length and block.rungs[block.length - 1].key > block.limit:
            return "a key is above its block's limit"
        if i and block[-1].limit >= block.rungs[0].key:
            return "a key is not above the limit of the block before"
        if i and too_small(block - 1):
            return "two neighbours hold less than half a block"
    if ladder.blocks[ladder.n_blocks - 1].limit != INT64_LIMIT:
        return "the last block has a limit"
    if length != ladder.whole.length:
        return "the blocks hold another number of levels"
    return NULL


cdef inline const char* ladder_fault(const Ladder* ladder) noexcept nogil:
    """What is wrong with the structure, or NULL. The levels themselves are the caller's."""
    cdef const char* fault = deep_fault(ladder)
    cdef const Rung* deep
    cdef Cursor cursor
    cdef Rung best
    if fault != NULL or ladder.window == NULL:
        return fault
    fault = window_fault(ladder.window)
    if fault != NULL:
        return fault
    if not ladder.window.wide and needs_wide(ladder):
        return "a size is too large for the window"
    deep = deep_best(ladder)
    if deep != NULL and deep.key >= ladder.window.base:
        return "a deep level is not below the window"
    cursor = best_first(ladder)
    best = level_or_none(next_worse(&cursor))
    if best.key != ladder.best.key or best.size != ladder.best.size:
        return "another level is kept as the best"
    return NULL
