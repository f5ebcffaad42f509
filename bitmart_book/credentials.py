"""An API key and its secrets in one object that shows them to nobody, and what hides them in text.

A venue knows a login by its signature: HMAC-SHA256 over a text with the time in it, keyed with the
secret. This file makes signatures, reads keys from where users keep them, and masks them in logs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import stat
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, final

from bitmart_book.errors import UsageError
from bitmart_book.system.files import open_to_read, others_can_read

__all__ = ["Credentials", "RedactingFilter", "redact"]

MASK = "***"

_PARTS = ("key", "secret", "memo")
# A memo belongs to BitMart's keys alone.
_WITH_MEMO = "bitmart"
_MAX_FILE_BYTES = 64 * 1024


# --- the keys ---

# Tracebacks that print local variables (rich, debuggers, crash reporters) print those of every
# frame that an exception passed. So no function here raises while it holds a secret in a variable:
# problems are returned as sentences, and raised where there is nothing to see.


@final
class Credentials:
    """A key and secret of a venue's API, and the memo that BitMart's keys have.

    A read-only key suffices: nothing here places orders. The object signs logins and gives nothing
    back: `repr`, `str`, `vars`, copies and tracebacks show none of the three, and it cannot be
    pickled. Raises UsageError for a part that is empty or has blanks.

    >>> bb.Credentials("a-key", "its-secret", "its-memo")  # BitMart
    Credentials(***)
    >>> bb.Credentials("a-key", "its-secret")  # Bybit, which has no memo
    Credentials(***)
    """

    __slots__ = ("__weakref__", "_reveal")
    _reveal: Callable[[], tuple[str, str, str]]

    def __init__(self, key: str, secret: str, memo: str | None = None) -> None:
        problem = _problem(key, secret, *([] if memo is None else [memo]))
        if problem is None:
            object.__setattr__(self, "_reveal", _sealed(key, secret, memo or ""))
            _known[id(self)] = self
        del key, secret, memo
        if problem is not None:
            raise UsageError(problem)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, venue: str = "bitmart"
    ) -> Credentials:
        """Of the variables BITMART_API_KEY, BITMART_API_SECRET and BITMART_API_MEMO; of
        venue="bybit" those of BYBIT_API_KEY and BYBIT_API_SECRET."""
        credentials, problem = _from_variables(os.environ if environ is None else environ, venue)
        del environ
        if credentials is None:
            raise UsageError(problem)
        return credentials

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, venue: str = "bitmart") -> Credentials:
        """Of a file: JSON with "key", "secret" and, of BitMart, "memo"; or lines of NAME=value with
        the names of `from_env`. Warns (UserWarning) when others than its owner can read it."""
        name = os.fspath(path)
        credentials, problem, exposed = _read(name, venue)
        if exposed:
            warnings.warn(f"{name} can be read by others: chmod 600 {name}", stacklevel=2)
        if credentials is None:
            raise UsageError(f"{name}: {problem}")
        return credentials

    def sign(self, timestamp_ms: int) -> str:
        """The signature of a login at that time (milliseconds since 1970), as lower-case hex."""
        return hmac.new(
            self._reveal()[1].encode(),
            f"{timestamp_ms:d}#{self._reveal()[2]}#bitmart.WebSocket".encode(),
            hashlib.sha256,
        ).hexdigest()

    def login_args(self, timestamp_ms: int) -> list[str]:
        """Key, time and signature, as a login frame has them. Never log these."""
        return [self._reveal()[0], f"{timestamp_ms:d}", self.sign(timestamp_ms)]

    def signed(self, text: str) -> list[str]:
        """Key, and the signature of a text, as lower-case hex, for venues whose logins sign another
        text than BitMart's. Never log these."""
        sign = hmac.new(self._reveal()[1].encode(), text.encode(), hashlib.sha256)
        return [self._reveal()[0], sign.hexdigest()]

    @property
    def has_memo(self) -> bool:
        """Whether there is a memo, as BitMart's keys have one."""
        return bool(self._reveal()[2])

    def __repr__(self) -> str:
        return f"Credentials({MASK})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        del value
        raise AttributeError(f"credentials cannot be changed: {name}")

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Credentials:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("credentials cannot be pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("credentials cannot be pickled")


def _sealed(key: str, secret: str, memo: str) -> Callable[[], tuple[str, str, str]]:
    # They are kept in a closure: whatever walks over attributes finds a function and no secret.
    return lambda: (key, secret, memo)


def _problem(*parts: object) -> str | None:
    for name, value in zip(_PARTS, parts, strict=False):
        if not isinstance(value, str):
            return f"the {name} must be text, was {type(value).__name__}"
        if not value.strip():
            return f"the {name} is empty"
        if value != value.strip() or not value.isprintable():
            return f"the {name} begins or ends with a blank, or holds a control character"
    return None


def _names(venue: str) -> dict[str, str]:
    """The parts that a venue's keys have, by the names of their variables."""
    parts = _PARTS if venue == _WITH_MEMO else _PARTS[:2]
    return {f"{venue.upper()}_API_{part.upper()}": part for part in parts}


def _from_variables(environ: Mapping[str, str], venue: str) -> tuple[Credentials | None, str]:
    """The credentials in an environment, or what is wrong."""
    names = _names(venue)
    missing = [name for name in names if not environ.get(name, "").strip()]
    if missing:
        return None, f"not set in the environment: {', '.join(missing)}"
    problem = _problem(*(environ[name].strip() for name in names))
    if problem is not None:
        return None, f"in the environment {problem}"
    return Credentials(*(environ[name].strip() for name in names)), ""


def _read(path: str, venue: str) -> tuple[Credentials | None, str, bool]:
    """The credentials in a file, or what is wrong; and whether others can read it."""
    exposed = False
    try:
        descriptor = open_to_read(path)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None, "is no file", False
            exposed = others_can_read(status)
            found = _parse(os.read(descriptor, _MAX_FILE_BYTES).decode("utf-8-sig"), _names(venue))
        finally:
            os.close(descriptor)
    except OSError as error:
        return None, f"cannot be read: {error.strerror or error}", exposed
    except (ValueError, RecursionError):  # the error itself would hold the text
        return None, "is neither JSON nor lines of NAME=value", exposed
    parts = _names(venue).values()
    missing = [name for name in parts if name not in found]
    if missing:
        return None, f"holds no {', no '.join(missing)}", exposed
    problem = _problem(*(found[name] for name in parts))
    if problem is not None:
        return None, problem, exposed
    return Credentials(*(found[name] for name in parts)), "", exposed


def _parse(text: str, short: Mapping[str, str]) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        pairs = list(json.loads(text).items())
    else:
        lines = [line.strip() for line in text.splitlines()]
        halves = [line.partition("=") for line in lines if line and not line.startswith("#")]
        if not all(equals for _, equals, _ in halves):
            raise ValueError
        pairs = [(name.removeprefix("export "), value) for name, _, value in halves]
        pairs = [(name.strip(), value.strip().strip("\"'")) for name, value in pairs]
    return {short.get(name, name): value for name, value in pairs}


# --- hiding them in text ---

_known: weakref.WeakValueDictionary[int, Credentials] = weakref.WeakValueDictionary()

# Quotes as they look in JSON, in JSON within JSON, and in Python's repr.
_Q = r"\\*[\"']"
_IS_LOGIN = re.compile(rf"{_Q}(?:op|action){_Q}\s*:\s*{_Q}(?:login|access|auth){_Q}")
_ARGUMENTS = re.compile(rf"({_Q}args{_Q}\s*:\s*)[\[(][^\])]*(?:[\])]|$)")
_OTHERS = (
    # Nothing else that is logged here is 64 hexadecimal digits.
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])"), MASK),
    (re.compile(rf"(?i)(x-bm-(?:key|sign|timestamp){_Q}?\s*[:=,]\s*(?:{_Q})?)[^\s\"',)}}\]]+"),
     rf"\1{MASK}"),
    # What the futures host says of a key that it does not know.
    (re.compile(r"(?i)(api_?key\s+)[^\s*]+\*+"), rf"\1{MASK}"),
)  # fmt: skip
# A shorter part of a key may be an ordinary word, which is masked as a whole word only.
_UNMISTAKABLE = 8


def redact(text: object) -> str:
    """The text without what nobody may read: the parts of every `Credentials` that is in use,
    signatures, the arguments of login frames, and BitMart's authentication headers."""
    masked = str(text)
    if _IS_LOGIN.search(masked):
        masked = _ARGUMENTS.sub(rf"\1[{MASK}]", masked)
    for reference in _known.valuerefs():  # a list: other threads may be logging in
        credentials = reference()
        if credentials is not None:
            masked = _without(masked, credentials._reveal)
    for pattern, replacement in _OTHERS:
        masked = pattern.sub(replacement, masked)
    return masked


def _without(text: str, reveal: Callable[[], tuple[str, str, str]]) -> str:
    for secret in filter(None, reveal()):
        # Each as it is, as JSON writes it, and as Python's repr shows it.
        for shape in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}:
            if len(shape) >= _UNMISTAKABLE:
                text = text.replace(shape, MASK)
            else:
                text = re.sub(rf"(?<![0-9A-Za-z]){re.escape(shape)}(?![0-9A-Za-z])", MASK, text)
    return text


class RedactingFilter(logging.Filter):
    """Masks what `redact` masks in every record: message, arguments, extras and exceptions.

    Put it on a handler, or on each logger that may say such things: records of child loggers pass
    a logger's filters by.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # wrong arguments for the format: logging would print them unmasked
            message = f"{record.msg} {record.args!r}"
        masked = redact(message)
        if masked != message or redact(record.args) != str(record.args):
            record.msg, record.args = masked, None
        self._hide_exception(record)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name in record.__dict__.keys() - _ORDINARY:
            value = record.__dict__[name]
            shown = value if isinstance(value, str) else repr(value)
            if redact(shown) != shown:
                record.__dict__[name] = redact(shown)
        return True

    @staticmethod
    def _hide_exception(record: logging.LogRecord) -> None:
        if record.exc_info:
            shown = logging.Formatter().formatException(record.exc_info)
            masked = redact(shown)
            if masked != shown:
                # The text takes the place of the exception, whose objects hold what was masked.
                record.exc_info, record.exc_text = None, masked


_ORDINARY = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
