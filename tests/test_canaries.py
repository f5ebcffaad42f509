"""The watch over secrets sees them wherever they may appear, and only so means its silence much."""

import base64
import contextlib
import logging
import pickle
import re
import sys
import warnings
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book.client.outbox import Outbox
from bitmart_book.log.journal import TRACE
from bitmart_book.model import EventKind
from bitmart_book.wire.capture import CaptureWriter
from tests.helpers.canaries import Watch

KEY, SECRET, MEMO = "key-canary-5a31", "secret-canary-77e0", "memo-canary-c9d4"
STAMP = 1_787_000_000_000


def log(level, name="bitmart_book"):
    return lambda text: logging.getLogger(name).log(level, "%s", text)


def log_an_exception(text):
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("bitmart_book").exception("failed")


def make(kind, *args, **options):
    return lambda text: kind(*(text if arg is None else arg for arg in args), **options)


def hide_in(name):
    def hide(text):
        error = bb.UsageError("nothing to see")
        setattr(error, name, text)

    return hide


def warn(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn(text, stacklevel=1)


def tell(text):
    outbox = Outbox()
    outbox.event(EventKind.ERROR, 0.0, reason=text)
    outbox.take_events()


def capture(text, path):
    with CaptureWriter(path / "frames.jsonl") as writer:
        writer.write(text.encode(), 0, "a")


LEAKS = {
    "an error": log(logging.ERROR),
    "a trace": log(TRACE),
    "another logger": log(logging.DEBUG, "asyncio"),
    "an exception in the log": log_an_exception,
    "a record": lambda text: logging.getLogger("x").warning("x", extra={"frame": [text]}),
    "an exception": make(bb.AuthenticationError, "91002", None),
    "its facts": hide_in("hidden"),
    "a warning": warn,
    "an event": tell,
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("what", ["key", "secret", "memo", "signature"])
def test_a_leak_is_seen(leak, what):
    with Watch() as watch:
        credentials = bb.Credentials(KEY, SECRET, MEMO)
        signature = credentials.sign(STAMP)
        secrets = {"key": KEY, "secret": SECRET, "memo": MEMO, "signature": signature}
        LEAKS[leak](f"some {secrets[what]} text")
    assert watch.found
    assert all(found.startswith(f"the {what} in a ") for found in watch.found)
    assert not any(secret in found for found in watch.found for secret in secrets.values())


def test_a_leak_in_a_capture_is_seen(tmp_path):
    with Watch() as watch:
        bb.Credentials(KEY, SECRET, MEMO)
        capture(f'{{"memo":"{MEMO}"}}', tmp_path)
    assert any("capture" in found for found in watch.found)


def test_a_leak_in_the_variables_of_a_frame_is_seen():
    with Watch() as watch:
        credentials = bb.Credentials(KEY, SECRET, MEMO)
        code = compile(
            "def careless(text):\n    raise error(text[:3])", "/bitmart_book/careless.py", "exec"
        )
        names = {"error": bb.UsageError}
        exec(code, names)
        with pytest.raises(bb.UsageError):
            names["careless"](credentials.sign(STAMP))
    assert any("variable of careless" in found for found in watch.found)


def test_other_shapes_are_seen():
    with Watch() as watch:
        bb.Credentials(KEY, SECRET, MEMO)
        logging.getLogger("x").info(base64.b64encode(SECRET.encode()).decode())
    assert watch.found


def test_what_is_known_later_was_seen_before():
    with Watch() as watch:
        logging.getLogger("x").info(KEY)
        bb.Credentials(KEY, SECRET, MEMO)
    assert watch.found


def test_nothing_is_found_where_nothing_is():
    before = logging.getLogger("bitmart_book").level
    with Watch() as watch:
        credentials = bb.Credentials(KEY, SECRET, MEMO)
        logging.getLogger("bitmart_book").error("%r %s", credentials, credentials)
        with pytest.raises(TypeError):
            pickle.dumps(credentials)
        bb.UsageError("no")
    assert watch.found == []
    assert logging.getLogger("bitmart_book").level == before
    assert not hasattr(BaseException.__new__(bb.UsageError), "watch")


def leak_by(how, tmp_path):
    signature = bb.Credentials(KEY, SECRET, MEMO).sign(STAMP)
    if how == "log":
        logging.getLogger("bitmart_book").log(TRACE, signature)
    elif how == "file":
        (tmp_path / "frames.txt").write_text(signature)
    elif how == "exception":
        with pytest.raises(bb.VenueError):
            raise bb.VenueError("1", signature)
    elif how is not None:
        getattr(sys, how).write(signature)


@pytest.mark.parametrize("how", ["log", "stdout", "stderr", "file", "exception", None])
def test_a_marked_test_that_leaks_fails(how, tmp_path, request, monkeypatch):
    """Called as pytest calls it, with all that hangs on the call; one without a leak passes."""
    test = request.node
    test.add_marker(pytest.mark.private)
    monkeypatch.setattr(test, "runtest", lambda: leak_by(how, tmp_path))
    seen = contextlib.nullcontext()
    if how is not None:
        seen = pytest.raises(AssertionError, match="secrets were seen")
    with seen:
        test.ihook.pytest_runtest_call(item=test)


def test_every_test_with_secrets_is_watched():
    """All that deals with logins is marked; this file leaks on purpose."""
    here = Path(__file__)
    secret = re.compile(r"\bCredentials\(|simulator\.credentials|_PRIVATE\b|feed\.account")
    for path in here.parent.rglob("test_*.py"):
        text = path.read_text()
        if path != here and secret.search(text):
            assert re.search(r"^pytestmark = \[?\s*pytest\.mark\.private", text, re.M), path.name
