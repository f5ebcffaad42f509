# Part of _book: how long something took, counted in buckets that double.
#
# It is told spans of time and asked what they were; it reads no clock and keeps no span. Bucket k
# holds what is above 2**(k-1) and at most 2**k nanoseconds, so that whatever is said of a span is at
# least the truth and less than twice it.

cdef enum:
    SPAN_BUCKETS = 64


cdef inline int span_bucket(int64_t span) noexcept nogil:
    """The bucket of a span that is not below zero: how many bits one less than it has."""
    cdef uint64_t rest = <uint64_t>(span - 1) if span > 1 else 0
    cdef int bucket = 0
    cdef int half = 32
    while half:
        if rest >> half:
            rest >>= half
            bucket += half
        half >>= 1
    return bucket + <int>rest


cdef inline int64_t span_bound(int bucket) noexcept nogil:
    """The longest span of a bucket, in nanoseconds."""
    return INT64_LIMIT if bucket >= SPAN_BUCKETS - 1 else <int64_t>1 << bucket


@cython.final
cdef class Histogram:
    """Spans of time, counted: `add` takes nanoseconds, answers are in seconds.

    A span below zero can only come of two clocks that disagree. Such spans are counted, and are in
    no bucket.
    """

    cdef int64_t _buckets[SPAN_BUCKETS]
    cdef int64_t _below
    cdef readonly int64_t count
    cdef int64_t _least
    cdef int64_t _most
    # In a double: the stamps of a venue can be of any year, and thousands of these are no int64.
    cdef double _sum

    def __reduce__(self):
        raise TypeError("a Histogram cannot be pickled or copied: its summary() can")

    cdef void put(self, int64_t span) noexcept:
        if span < 0:
            self._below += 1
        else:
            self._buckets[span_bucket(span)] += 1
        if self.count == 0 or span < self._least:
            self._least = span
        if self.count == 0 or span > self._most:
            self._most = span
        self.count += 1
        self._sum += <double>span

    def add(self, span_ns):
        """Count one span, in nanoseconds; what int64 does not hold counts as the most it does."""
        self.put(max(-INT64_LIMIT, min(INT64_LIMIT, span_ns)))

    cdef object _within(self, int64_t of_thousand):
        """Seconds within which so many of a thousand spans were: the upper bound of the bucket,
        which is never more than the longest span; None of none."""
        cdef int64_t seen = self._below, rank
        cdef int bucket = 0
        if self.count == 0:
            return None
        rank = self.count // 1000 * of_thousand + (self.count % 1000 * of_thousand + 999) // 1000
        if seen >= rank:
            return min(0, self._most) / 1e9
        while bucket < SPAN_BUCKETS - 1:
            seen += self._buckets[bucket]
            if seen >= rank:
                break
            bucket += 1
        return min(span_bound(bucket), self._most) / 1e9

    @property
    def buckets(self):
        """list of (upper bound in seconds, how many) of the buckets that hold something, shortest
        first: each is above half its bound and at most its bound."""
        cdef int bucket
        return [
            (span_bound(bucket) / 1e9, self._buckets[bucket])
            for bucket in range(<int>SPAN_BUCKETS) if self._buckets[bucket]
        ]

    def summary(self):
        """What was counted, as a dict: see `feed.report()["latency"]`."""
        cdef bint some = self.count != 0
        return {
            "count": self.count,
            "below_zero": self._below,
            "min": self._least / 1e9 if some else None,
            "p50": self._within(500),
            "p99": self._within(990),
            "p999": self._within(999),
            "max": self._most / 1e9 if some else None,
            "sum": self._sum / 1e9,
            "buckets": self.buckets,
        }
