# One strict pass over the bytes of a book frame: numbers into scratch rows, no Python object.
#
# It knows the shapes of books, and no venue's words: which keys mean what is handed in. Whatever it
# does not recognise, or would refuse, it leaves to the general decoder, which has to agree with it
# wherever both understand. Every function takes where to read and where the bytes end, never looks
# at or behind that end, and returns where it stopped, or NULL.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp, memset

from bitmart_book.native.digits cimport (
    Form,
    number_alike,
    number_until,
    read_any_number,
    read_number,
    read_signed,
    read_whole,
    short_number,
)
from bitmart_book.native.json cimport (
    BY_SIXTEEN,
    LONGEST_WORD,
    Span,
    blank,
    is_plain_key,
    pack_word,
    past,
    past_plain,
    read_key,
    read_packed,
    read_text,
    read_word,
)
from bitmart_book.native.number cimport Number
from bitmart_book.native.stamp cimport stamp_of_text

cdef enum:
    # What lies beyond it is no symbol, and no name of a channel.
    MAX_NAME = 128
    # Of two short numbers with all that is around them, and what looking at the second may read.
    SHORT_LEVEL = 48

cdef enum ItemKind:
    ITEM_SNAPSHOT
    ITEM_UPDATE
    ITEM_FULL
    ITEM_SIDE

cdef enum:
    NO_CHECKSUM = -1
    NOBODYS_CHECKSUM = -2

# What a channel's stamps are.
cdef enum Stamp:
    STAMP_MS
    STAMP_NS
    STAMP_TEXT

cdef struct Row:
    Number price
    Number size

# One snapshot or update, parsed but not applied: rows of both sides lie in one array.
cdef struct Item:
    ItemKind kind
    int64_t sequence        # -1: none
    int64_t exchange_time   # -1: none
    int64_t previous        # the sequence before, or the first of its range; -1: none
    bint linked             # by hand: it says itself what it continues, by `previous` or `begins`
    int64_t begins          # by hand: the first of its range; -1: none
    int64_t checksum        # of 32 bits; NO_CHECKSUM, or NOBODYS_CHECKSUM of what comes by hand
    int32_t written[2]      # most decimals of its prices, and of its sizes, as they were written
    int64_t heard           # when its frame came, by the engine's clock; 0: not said
    int64_t known           # as of when it speaks: `heard` less its lag
    bint fitting            # every number is known to fit at the book's scales
    # Of all prices and of all sizes: every bit that some mantissa has, the least exponent, and
    # whether an exponent is positive.
    uint64_t bits[2]
    int32_t finest[2]
    bint coarse
    Py_ssize_t first[2]
    Py_ssize_t count[2]
    bint present[2]

# The keys of a channel's items, packed by `pack_word`; 0: the channel has no such key.
cdef struct Words:
    ItemKind kind
    uint64_t bids
    uint64_t asks
    uint64_t price
    uint64_t size
    uint64_t sequence
    uint64_t time
    uint64_t type
    uint64_t side
    uint64_t levels
    uint64_t symbol
    uint64_t previous
    uint64_t checksum
    # Keys beside the items.
    uint64_t data
    uint64_t outer_type
    uint64_t outer_time
    Stamp stamp
    # Array levels: elements before the price, and whether there may be more behind the size.
    int skipped
    bint longer
    # Whether it matters how numbers are written.
    bint noted
    # A frame has to say in these words, packed as keys are, whether it is a snapshot.
    uint64_t snapshot
    uint64_t update

# Where a frame says whose it is: the text that names its channel, and where that stands in an
# object, the text that names its symbol.
cdef struct Place:
    Span topic
    Span symbol

# A key that names channels. Where it holds an object, its keys of the channel and of the symbol;
# else 0.
cdef struct TopicKey:
    uint64_t key
    uint64_t channel
    uint64_t symbol

# How the last level was written that was an object: what stands before its first number, between
# its two numbers, whether the first is the price, and whether they stand without quotes. A level
# that is written alike has the same keys. Length 0: not known.
cdef struct Spelling:
    const char* before
    Py_ssize_t before_length
    const char* between
    Py_ssize_t between_length
    bint price_first
    bint bare

# Where the rows of a frame go.
cdef struct Rows:
    Row* rows
    Py_ssize_t count
    Py_ssize_t capacity


cdef inline const char* read_bare_alike(
    const char* p, const Spelling* spelling, Row* row
) noexcept nogil:
    """The same of a level whose numbers have no quotes."""
    p = number_until(
        p + spelling.before_length, spelling.between[0], True, &row.price.mantissa,
        &row.price.exponent, &row.price.written,
    )
    if p == NULL or memcmp(p, spelling.between, <size_t>spelling.between_length) != 0:
        return NULL
    p = number_until(
        p + spelling.between_length, c'}', True, &row.size.mantissa, &row.size.exponent,
        &row.size.written,
    )
    if p == NULL:
        return NULL
    if not spelling.price_first:
        row.price, row.size = row.size, row.price
    return p + 1


cdef inline const char* read_level_alike(
    const char* p, const char* end, const Spelling* spelling, Row* row
) noexcept nogil:
    """A level, from its opening brace on, if it is written like the one before."""
    cdef Form form
    if (
        end - p < spelling.before_length + spelling.between_length + SHORT_LEVEL
        or memcmp(p, spelling.before, <size_t>spelling.before_length) != 0
    ):
        return NULL
    if spelling.bare:
        return read_bare_alike(p, spelling, row)
    p = short_number(p + spelling.before_length, &row.price.mantissa, &row.price.exponent, &form)
    if p == NULL or memcmp(p, spelling.between, <size_t>spelling.between_length) != 0:
        return NULL
    p = short_number(p + spelling.between_length, &row.size.mantissa, &row.size.exponent, &form)
    if p == NULL or p[0] != c'}':
        return NULL
    if not spelling.price_first:
        row.price, row.size = row.size, row.price
    return p + 1


cdef inline const char* read_level_number(
    const char* p, const char* end, const Words* words, Number* out
) noexcept nogil:
    """A price or size, with its decimals as written where they matter."""
    return read_any_number(p, end, out) if words.noted else read_number(p, end, out)


cdef inline const char* read_level_object(
    const char* p, const char* end, const Words* words, Row* row, Spelling* spelling
) noexcept nogil:
    """A level as an object, from its opening brace on. Keys that are no price or size are passed
    over."""
    cdef const char* start = p
    cdef const char* values[2]
    cdef const char* behind = p
    cdef uint64_t key
    cdef bint has_price = False, has_size = False
    cdef int n_keys = 0
    spelling.before_length = 0
    p = blank(p + 1, end)
    while True:
        p = read_key(p, end, &key)
        if p == NULL:
            return NULL
        if key == words.price:
            if has_price:
                return NULL
            has_price = True
            values[has_size] = p
            spelling.price_first = not has_size
            p = read_level_number(p, end, words, &row.price)
        elif key == words.size:
            if has_size:
                return NULL
            has_size = True
            values[has_price] = p
            p = read_level_number(p, end, words, &row.size)
        elif is_plain_key(key):
            p = past_plain(p, end)
        else:
            return NULL
        if p == NULL:
            return NULL
        n_keys += 1
        if n_keys == 1:
            behind = p
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c'}':
            if not (has_price and has_size):
                return NULL
            if BY_SIXTEEN and n_keys == 2 and (values[0][0] == c'"') == (values[1][0] == c'"'):
                # Of numbers that are quoted, the quote is a part of what stands before them.
                spelling.bare = values[0][0] != c'"'
                if not spelling.bare and words.noted:
                    return p + 1
                spelling.before = start
                spelling.before_length = values[0] + (not spelling.bare) - start
                spelling.between = behind
                spelling.between_length = values[1] + (not spelling.bare) - behind
            return p + 1
        p = past(p, end, c',')
        if p == NULL:
            return NULL


cdef inline void note_numbers(Item* item, const Row* row) noexcept nogil:
    """Add a level to what is known of all numbers of the item."""
    item.bits[0] |= <uint64_t>row.price.mantissa
    item.bits[1] |= <uint64_t>row.size.mantissa
    item.finest[0] = min(item.finest[0], row.price.exponent)
    item.finest[1] = min(item.finest[1], row.size.exponent)
    item.coarse |= row.price.exponent > 0 or row.size.exponent > 0


cdef inline void note_written(Item* item, const Row* row) noexcept nogil:
    item.written[0] = max(item.written[0], row.price.written)
    item.written[1] = max(item.written[1], row.size.written)


cdef inline const char* read_short_levels(
    const char* p, const char* end, Rows* rows, Item* item
) noexcept nogil:
    """As many levels as come in the venue's own spelling, ["price","size"] without a blank. Behind
    the last comma, or where the bracket behind the last level closes the side."""
    cdef Row* row = &rows.rows[rows.count]
    cdef Row* full = &rows.rows[rows.capacity]
    cdef const char* q
    cdef uint64_t price_bits = item.bits[0], size_bits = item.bits[1]
    cdef int32_t price_finest = item.finest[0], size_finest = item.finest[1]
    cdef Form form, other
    form.point = form.quote = 0
    while end - p >= SHORT_LEVEL and row != full and p[0] == c'[' and p[1] == c'"':
        q = NULL
        if form.quote != 0:
            q = number_alike(p + 2, &row.price.mantissa, &row.price.exponent, &form)
        if q == NULL:
            q = short_number(p + 2, &row.price.mantissa, &row.price.exponent, &form)
        if q == NULL or q[0] != c',' or q[1] != c'"':
            break
        q = short_number(q + 2, &row.size.mantissa, &row.size.exponent, &other)
        if q == NULL or q[0] != c']' or row.price.mantissa == 0:
            break
        if q[1] != c',' and q[1] != c']':
            break
        price_bits |= <uint64_t>row.price.mantissa
        size_bits |= <uint64_t>row.size.mantissa
        price_finest = min(price_finest, row.price.exponent)
        size_finest = min(size_finest, row.size.exponent)
        row += 1
        if q[1] == c']':
            p = q + 1
            break
        p = q + 2
    rows.count = row - rows.rows
    item.bits[0], item.bits[1] = price_bits, size_bits
    item.finest[0], item.finest[1] = price_finest, size_finest
    return p


cdef inline const char* read_longer_levels(
    const char* p, const char* end, Rows* rows, Item* item
) noexcept nogil:
    """The same of levels that have more elements behind their two: ["price","size","0","3"]."""
    cdef Row* row = &rows.rows[rows.count]
    cdef Row* full = &rows.rows[rows.capacity]
    cdef const char* q
    cdef Form form
    while end - p >= SHORT_LEVEL and row != full and p[0] == c'[' and p[1] == c'"':
        q = short_number(p + 2, &row.price.mantissa, &row.price.exponent, &form)
        if q == NULL or q[0] != c',' or q[1] != c'"':
            break
        q = short_number(q + 2, &row.size.mantissa, &row.size.exponent, &form)
        if q == NULL or row.price.mantissa == 0:
            break
        while q < end and q[0] == c',':
            q = past_plain(q + 1, end)
            if q == NULL:
                rows.count = row - rows.rows
                return p
        if end - q < 2 or q[0] != c']' or (q[1] != c',' and q[1] != c']'):
            break
        note_numbers(item, row)
        row += 1
        p = q + 2 if q[1] == c',' else q + 1
        if q[1] == c']':
            break
    rows.count = row - rows.rows
    return p


cdef inline const char* read_array_level(
    const char* p, const char* end, const Words* words, Row* row
) noexcept nogil:
    """A level as an array, from its opening bracket on."""
    cdef int _i
    p = blank(p + 1, end)
    for _i in range(words.skipped):
        p = past_plain(p, end)
        if p == NULL:
            return NULL
        p = past(p, end, c',')
        if p == NULL:
            return NULL
    p = read_level_number(p, end, words, &row.price)
    if p == NULL:
        return NULL
    p = past(p, end, c',')
    if p == NULL:
        return NULL
    p = read_level_number(p, end, words, &row.size)
    if p == NULL:
        return NULL
    p = blank(p, end)
    while words.longer and p < end and p[0] == c',':
        p = past_plain(blank(p + 1, end), end)
        if p == NULL:
            return NULL
        p = blank(p, end)
    if p >= end or p[0] != c']':
        return NULL
    return p + 1


cdef inline const char* read_levels(
    const char* p, const char* end, const Words* words, Rows* rows, Item* item, int side
) noexcept nogil:
    """One side of a book: an array of levels, or null."""
    cdef Row* row
    cdef const char* start
    cdef Spelling spelling
    memset(&spelling, 0, sizeof(Spelling))
    item.present[side] = True
    item.first[side] = rows.count
    item.count[side] = 0
    if end - p >= 4 and p[0] == c'n' and memcmp(p, b"null", 4) == 0:
        return p + 4
    p = past(p, end, c'[')
    if p == NULL or p >= end:
        return NULL
    if p[0] == c']':
        return p + 1
    while True:
        if BY_SIXTEEN and p < end and p[0] == c'[' and not words.noted and words.skipped == 0:
            if words.longer:
                p = read_longer_levels(p, end, rows, item)
            else:
                p = read_short_levels(p, end, rows, item)
            if p < end and p[0] == c']' and p[-1] == c']':
                item.count[side] = rows.count - item.first[side]
                return p + 1
            p = blank(p, end)
        if rows.count >= rows.capacity or p >= end:
            return NULL
        row = &rows.rows[rows.count]
        if p[0] == c'[':
            p = read_array_level(p, end, words, row)
            if p == NULL:
                return NULL
        elif p[0] == c'{':
            start = p
            p = NULL
            if spelling.before_length != 0:
                p = read_level_alike(start, end, &spelling, row)
            if p == NULL:
                p = read_level_object(start, end, words, row, &spelling)
            if p == NULL:
                return NULL
        else:
            return NULL
        if row.price.mantissa == 0:
            return NULL
        note_numbers(item, row)
        if words.noted:
            note_written(item, row)
        rows.count += 1
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c']':
            item.count[side] = rows.count - item.first[side]
            return p + 1
        p = past(p, end, c',')
        if p == NULL:
            return NULL


cdef inline const char* read_kind(
    const char* p, const char* end, const Words* words, Item* item
) noexcept nogil:
    """Whether it is a snapshot or an update, in the venue's words."""
    cdef uint64_t word
    p = read_packed(p, end, &word)
    if p == NULL:
        return NULL
    if word == words.snapshot:
        # A picture has to be one, and is no more than that.
        if words.kind == ITEM_UPDATE:
            item.kind = ITEM_SNAPSHOT
    elif word != words.update or words.kind != ITEM_UPDATE:
        return NULL
    return p


cdef inline const char* read_stamp(
    const char* p, const char* end, const Words* words, int64_t* out
) noexcept nogil:
    """A stamp, in milliseconds whatever it is in the frame."""
    cdef Span text
    if words.stamp == STAMP_TEXT:
        p = read_text(p, end, &text)
        if p == NULL:
            return NULL
        out[0] = stamp_of_text(text.text, text.length)
        if out[0] < 0:
            return NULL
        return p
    p = read_whole(p, end, out)
    if p != NULL and words.stamp == STAMP_NS:
        out[0] //= 1_000_000
    return p


cdef inline const char* read_checksum(
    const char* p, const char* end, int64_t* out
) noexcept nogil:
    """A number of 32 bits, with a sign or without."""
    p = read_signed(p, end, out)
    if p == NULL or out[0] < -<int64_t>0x80000000 or out[0] > <int64_t>0xFFFFFFFF:
        return NULL
    out[0] = out[0] & <int64_t>0xFFFFFFFF
    return p


cdef inline const char* read_item(
    const char* p, const char* end, const Words* words, Rows* rows, Item* item, Span* symbol
) noexcept nogil:
    """One element of `data`, behind its opening brace. `symbol` keeps its text where it has none."""
    cdef uint64_t key
    cdef int64_t way = 0
    cdef bint has_type = False, has_symbol = False, has_levels = False, has_previous = False
    item.sequence = -1
    item.present[0] = item.present[1] = False
    item.first[0] = item.first[1] = 0
    item.count[0] = item.count[1] = 0
    while True:
        p = read_key(p, end, &key)
        if p == NULL:
            return NULL
        if key == 0:
            p = past_plain(p, end)
        elif key == words.asks:
            if item.present[1]:
                return NULL
            p = read_levels(p, end, words, rows, item, 1)
        elif key == words.bids:
            if item.present[0]:
                return NULL
            p = read_levels(p, end, words, rows, item, 0)
        elif key == words.symbol:
            if has_symbol:
                return NULL
            p = read_word(p, end, symbol)
            has_symbol = True
        elif key == words.type:
            if has_type:
                return NULL
            p = read_kind(p, end, words, item)
            has_type = True
        elif key == words.sequence:
            if item.sequence >= 0:
                return NULL
            p = read_whole(p, end, &item.sequence)
        elif key == words.time:
            if item.exchange_time >= 0:
                return NULL
            p = read_stamp(p, end, words, &item.exchange_time)
        elif key == words.previous:
            if has_previous:
                return NULL
            p = read_signed(p, end, &item.previous)
            has_previous = True
        elif key == words.checksum:
            if item.checksum >= 0:
                return NULL
            p = read_checksum(p, end, &item.checksum)
        elif key == words.levels:
            # Which side it is may stand behind it; it is moved there when that is known.
            if has_levels:
                return NULL
            p = read_levels(p, end, words, rows, item, 0)
            has_levels = True
        elif key == words.side:
            if way:
                return NULL
            p = read_whole(p, end, &way)
        elif is_plain_key(key):
            p = past_plain(p, end)
        else:
            return NULL
        if p == NULL:
            return NULL
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c'}':
            break
        p = past(p, end, c',')
        if p == NULL:
            return NULL
    p += 1
    if words.kind == ITEM_SIDE:
        if not has_levels or way != 1 and way != 2:
            return NULL
        if way == 2:
            item.first[1], item.count[1] = item.first[0], item.count[0]
            item.first[0] = item.count[0] = 0
            item.present[0], item.present[1] = False, True
        return p
    if words.type != 0 and not has_type or words.sequence != 0 and item.sequence < 0:
        return NULL
    if words.previous != 0 and not has_previous:
        return NULL
    return p


cdef inline bint is_whole(const Words* words, Item* item) noexcept nogil:
    """Whether an item has the sides that it must have, now that its kind is known."""
    if words.kind == ITEM_SIDE:
        return True
    if item.kind != ITEM_UPDATE and not (item.present[0] and item.present[1]):
        return False
    # A side that an update does not name has not changed.
    item.present[0] = item.present[1] = True
    return True


cdef inline const TopicKey* among(
    uint64_t key, const TopicKey* keys, Py_ssize_t n_keys
) noexcept nogil:
    """The one of these keys that it is; NULL where it is none."""
    cdef Py_ssize_t i
    for i in range(n_keys):
        if key == keys[i].key:
            return &keys[i]
    return NULL


cdef inline const char* read_argument(
    const char* p, const char* end, const TopicKey* which, Place* place
) noexcept nogil:
    """An object that names channel and symbol, from its opening brace on."""
    cdef uint64_t key
    place.topic.text = place.symbol.text = NULL
    p = blank(p + 1, end)
    while True:
        p = read_key(p, end, &key)
        if p == NULL:
            return NULL
        if key != 0 and key == which.channel:
            if place.topic.text != NULL:
                return NULL
            p = read_text(p, end, &place.topic)
        elif key != 0 and key == which.symbol:
            if place.symbol.text != NULL:
                return NULL
            p = read_text(p, end, &place.symbol)
        elif is_plain_key(key):
            p = past_plain(p, end)
        else:
            return NULL
        if p == NULL:
            return NULL
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c'}':
            return p + 1 if place.topic.text != NULL else NULL
        p = past(p, end, c',')
        if p == NULL:
            return NULL


cdef inline const TopicKey* find_behind_a_word(
    const char* p, const char* end, const TopicKey* keys, Py_ssize_t n_keys, Place* place
) noexcept nogil:
    """The object that names the channel, where the first member is a text and the second is it."""
    cdef const TopicKey* which
    cdef uint64_t key
    p = read_text(p, end, &place.topic)
    if p == NULL:
        return NULL
    p = past(p, end, c',')
    if p == NULL:
        return NULL
    p = read_key(p, end, &key)
    if p == NULL or p >= end or p[0] != c'{':
        return NULL
    which = among(key, keys, n_keys)
    if which == NULL or which.channel == 0 or read_argument(p, end, which, place) == NULL:
        return NULL
    return which


cdef inline const TopicKey* find_topic(
    const char* text, const char* end, const TopicKey* keys, Py_ssize_t n_keys, Place* place
) noexcept nogil:
    """Where the frame names its channel: in its first member, in an object behind a first word, or,
    as a text, in its last member. A guess, which the pass over the whole frame has to meet."""
    cdef const char* p = past(text, end, c'{')
    cdef const char* close
    cdef const TopicKey* which
    cdef uint64_t key
    cdef Span* topic = &place.topic
    place.symbol.text = NULL
    place.symbol.length = 0
    if p == NULL:
        return NULL
    p = read_key(p, end, &key)
    if p == NULL:
        return NULL
    which = among(key, keys, n_keys)
    if which != NULL:
        if which.channel != 0:
            if p >= end or p[0] != c'{' or read_argument(p, end, which, place) == NULL:
                return NULL
            return which
        if read_text(p, end, topic) != NULL:
            return which
    elif p < end and p[0] == c'"':
        which = find_behind_a_word(p, end, keys, n_keys, place)
        if which != NULL:
            return which
    # From behind: }, the text, the colon, the key.
    p = end
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p - text < 8 or p[-1] != c'}':
        return NULL
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p - text < 8 or p[-1] != c'"':
        return NULL
    close = p - 1
    p = close
    while p > text and p[-1] != c'"':
        p -= 1
        if close - p > MAX_NAME:
            return NULL
    if p - text < 4:
        return NULL
    topic.text = p
    topic.length = close - p
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p == text or p[-1] != c':':
        return NULL
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p == text or p[-1] != c'"':
        return NULL
    close = p - 1
    p = close
    while p > text and p[-1] != c'"' and close - p <= LONGEST_WORD:
        p -= 1
    if p == text or p[-1] != c'"':
        return NULL
    which = among(pack_word(p, close - p), keys, n_keys)
    if which != NULL and which.channel != 0:
        return NULL
    return which


cdef inline bint scan_frame(
    const char* text, Py_ssize_t length, const Words* words, const TopicKey* which,
    const Place* place, uint64_t symbol_key, const TopicKey* keys, Py_ssize_t n_keys,
    const char* tail, Rows* rows, Item* item, Span* symbol
) noexcept nogil:
    """The whole frame, whose channel was found by what `find_topic` has guessed.

    `which` is the key that names its channel. `keys` are those by which any protocol names its
    channels: a frame that has a second one is for the general decoder. `tail`: where the frame is
    known to end with the topic alone, or NULL. `symbol.text` is NULL where neither item nor frame
    has a symbol.
    """
    cdef const char* end = text + length
    cdef const char* p = past(text, end, c'{')
    cdef uint64_t key
    cdef Span outer
    cdef Place found
    cdef bint has_topic = False, has_data = False, has_type = False, listed
    outer.text = NULL
    outer.length = 0
    symbol.text = NULL
    symbol.length = 0
    if p == NULL:
        return False
    while True:
        if p == tail:
            if has_topic:
                return False
            has_topic = True
            p = end - 1
            break
        p = read_key(p, end, &key)
        if p == NULL:
            return False
        if key == which.key:
            if which.channel != 0:
                p = read_argument(p, end, which, &found) if p < end and p[0] == c'{' else NULL
            else:
                p = read_text(p, end, &found.topic)
            if (
                p == NULL or found.topic.text != place.topic.text
                or found.topic.length != place.topic.length
            ):
                return False
            has_topic = True
        elif key == words.data:
            if has_data or p >= end:
                return False
            has_data = True
            listed = p[0] == c'['
            if listed:
                p = blank(p + 1, end)
            if p >= end or p[0] != c'{':
                return False
            p = read_item(blank(p + 1, end), end, words, rows, item, symbol)
            if p == NULL:
                return False
            if listed:
                p = blank(p, end)
                if p >= end or p[0] != c']':
                    return False
                p += 1
        elif key != 0 and key == symbol_key:
            if outer.text != NULL:
                return False
            p = read_text(p, end, &outer)
            if p == NULL:
                return False
        elif key != 0 and key == words.outer_type:
            if has_type:
                return False
            p = read_kind(p, end, words, item)
            if p == NULL:
                return False
            has_type = True
        elif key != 0 and key == words.outer_time:
            if item.exchange_time >= 0:
                return False
            p = read_stamp(p, end, words, &item.exchange_time)
            if p == NULL:
                return False
        else:
            if not is_plain_key(key) or among(key, keys, n_keys) != NULL:
                return False
            p = past_plain(p, end)
            if p == NULL:
                return False
        p = blank(p, end)
        if p >= end:
            return False
        if p[0] == c'}':
            break
        p = past(p, end, c',')
        if p == NULL:
            return False
    if not (has_topic and has_data) or (p != end - 1 and blank(p + 1, end) != end):
        return False
    if words.outer_type != 0 and not has_type or not is_whole(words, item):
        return False
    if symbol_key != 0 and outer.text == NULL:
        return False
    if which.channel != 0:
        outer = place.symbol
    if outer.text != NULL:
        if symbol.text == NULL:
            symbol[0] = outer
        elif symbol.length != outer.length or memcmp(symbol.text, outer.text, <size_t>outer.length):
            return False
    return True


cdef inline Span topic_name(Span topic) noexcept nogil:
    """The channel of a topic: what stands before its symbol and its speed."""
    cdef Span name
    name.text = topic.text
    name.length = 0
    while (
        name.length < topic.length
        and name.text[name.length] != c':' and name.text[name.length] != c'@'
    ):
        name.length += 1
    return name
