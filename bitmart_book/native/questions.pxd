# What was asked for and may still be answered, by when it was asked; the oldest first.
#
# Nothing says which question an answer is to. It is taken for the oldest one's: what an answer shows
# was true when it was asked for, or later, so that one that comes late confirms as little as it
# should. One that is never answered is forgotten in time.

from libc.stdint cimport int64_t

cdef enum:
    MOST_QUESTIONS = 8

cdef struct Questions:
    int64_t[MOST_QUESTIONS] asked_at
    int count


cdef inline void drop_oldest(Questions* questions, int number) noexcept nogil:
    cdef int i
    questions.count -= number
    for i in range(questions.count):
        questions.asked_at[i] = questions.asked_at[i + number]


cdef inline void note_question(Questions* questions, int64_t now, int64_t lost) noexcept nogil:
    """One more was asked now. To those that were asked before `lost` no answer is waited for."""
    cdef int gone = 0
    while gone < questions.count and questions.asked_at[gone] < lost:
        gone += 1
    if questions.count - gone == MOST_QUESTIONS:
        gone += 1
    drop_oldest(questions, gone)
    questions.asked_at[questions.count] = now
    questions.count += 1


cdef inline int64_t take_answer(Questions* questions) noexcept nogil:
    """An answer has come: when it was asked for at the earliest. -1: nothing was."""
    cdef int64_t asked_at
    if questions.count == 0:
        return -1
    asked_at = questions.asked_at[0]
    drop_oldest(questions, 1)
    return asked_at
