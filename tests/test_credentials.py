"""Keys: signatures as documented, and secrets that nothing shows."""

import copy
import gc
import hashlib
import hmac
import io
import json
import logging
import os
import pickle
import pprint
import sys
import traceback
import warnings

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.credentials import RedactingFilter, redact
from bitmart_book.venues import FUTURES_PRIVATE, SPOT_PRIVATE
from tests.helpers.keys import KEY, MEMO, SECRET

pytestmark = pytest.mark.private(files=True)  # it writes keys into files

STAMP = 1589267764859
SIGN = "3ceeb7e1b8cb165a975e28a2e2dfaca4d30b358873c0351c1a071d8c83314556"
# Such as appear nowhere else, so that finding one anywhere is a leak.
CANARIES = ("key-canary-1f0e", "secret-canary-2d9c", "memo-canary-3b8a")
NAMES = ("BITMART_API_KEY", "BITMART_API_SECRET", "BITMART_API_MEMO")


@pytest.fixture
def canary():
    return bb.Credentials(*CANARIES)


def shows_no_secret(text):
    text = str(text)
    return not any(secret in text for secret in (*CANARIES, KEY, SECRET))


# --- signing ---


def test_the_documented_signature():
    credentials = bb.Credentials(KEY, SECRET, MEMO)
    assert credentials.sign(STAMP) == SIGN
    assert credentials.login_args(STAMP) == [KEY, str(STAMP), SIGN]


def test_key_secret_memo_and_time_all_matter():
    signatures = {
        bb.Credentials(KEY, SECRET, MEMO).sign(STAMP),
        bb.Credentials(KEY, SECRET + "0", MEMO).sign(STAMP),
        bb.Credentials(KEY, SECRET, MEMO + "0").sign(STAMP),
        bb.Credentials(KEY, SECRET, MEMO).sign(STAMP + 1),
    }
    assert len(signatures) == 4
    assert bb.Credentials("other", SECRET, MEMO).sign(STAMP) == SIGN


def test_memos_of_other_scripts_are_signed_as_utf_8():
    assert len(bb.Credentials(KEY, SECRET, "m\u00e9mo \u2713").sign(STAMP)) == 64


@pytest.mark.parametrize("stamp", ["1589267764859", 1589267764.859, None])
def test_a_time_is_a_whole_number_of_milliseconds(stamp):
    with pytest.raises((TypeError, ValueError)):
        bb.Credentials(KEY, SECRET, MEMO).sign(stamp)


# --- showing nothing ---


def test_no_form_of_text_shows_a_secret(canary):
    for text in (
        repr(canary), str(canary), f"{canary}", f"{canary!r:>40}", f"{canary:>40}",
        str.__mod__("%s %r", (canary, canary)), str.format("{}", canary), pprint.pformat([canary]),
        repr({"credentials": (canary,)}), ascii(canary), repr(canary.sign),
    ):  # fmt: skip
        assert "Credentials(***)" in text
        assert shows_no_secret(text)


def test_no_attribute_shows_a_secret(canary):
    shown = {name: getattr(canary, name) for name in dir(canary)}
    shown |= {name: getattr(canary, name) for name in type(canary).__slots__ if name[1] != "_"}
    assert shows_no_secret(shown)
    assert not hasattr(canary, "__dict__")
    with pytest.raises(TypeError):
        vars(canary)
    for convert in (msgspec.to_builtins, msgspec.json.encode, json.dumps):
        with pytest.raises(TypeError):
            convert(canary)


def test_credentials_are_not_pickled(canary):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled") as caught:
            pickle.dumps(canary, protocol)
        assert shows_no_secret(caught.value)
    with pytest.raises(TypeError):
        canary.__getstate__()


def test_a_copy_is_the_same_object(canary):
    assert copy.copy(canary) is canary
    assert copy.deepcopy({"credentials": canary})["credentials"] is canary


def test_credentials_do_not_change(canary):
    for name in ("key", "secret", "_reveal"):
        with pytest.raises(AttributeError):
            setattr(canary, name, "x")
    assert canary.login_args(1)[0] == CANARIES[0]


def failure(call, *arguments):
    """What a crash reporter shows of an exception: the chain, and the variables of each frame."""
    try:
        call(*arguments)
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next  # without this very function
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        return error, "".join(shown.format())
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (("", *CANARIES[1:]), "key is empty"),
        ((CANARIES[0], "  ", CANARIES[2]), "secret is empty"),
        ((*CANARIES[:2], ""), "memo is empty"),
        ((CANARIES[0], CANARIES[1] + "\n", CANARIES[2]), "secret begins or ends with a blank"),
        ((" " + CANARIES[0], *CANARIES[1:]), "key begins or ends with a blank"),
        ((*CANARIES[:2], CANARIES[2] + "\x00x"), "memo begins or ends with a blank"),
        ((*CANARIES[:2], 5), "memo must be text"),
        ((*CANARIES[:2], CANARIES[2].encode()), "memo must be text"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_showing_it(parts, problem):
    error, shown = failure(bb.Credentials, *parts)
    assert isinstance(error, bb.UsageError)
    assert problem in str(error)
    assert shows_no_secret(shown)


def test_a_traceback_with_variables_shows_no_secret(canary):
    def use(credentials):
        credentials.login_args("not a time")

    _, shown = failure(use, canary)
    assert "credentials = Credentials(***)" in shown
    assert shows_no_secret(shown)


# --- where keys come from ---


def test_from_the_environment(monkeypatch):
    values = dict(zip(NAMES, (KEY, SECRET + "\n", f" {MEMO}"), strict=True))
    assert bb.Credentials.from_env(values).sign(STAMP) == SIGN
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert bb.Credentials.from_env().login_args(STAMP) == [KEY, str(STAMP), SIGN]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_not_set_is_named(name, value):
    values = dict(zip(NAMES, CANARIES, strict=True)) | {name: value}
    error, shown = failure(
        bb.Credentials.from_env, {key: text for key, text in values.items() if text is not None}
    )
    assert isinstance(error, bb.UsageError)
    assert str(error) == f"not set in the environment: {name}"
    assert shows_no_secret(shown)
    error, shown = failure(
        bb.Credentials.from_env, dict(zip(NAMES, CANARIES, strict=True)) | {name: "two\tparts"}
    )
    assert "holds a control" in str(error)
    assert shows_no_secret(shown)


FILES = (
    json.dumps({"key": KEY, "secret": SECRET, "memo": MEMO}),
    json.dumps(dict(zip(NAMES, (KEY, SECRET, MEMO), strict=True)) | {"comment": [1]}, indent=1),
    f"{NAMES[0]}={KEY}\n{NAMES[1]}={SECRET}\n{NAMES[2]}={MEMO}\n",
    f"# mine\nexport {NAMES[0]} = \"{KEY}\"\r\n\r\nsecret='{SECRET}'\r\nmemo={MEMO}\r\n",
    f"\ufeffkey={KEY}\nsecret={SECRET}\nmemo={MEMO}",
)


@pytest.mark.parametrize("text", FILES)
def test_from_a_file(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    for name in (path, str(path)):
        assert bb.Credentials.from_file(name).login_args(STAMP) == [KEY, str(STAMP), SIGN]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_can_read_is_warned_of(tmp_path, mode):
    path = tmp_path / "keys"
    path.write_text(FILES[0])
    path.chmod(mode)
    with pytest.warns(UserWarning, match="can be read by others: chmod 600") as caught:
        assert bb.Credentials.from_file(path).sign(STAMP) == SIGN
    assert caught[0].filename == __file__
    assert shows_no_secret(caught[0].message)
    path.chmod(0o400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bb.Credentials.from_file(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no key, no secret, no memo"),
        ("{}", "holds no key, no secret, no memo"),
        (f"key={CANARIES[0]}\nsecret={CANARIES[1]}", "holds no memo"),
        (f'{{"key": "{CANARIES[0]}", "secret": "{CANARIES[1]}"', "neither JSON nor lines"),
        (f"{CANARIES[0]} {CANARIES[1]} {CANARIES[2]}", "neither JSON nor lines"),
        (json.dumps({"key": CANARIES[0], "secret": 5, "memo": CANARIES[2]}), "must be text"),
        (json.dumps({"key": CANARIES[0], "secret": "", "memo": CANARIES[2]}), "secret is empty"),
        ('{"a":' * 100_000, "neither JSON nor lines"),
        (b"\xff\xfe\x00" + CANARIES[1].encode(), "neither JSON nor lines"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_showing_it(tmp_path, text, problem):
    path = tmp_path / "keys"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    error, shown = failure(bb.Credentials.from_file, path)
    assert isinstance(error, bb.UsageError)
    assert problem in str(error)
    assert str(path) in str(error)
    assert shows_no_secret(shown)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(bb.UsageError, match="cannot be read: No such file"):
        bb.Credentials.from_file(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, os.devnull, tmp_path / "pipe"):
        with pytest.raises(bb.UsageError, match="is no file"):
            bb.Credentials.from_file(path)


# --- hiding in text ---


@pytest.mark.parametrize("profile", [SPOT_PRIVATE, FUTURES_PRIVATE], ids=["spot", "futures"])
@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda frame: repr(frame.encode()),
        lambda frame: json.dumps({"frame": frame}),
        lambda frame: json.dumps([json.dumps({"frame": frame})]),
        lambda frame: repr(json.loads(frame)),
        lambda frame: json.dumps(json.loads(frame), indent=2),
        lambda frame: json.dumps(dict(reversed(json.loads(frame).items()))),
        # As websockets cuts a long frame in its debug log.
        lambda frame: f"> TEXT '{frame[:48]}...{frame[-25:]}' [{len(frame)} bytes]",
        lambda frame: f"> TEXT '{frame[:60]}...",
        lambda frame: f"sent {frame} at 5",
    ],
)
def test_login_frames_are_masked_in_any_text(canary, profile, show):
    text = show(profile.login(canary, STAMP))
    assert not shows_no_secret(text) or "..." in text
    masked = redact(text)
    assert shows_no_secret(masked)
    assert "***" in masked
    for size in range(8, 65):
        assert canary.sign(STAMP)[:size] not in masked
        assert canary.sign(STAMP)[-size:] not in masked


def test_a_login_frame_of_a_key_that_is_not_ours_is_masked_too():
    frame = f'{{"op":"login","args":["{KEY}","{STAMP}","{SIGN}"]}}'
    assert redact(frame) == '{"op":"login","args":[***]}'
    # Cut before its end, as long log lines are.
    assert redact(f"> TEXT '{frame[:60]}...") == """> TEXT '{"op":"login","args":[***]"""
    assert redact({"action": "access", "args": [KEY, "1", SIGN, "web"]}) == (
        "{'action': 'access', 'args': [***]}"
    )


def test_parts_of_credentials_are_masked_wherever_they_stand(canary):
    for secret in CANARIES:
        for text in (secret, f"<{secret}>", f"x{secret}x", repr([secret]), f"?key={secret}&a=1"):
            assert secret not in redact(text)
            assert "***" in redact(text)
    assert canary.sign(5) not in redact(f"signature {canary.sign(5)}")


def test_odd_characters_are_masked_in_every_shape():
    memo = 'the "m\u00e9mo" \\ of mine'
    credentials = bb.Credentials("odd-key-5150", "odd-secret-5150", memo)
    for text in (memo, json.dumps(memo), repr(memo), json.dumps({"memo": memo, "x": 1})):
        masked = redact(text)
        assert "of mine" not in masked
        assert "***" in masked
    del credentials


def test_a_short_memo_is_masked_as_a_word_only():
    credentials = bb.Credentials("short-key-5150", "short-secret-5150", "bot")
    assert redact("memo bot, robot, 'bot'") == "memo ***, robot, '***'"
    del credentials


def test_what_is_gone_is_not_looked_for():
    credentials = bb.Credentials("gone-key-5150", "gone-secret-5150", "gone-memo-5150")
    assert redact("gone-key-5150") == "***"
    del credentials
    gc.collect()
    assert redact("gone-key-5150") == "gone-key-5150"


def test_headers_and_what_the_futures_host_says_are_masked():
    assert redact("X-BM-KEY: abc, X-BM-SIGN: def") == "X-BM-KEY: ***, X-BM-SIGN: ***"
    assert redact("{'x-bm-key': 'abc', 'x-bm-timestamp': '5'}") == (
        "{'x-bm-key': '***', 'x-bm-timestamp': '***'}"
    )
    assert redact("apiKey 880d5edecs**** failed: openapi auth failed") == (
        "apiKey *** failed: openapi auth failed"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"op":"subscribe","args":["spot/ticker:BTC_USDT"]}',
        '{"action":"subscribe","args":["futures/order"]}',
        "connected spot_private-1 to wss://ws-manager-compress.bitmart.com/user?protocol=1.1",
        "login refused: API KEY not found (code 91002)",
        "order 220906179895578 of 1000 at 25667.2",
        "",
    ],
)
def test_other_text_stays_as_it_is(canary, text):
    assert redact(text) == text


# --- logs ---


class Boom(Exception):
    pass


@pytest.fixture
def log():
    """A logger with the filter, and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        logging.Formatter("%(levelname)s %(message)s %(extra)s", defaults={"extra": ""})
    )
    logger = logging.Logger("of this test", logging.DEBUG)
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    return logger, stream


def test_messages_and_arguments(canary, log):
    logger, stream = log
    frame = SPOT_PRIVATE.login(canary, STAMP)
    logger.debug("> TEXT %s", frame)
    logger.info(f"> {frame}")
    logger.info("%(a)s %(b)d", {"a": CANARIES[1], "b": 5})
    logger.warning("%s and %r of %s", CANARIES[0], frame.encode(), canary)
    logger.error("%d", CANARIES[0])  # which logging cannot format
    logger.info("plain %s 100%%", "text")
    logger.info("100% plain")
    logger.info("x", extra={"extra": frame})
    logger.info("x", extra={"extra": {"memo": CANARIES[2]}})
    written = stream.getvalue()
    assert shows_no_secret(written)
    assert canary.sign(STAMP) not in written
    assert "*** 5" in written
    assert "INFO plain text 100%" in written
    assert "INFO 100% plain" in written


def test_exceptions_of_a_log(canary, log):
    logger, stream = log
    try:
        try:
            raise Boom(SPOT_PRIVATE.login(canary, STAMP))
        except Boom as error:
            raise ValueError(f"with {CANARIES[1]}") from error
    except ValueError:
        logger.exception("failed")
        logger.error("again", exc_info=sys.exc_info(), stack_info=True)
    written = stream.getvalue()
    assert shows_no_secret(written)
    assert "Traceback" in written
    assert "Boom" in written
    assert "with ***" in written


def test_an_exception_with_secrets_is_kept_from_handlers_that_show_it_themselves(canary):
    error = Boom(CANARIES[1])
    record = logging.makeLogRecord({"msg": "failed", "exc_info": (Boom, error, None)})
    assert RedactingFilter().filter(record)
    assert record.exc_info is None
    assert record.exc_text == "tests.test_credentials.Boom: ***"


def test_an_exception_without_secrets_is_left_to_the_handler():
    record = logging.makeLogRecord({"msg": "failed", "exc_info": (Boom, Boom("x"), None)})
    assert RedactingFilter().filter(record)
    assert record.exc_info[0] is Boom
    assert record.exc_text is None


def test_arguments_without_secrets_are_left_to_the_handler():
    record = logging.makeLogRecord({"msg": "a %s", "args": ("b",)})
    RedactingFilter().filter(record)
    assert (record.msg, record.args) == ("a %s", ("b",))


def test_a_venue_without_memos_has_variables_of_its_own(tmp_path):
    names = {"BYBIT_API_KEY": "key-canary-1f0e", "BYBIT_API_SECRET": "secret-canary-2d9c"}
    found = bb.Credentials.from_env(names, venue="bybit")
    assert not found.has_memo
    key, sign = found.signed("GET/realtime1")
    expected = hmac.new(b"secret-canary-2d9c", b"GET/realtime1", hashlib.sha256).hexdigest()
    assert (key, sign) == ("key-canary-1f0e", expected)
    with pytest.raises(bb.UsageError, match="BYBIT_API_SECRET"):
        bb.Credentials.from_env({"BYBIT_API_KEY": "x"}, venue="bybit")
    path = tmp_path / "keys"
    path.write_text("".join(f"{name}={value}\n" for name, value in names.items()))
    path.chmod(0o600)
    assert bb.Credentials.from_file(path, venue="bybit").signed("a") == found.signed("a")
    with pytest.raises(bb.UsageError, match="holds no key, no secret, no memo"):
        bb.Credentials.from_file(path)


def test_without_a_memo_text_is_masked_as_ever():
    bare = bb.Credentials("key-canary-1f0e", "secret-canary-2d9c")
    assert bare is not None
    assert redact("a key-canary-1f0e b") == "a *** b"
    assert redact("nothing of it") == "nothing of it"
