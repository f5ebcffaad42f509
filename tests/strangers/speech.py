"""What the venue says on a connection, before and after it is written down."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import Any

BOOK = frozenset({"first", "update", "heartbeat", "picture", "reply"})
DATA = BOOK | {"trade", "ticker", "private"}


@dataclass(slots=True)
class Say:
    """One message. `body` is JSON, or text that is sent as it stands.

    kind: "first" (the snapshot of a subscription), "update", "heartbeat", "picture", "reply" (the
    snapshot of a request), "trade", "ticker", "private", "ack", "login", "error", "pong".
    """

    kind: str
    topic: str | None
    body: Any
    written: str | None = None
    binary: bool = False
    side: str | None = None

    def text(self) -> str:
        if self.written is None:
            self.written = (
                self.body
                if isinstance(self.body, str)
                else json.dumps(self.body, separators=(",", ":"), ensure_ascii=False)
            )
        return self.written

    def payload(self) -> str | bytes:
        """What goes on the wire: text, or raw DEFLATE of it (§2.1)."""
        if not self.binary:
            return self.text()
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return squeeze.compress(self.text().encode()) + squeeze.flush()

    def with_body(self, body: Any) -> Say:
        return replace(self, body=body, written=None)

    def with_text(self, text: str) -> Say:
        return replace(self, body=text, written=text)
