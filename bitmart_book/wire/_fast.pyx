# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: auto_pickle=False, autotestdict=False
"""A websocket whose frames go into the engine from where the library has read them.

The same as `link.Link`, over `picows`: a text is offered to the `Door` as a pointer, and Python is
called for what concerns somebody. The library cuts the stream of bytes into frames, and leaves what
is a message to its user: here is refused whatever `link` refuses.

It parses one frame ahead. What is wrong with that one it says to its log, and so the log is where
this file learns of it: `broken`.
"""

import asyncio
import os

from websockets.frames import Close

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t

from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from bitmart_book._book cimport AS_BYTES, QUIET, Door
from bitmart_book.native.clock cimport monotonic_ns

cdef extern from *:
    """
    #include <stdint.h>
    #include <time.h>
    #include <sys/ioctl.h>

    static inline int64_t bb_day_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }

    /* The bytes that have arrived and are not read. */
    static inline int bb_waiting(int descriptor) {
        int bytes = 0;
        return ioctl(descriptor, FIONREAD, &bytes) < 0 ? 0 : bytes;
    }
    """
    const char* PICOWS "BITMART_BOOK_PICOWS"
    int64_t day_ns "bb_day_ns"() noexcept nogil
    int waiting "bb_waiting"(int) noexcept nogil

BUILT_WITH = PICOWS.decode()
"""The version of the library that this was compiled for."""

cdef enum:
    # The library reads into a buffer of 64 KiB, and of more once that was full. After a read that
    # leaves much less in the socket, the next one empties it.
    BEHIND_BYTES = 48 * 1024


@cython.final
cdef class FastLink(WSListener):
    """An open websocket. `attach` it to get what arrives.

    `name` and `generation` are the caller's, to know it by. max_message: bytes of a message, however
    many fragments it comes in, of which there are max_fragments at most; max_unsent: bytes that may
    wait for the other side; close_within and behind: seconds that it may take to close, and that the
    socket may be full.
    """

    cdef public str name
    cdef public int64_t generation
    cdef readonly bint ended
    cdef readonly WSTransport transport
    cdef object _loop, _receiver, _abort_timer
    cdef Door _door
    # Why it brings nothing more; None while it does.
    cdef object _reason
    # What is wrong with the frame behind the one that is about to come.
    cdef object _broken
    cdef list _early
    cdef int64_t _early_at
    # The fragments of a message that is not whole; None between messages.
    cdef list _parts
    cdef Py_ssize_t _size
    cdef bint _is_binary
    # When what is being handed over was read; whether Python knows it; whether it was called.
    cdef int64_t _read_at
    cdef bint _dated, _told
    cdef bint _begins
    cdef int64_t _behind_since
    cdef int _descriptor
    cdef Py_ssize_t _max_message, _max_fragments, _max_unsent
    cdef double _close_within
    cdef int64_t _behind

    def __init__(
        self, *, max_message, max_fragments, max_unsent, close_within, behind,
    ):
        self.name = ""
        self._loop = asyncio.get_running_loop()
        self._early = []
        self._begins = True
        self._behind_since = -1
        self._descriptor = -1
        self._max_message = max_message
        self._max_fragments = max_fragments
        self._max_unsent = max_unsent
        self._close_within = close_within
        self._behind = int(behind * 1e9)

    # --- what the driver calls ---

    def attach(self, receiver):
        """From now on tell the receiver of everything. Messages that came with the handshake are
        handed over at once."""
        self._receiver = receiver
        self._door = receiver.door
        early, self._early = self._early, []
        receiver.read_at = self._early_at
        for payload, is_binary in early:
            if self._receiver is not None:
                receiver.receive(self, payload, is_binary)
        receiver.rested()
        self._tell_end()

    def send_text(self, str text not None):
        """Write a text. A peer that does not read what it is sent is dropped."""
        if self._is_over():
            return
        self.transport.send(WSMsgType.TEXT, text.encode())
        unsent = self.transport.underlying_transport.get_write_buffer_size()
        if unsent > self._max_unsent:
            self.drop(f"the other side does not read: {unsent} bytes are waiting for it")

    def ping_frame(self):
        """Send a ping frame; its pong is reported to the receiver."""
        if not self._is_over():
            self.transport.send_ping()

    def shut(self):
        """Close politely; a peer that does not answer is cut off after a second."""
        self.ended = True
        self._receiver = None
        if not self._is_over():
            self._say_goodbye(WSCloseCode.OK, None)
        self._abort_later()

    def drop(self, str reason not None):
        """Cut the connection off, now, and say so to whoever is attached."""
        self.abort()
        self._end(reason)

    def abort(self):
        """Cut the connection off, now."""
        self.transport.underlying_transport.abort()

    def detach(self):
        """In a forked child: let go of the socket without touching the connection."""
        self.ended = True
        self._receiver = None
        if self._descriptor >= 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self._descriptor)
            os.close(nothing)

    async def wait_closed(self):
        """Until the socket is gone."""
        try:
            await self.transport.wait_disconnected()
        except Exception:
            pass  # why it went has been told

    # --- what the library calls ---

    cpdef on_ws_connected(self, WSTransport transport):
        self.transport = transport
        self._descriptor = transport.underlying_transport.get_extra_info("socket").fileno()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef int64_t now = monotonic_ns()
        if self._begins:
            self._begins = False
            self._read_at = now
            self._dated = False
            if self._behind_since >= 0 and now > self._behind_since + self._behind:
                self.drop(
                    f"more than {self._behind / 1e9:g} s behind: this program does not keep up"
                )
        if self._reason is not None or self.ended:
            pass
        elif (
            frame.msg_type == WSMsgType.TEXT and frame.fin and self._parts is None
            and self._receiver is not None and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            self._take(frame, now)
        else:
            self._look_at(frame)
        if self._broken is not None:
            self._end(self._broken)
            self._abort_later()
        if frame.last_in_buffer:
            self._begins = True
            if self._told and self._receiver is not None:
                self._told = False
                self._receiver.rested()
            self._look_behind(now)

    cpdef on_ws_disconnected(self, WSTransport transport):
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        self._end(self._broken or "closed by the other side without a word")

    cpdef pause_writing(self):
        pass

    cpdef resume_writing(self):
        pass

    def broken(self, str reason not None):
        """The library cannot read on. A frame before that may still come, at once."""
        if self._broken is None:
            self._broken = f"closed, because of {reason}"
            self._loop.call_soon(self._end_broken)

    def failed(self, error not None):
        """Something of this file has failed while the library called it."""
        if self._receiver is not None:
            self._receiver.failed(self, error)

    def _end_broken(self):
        self._end(self._broken)
        self._abort_later()

    # --- frames ---

    cdef int _take(self, WSFrame frame, int64_t now) except -1:
        """A whole text: in with it, and tell Python where that is wanted."""
        cdef int change
        try:
            change = self._door.take(
                frame.payload_ptr, frame.payload_size, day_ns(), self.generation, now
            )
        except Exception as error:
            self._call().failed(self, error)
            return 0
        if change == QUIET:
            return 0
        payload = PyBytes_FromStringAndSize(frame.payload_ptr, frame.payload_size)
        if change == AS_BYTES:
            self._call().receive(self, payload, False)
        else:
            self._call().taken(self, payload, change)
        return 0

    cdef object _call(self):
        """The receiver, which knows when what it is called for was read."""
        self._told = True
        if not self._dated:
            self._dated = True
            self._receiver.read_at = self._read_at
        return self._receiver

    cdef int _look_at(self, WSFrame frame) except -1:
        """Whatever is no whole text."""
        cdef int kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            return self._fail(WSCloseCode.PROTOCOL_ERROR, "reserved bits that must be 0")
        if kind == WSMsgType.PING:
            self.transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            if self._receiver is not None:
                self._call().ponged(self)
        elif kind == WSMsgType.CLOSE:
            self._closed(frame)
        elif kind == WSMsgType.CONTINUATION:
            if self._parts is None:
                return self._fail(WSCloseCode.PROTOCOL_ERROR, "a continuation of nothing")
            self._add(frame)
        elif self._parts is not None:
            return self._fail(WSCloseCode.PROTOCOL_ERROR, "a message within another")
        else:
            self._is_binary = kind == WSMsgType.BINARY
            if frame.fin:
                self._hand_over(frame.get_payload_as_bytes())
            else:
                self._parts = []
                self._size = 0
                self._add(frame)
        return 0

    cdef int _add(self, WSFrame frame) except -1:
        """A fragment; with the last one the message is whole."""
        self._size += frame.payload_size
        if self._size > self._max_message:
            return self._fail(
                WSCloseCode.MESSAGE_TOO_BIG, f"a message that is too big, {self._size} bytes so far"
            )
        self._parts.append(frame.get_payload_as_bytes())
        if len(self._parts) > self._max_fragments:
            return self._fail(WSCloseCode.MESSAGE_TOO_BIG, "too many fragments")
        if frame.fin:
            payload = b"".join(self._parts)
            self._parts = None
            self._hand_over(payload)
        return 0

    cdef int _hand_over(self, bytes payload) except -1:
        if self._receiver is not None:
            self._call().receive(self, payload, self._is_binary)
        else:
            if not self._early:
                self._early_at = self._read_at
            self._early.append((payload, self._is_binary))
        return 0

    cdef int _look_behind(self, int64_t now) except -1:
        """Whether there is much in the socket though what was in it has just been read."""
        if self._is_over() or waiting(self._descriptor) < BEHIND_BYTES:
            self._behind_since = -1
        elif self._behind_since < 0:
            self._behind_since = now
        return 0

    # --- the end ---

    cdef bint _is_over(self):
        return (
            self._reason is not None or self.transport.is_close_frame_sent
            or self.transport.is_disconnected
        )

    cdef int _fail(self, WSCloseCode code, str reason) except -1:
        """What has come is not to be understood: say so, and have nothing more to do with it."""
        self._parts = None
        self._say_goodbye(code, reason)
        self._end(f"closed by this side: {Close(int(code), reason)}")
        self._abort_later()
        return 0

    cdef int _closed(self, WSFrame frame) except -1:
        cdef int code = frame.get_close_code()
        if self._parts is not None:
            return self._fail(WSCloseCode.PROTOCOL_ERROR, "a goodbye within a message")
        said = Close(code or 1005, frame.get_close_reason() or "")
        self._say_goodbye(frame.get_close_code() if code != 0 else WSCloseCode.OK, None)
        self._end(f"closed by the other side: {said}")
        # The socket is closed by the other side, which has read then what is said here.
        self._abort_later()
        return 0

    cdef int _say_goodbye(self, WSCloseCode code, reason) except -1:
        if not self.transport.is_close_frame_sent:
            self.transport.send_close(code, reason)
        return 0

    cdef int _end(self, object reason) except -1:
        """It brings nothing more, for the reason that was said first."""
        if self._reason is None:
            self._reason = reason
        self._tell_end()
        return 0

    cdef int _tell_end(self) except -1:
        receiver = self._receiver
        if self._reason is not None and receiver is not None:
            self.ended = True
            self._receiver = None
            receiver.ended(self, self._reason)
        return 0

    def _abort_later(self):
        if self._abort_timer is None and not self.transport.is_disconnected:
            self._abort_timer = self._loop.call_later(self._close_within, self.abort)
