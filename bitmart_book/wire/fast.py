"""Opens the fast wire: a handshake that asks for what `link` asks for, and takes no other answer.

Imported by whoever has chosen it, and found `picows` (`transports`). That library's own way to
connect leaves a socket behind when it is cancelled, so that its protocol is put on one here.
"""

from __future__ import annotations

import asyncio
import platform
import ssl
import sys
from typing import Any

import aiofastnet
import picows
from picows.picows import WSProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus, NegotiationError
from websockets.headers import build_host
from websockets.http11 import Response
from websockets.uri import parse_uri

import bitmart_book.wire.link as limits
from bitmart_book.client.times import MAX_BEHIND_SECONDS
from bitmart_book.wire._fast import FastLink

__all__ = ["open_fast"]

_READ_BYTES = 64 * 1024
_AGENT = f"Python/{platform.python_version()} picows/{picows.__version__}"


class _Log:
    """What the library writes down: nothing of that is news to anybody but the link."""

    name = "bitmart_book.websocket"

    def __init__(self, link: FastLink) -> None:
        self._link = link

    def isEnabledFor(self, _: int) -> bool:  # noqa: N802 (as loggers call it)
        return False

    def debug(self, *_: object) -> None:
        """Nothing."""

    info = warning = debug

    def error(self, text: str, *arguments: object) -> None:
        """It cannot read on, and closes; of a code and a sentence the sentence says why."""
        if arguments and isinstance(arguments[0], tuple):
            text, arguments = str(arguments[0][-1]), ()
        self._link.broken(f"a frame that is none: {text % arguments if arguments else text}")

    def exception(self, text: str, *arguments: object) -> None:
        """Something has failed, here or in the library, while a frame was handed over."""
        error = sys.exc_info()[1]
        if error is not None:
            self._link.failed(error)
        self.error(text, *arguments)


async def open_fast(url: str, tls: ssl.SSLContext | None = None) -> FastLink:
    """Connect, within five seconds. Raises OSError, TimeoutError or what `websockets` raises.

    `tls` is for wss addresses. No proxy is used, whatever the environment says, and no redirect is
    followed.
    """
    link = FastLink(
        max_message=limits.MAX_MESSAGE_BYTES,
        max_fragments=limits.MAX_FRAGMENTS,
        max_unsent=limits.MAX_UNSENT_BYTES,
        close_within=limits.CLOSE_SECONDS,
        behind=MAX_BEHIND_SECONDS,
    )
    try:
        async with asyncio.timeout(limits.OPEN_SECONDS):
            await _shake_hands(link, url, tls)
    except TimeoutError:
        raise TimeoutError("timed out during opening handshake") from None
    return link


async def _shake_hands(link: FastLink, url: str, tls: ssl.SSLContext | None) -> None:
    address = parse_uri(url)

    def answered(request: object, response: Any) -> FastLink:
        del request
        for name, what in (("Extensions", "extensions"), ("Protocol", "subprotocols")):
            if f"Sec-WebSocket-{name}" in response.headers:
                raise NegotiationError(f"no {what} supported")
        return link

    protocol = WSProtocol(
        build_host(address.host, address.port, address.secure),
        address.resource_name,
        True,
        answered,
        _Log(link),
        False,
        limits.OPEN_SECONDS,
        False,
        10.0,
        10.0,
        picows.WSAutoPingStrategy.PING_WHEN_IDLE,
        False,
        limits.MAX_MESSAGE_BYTES,
        {"User-Agent": _AGENT},
        _READ_BYTES,
    )
    options: dict[str, Any] = {"ssl": tls or True} if address.secure else {}
    transport, _ = await aiofastnet.create_connection(
        asyncio.get_running_loop(), lambda: protocol, address.host, address.port, **options
    )
    try:
        await protocol.wait_until_handshake_complete()
        if protocol.listener is None:
            raise ConnectionError("the other side closed the connection during the handshake")
    except picows.WSHandshakeError as error:
        transport.abort()
        raise _as_everywhere(error) from None
    except BaseException:
        transport.abort()
        raise


def _as_everywhere(error: Any) -> InvalidHandshake:
    """A refusal as the default wire tells of it, whose status says whether that is a ban."""
    found = error.response
    if isinstance(error, picows.WSInvalidStatusError) and found is not None:
        headers = Headers(list(found.headers.items()))
        return InvalidStatus(Response(int(found.status), found.status.phrase, headers))
    return InvalidHandshake(str(error))
