"""Looks for secrets in everything that leaves the package while a private test runs.

A test marked `private` fails when the key, the secret, the memo or a signature of any `Credentials`
made in it is seen in a log record of any level, in what was printed or warned of, in an exception
of ours (its text, facts, pickle, or the variables of our frames in its traceback), in an event, in
a value, in the repr of an action, in a capture, or in a file that the test has written.
"""

import base64
import gzip
import logging
import pickle
import sys
import traceback
import warnings
from unittest import mock

import pytest

from bitmart_book import Credentials, credentials
from bitmart_book.client.outbox import Outbox
from bitmart_book.errors import BitmartBookError
from bitmart_book.log.journal import TRACE
from bitmart_book.wire.capture import CaptureWriter

# Shorter ones are words that may stand anywhere.
SHORTEST = 8
_LOGGERS = ("", "asyncio", "bitmart_book", "websockets")


class Watch(logging.Handler):
    """Watches while it is entered. `found` says where something was seen, and what."""

    def __init__(self):
        super().__init__(0)
        self.secrets = {}
        self.found = []
        self._seen = []
        self._errors = []
        self._patches = []
        self._levels = {}

    # --- what is looked for ---

    def add(self, what, secret):
        """Something that nobody may see from now on, nor have seen before."""
        if len(secret) >= SHORTEST:
            for shape in (secret, repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()):
                self.secrets[shape] = what

    # --- where ---

    def look(self, where, text):
        """Look at a text, when all secrets are known."""
        self._seen.append((where, text))

    def emit(self, record):
        # As any formatter would show it, and whatever else is in it.
        self.look(f"log of {record.name}", logging.Formatter().format(record))
        self.look(f"record of {record.name}", repr(vars(record)))

    def file(self, path):
        """Look into a file."""
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        self.look(f"file {path.name}", data.decode("utf-8", "replace"))

    def __enter__(self):
        sealed, sign, write = credentials._sealed, Credentials.sign, CaptureWriter.write
        events, actions = Outbox.take_events, Outbox.take_actions
        pushes = Outbox.take_pushes
        warn = warnings.warn
        watch = self

        def sealing(key, secret, memo):
            for what, part in (("key", key), ("secret", secret), ("memo", memo)):
                watch.add(what, part)
            return sealed(key, secret, memo)

        def signing(self, timestamp_ms):
            signature = sign(self, timestamp_ms)
            watch.add("signature", signature)
            return signature

        def making(kind, *args, **options):
            error = Exception.__new__(kind, *args)
            watch._errors.append(error)
            return error

        def writing(self, payload, *args):
            watch.look("capture", str(payload))
            return write(self, payload, *args)

        def handing_out(name, original, *, pickled):
            def handed_out(self):
                values = original(self)
                if values:
                    watch.look(name, repr(values))
                    if pickled:
                        watch.look(f"pickle of {name}", repr(pickle.dumps(values)))
                return values

            return handed_out

        def warning(message, category=None, stacklevel=1, **options):
            watch.look("warning", str(message))
            warn(message, category, stacklevel + 1, **options)

        self._patches = [
            mock.patch.object(credentials, "_sealed", sealing),
            mock.patch.object(Credentials, "sign", signing),
            mock.patch.object(BitmartBookError, "__new__", making, create=True),
            mock.patch.object(CaptureWriter, "write", writing),
            mock.patch.object(Outbox, "take_events", handing_out("events", events, pickled=True)),
            mock.patch.object(Outbox, "take_pushes", handing_out("values", pushes, pickled=True)),
            # What is to be sent holds the login, and is for the socket alone: its repr does not.
            mock.patch.object(
                Outbox, "take_actions", handing_out("actions", actions, pickled=False)
            ),
            mock.patch.object(warnings, "warn", warning),
        ]
        for credential in credentials._known.values():
            for what, part in zip(("key", "secret", "memo"), credential._reveal(), strict=True):
                self.add(what, part)
        for patch in self._patches:
            patch.start()
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._levels[logger] = logger.level
            logger.setLevel(TRACE)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger().removeHandler(self)
        for logger, level in self._levels.items():
            logger.setLevel(level)
        for patch in reversed(self._patches):
            patch.stop()
        for error in self._errors:
            self._look_at(error)
        for where, text in self._seen:
            for shape, what in self.secrets.items():
                if shape in text:
                    at = text.index(shape)
                    around = text[max(0, at - 60) : at].replace("\n", " ")
                    self.found.append(f"the {what} in a {where}, after: {around!r}")
        self._errors.clear()
        self._seen.clear()

    def _look_at(self, error):
        name = type(error).__name__
        self.look(f"{name}", f"{error!s} {error!r} {error.args!r} {vars(error)!r}")
        self.look(f"pickle of {name}", repr(pickle.dumps(error)))
        self.look(f"traceback of {name}", "".join(traceback.format_exception(error)))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            file = frame.f_code.co_filename
            # The box knows its keys, as a venue does, and a test what it tests.
            if "bitmart_book/" in file and "/sim/" not in file and "/tests/" not in file:
                self.look(f"variable of {frame.f_code.co_qualname}", _shown(frame.f_locals))


def _shown(values):
    shown = []
    for name, value in values.items():
        if name == "payload":
            continue  # what a server says is in a variable as long as it is read
        try:
            shown.append(f"{name} = {value!r}")
        except Exception as error:
            shown.append(f"{name}: {type(error).__name__}")
    return "\n".join(shown)


@pytest.hookimpl(wrapper=True, trylast=True)  # within the capture of what is printed
def pytest_runtest_call(item):
    """Watch the tests that are marked."""
    marker = item.get_closest_marker("private")
    if marker is None:
        return (yield)
    with Watch() as watch:
        try:
            result = yield
        finally:
            _look_at_output(item, watch)
            if "tmp_path" in item.funcargs and not marker.kwargs.get("files"):
                for path in item.funcargs["tmp_path"].rglob("*"):
                    if path.is_file():
                        watch.file(path)
    if watch.found:
        raise AssertionError("\n".join(["secrets were seen:", *dict.fromkeys(watch.found)]))
    return result


def _look_at_output(item, watch):
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is None or not capture.is_globally_capturing():
        return
    for stream, text in zip((sys.stdout, sys.stderr), capture.read_global_capture(), strict=True):
        watch.look("printed text", text)
        # It belongs to the report.
        stream.write(text)
