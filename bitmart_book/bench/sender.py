"""A program: sends frames from its standard input to whoever connects, as fast as they are taken
or at a steady pace.

`python -m bitmart_book.bench.sender` reads the frames, each behind its length in four bytes, until
the end of its input, prints the port it listens on, and serves one connection after another until
it is ended. A connection to /RATE gets RATE frames a second, to / all at once; then one binary
message with the times at which the frames were handed to the socket (nanoseconds of the monotonic
clock, eight bytes each), and the end of the connection.

A process of its own and frames encoded beforehand, so that the receiver is what is measured.
"""

from __future__ import annotations

import socket
import sys
import time
from array import array
from collections.abc import Sequence

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

__all__ = ["read_frames", "serve_one", "written"]

# Sleeping is too coarse for the last part of a wait.
SPIN = 0.002


def written(frames: Sequence[bytes]) -> bytes:
    """What the program reads."""
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


def read_frames(data: bytes) -> list[bytes]:
    """The other way round."""
    frames, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        frames.append(data[at + 4 : end])
        at = end
    return frames


def serve_one(connection: socket.socket, encoded: Sequence[bytes]) -> None:
    """One connection from its request to its end; `encoded` are whole websocket frames."""
    protocol = ServerProtocol()
    requests: list[Request] = []
    while not requests:
        protocol.receive_data(connection.recv(65_536))
        requests = [event for event in protocol.events_received() if isinstance(event, Request)]
    protocol.send_response(protocol.accept(requests[0]))
    connection.sendall(b"".join(protocol.data_to_send()))
    rate = requests[0].path.strip("/")
    times = array("q")
    if rate:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gap, due = 1 / float(rate), time.monotonic() + 0.05
        for frame in encoded:
            _wait_until(due)
            due += gap
            times.append(time.monotonic_ns())
            connection.sendall(frame)
    else:
        times.append(time.monotonic_ns())
        connection.sendall(b"".join(encoded))
    connection.sendall(Frame(Opcode.BINARY, times.tobytes()).serialize(mask=False))
    # The receiver says that it has all; only then may the server, as it must, close first.
    # What a feed has to say before, nobody answers; unread, it would tear the connection down.
    while protocol.state is State.OPEN and (data := connection.recv(65_536)):
        protocol.receive_data(data)
        connection.sendall(b"".join(protocol.data_to_send()))


def _wait_until(due: float) -> None:
    left = due - time.monotonic()
    if left > SPIN:
        time.sleep(left - SPIN)
    while time.monotonic() < due:
        pass


def main() -> None:
    frames = read_frames(sys.stdin.buffer.read())
    encoded = [Frame(Opcode.TEXT, frame).serialize(mask=False) for frame in frames]
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            with connection:
                try:
                    serve_one(connection, encoded)
                except ConnectionError:
                    continue


if __name__ == "__main__":
    main()
