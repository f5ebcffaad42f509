"""The table of how old a price may be: what must hold of it, and that the page prints just it."""

import math
from pathlib import Path

import pytest

from bitmart_book.client import bounds
from bitmart_book.venues import BITMART, FUTURES, LEGACY, SPOT, find_venue

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"
CHANNELS = [(profile, channel) for profile in BITMART.profiles for channel in profile.books]
NAMES = [channel.name for _, channel in CHANNELS]
every_channel = pytest.mark.parametrize(("profile", "channel"), CHANNELS, ids=NAMES)


def channel_of(profile, name):
    return next(channel for channel in profile.books if channel.name == name)


@every_channel
def test_ten_seconds_are_the_bound_but_for_what_nobody_can_see(profile, channel):
    for fault in bounds.FAULTS:
        bound = bounds.bound(profile, channel, [fault])
        if bound > 10.0:
            assert fault in ("stuck", "mute", "one_side", "last", "late_inside")
    assert bounds.bound(profile, channel) == 10.0


@every_channel
def test_a_symbol_that_stopped_is_asked_within_thirty_seconds(profile, channel):
    assert bounds.bound(profile, channel, ["mute", "one_side"]) <= 30.0
    assert bounds.bound(profile, channel, ["stuck"]) <= 65.0


def test_several_faults_at_once_have_the_largest_of_their_bounds():
    spot = channel_of(SPOT, "spot/depth/increase100")
    assert bounds.bound(SPOT, spot, {"late", "stuck"}) == bounds.bound(SPOT, spot, {"stuck"})
    assert bounds.bound(SPOT, spot, {"late"}) == bounds.bound(SPOT, spot)


def test_a_fault_that_the_table_does_not_know_is_no_calm():
    with pytest.raises(KeyError):
        bounds.bound(SPOT, SPOT.books[0], ["sleep"])


def test_nothing_is_promised_where_no_stamp_could_show_a_queue():
    picture = channel_of(LEGACY, "legacy/depth")
    assert bounds.kind(picture) == "unstamped"
    assert math.isinf(bounds.bound(LEGACY, picture, ["late_inside"]))
    assert bounds.bound(LEGACY, picture, ["late"]) == 10.0


@every_channel
def test_the_age_that_a_guard_allows_is_below_the_bound_and_above_what_a_healthy_book_has(
    profile, channel
):
    age = bounds.guard_age(profile, channel)
    if channel.kind == "sequenced":
        assert age == 8.0
    else:
        assert age == profile.pictures.renew_after + 2.0
    assert age < bounds.bound(profile, channel, ["mute"])


def test_each_kind_of_channel_has_its_row():
    kinds = {channel.name: bounds.kind(channel) for _, channel in CHANNELS}
    assert kinds["spot/depth20"] == kinds["futures/depthAll20"] == "pictures"
    assert kinds["futures/depth20"] == "sides"
    assert kinds["spot/depth/increase100"] == kinds["futures/depthIncrease5"] == "sequenced"


@pytest.mark.parametrize("rows", [bounds.kinds, bounds.table])
def test_the_page_prints_what_the_code_says(rows):
    _is_printed(rows((SPOT, FUTURES, LEGACY)))
    _is_printed(rows(find_venue(("kraken", "okx", "bybit", "bitget")).profiles))


def _is_printed(rows):
    heads, *others = rows
    lines = [f"| {' | '.join(row)} |" for row in (heads, *others)]
    lines.insert(1, "|" + "---|" * len(heads))
    assert "\n".join(lines) in PAGE.read_text()
