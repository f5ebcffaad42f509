"""What the venue says of topics that were just subscribed, and the exception that it amounts to.

Nobody waits here: whoever waits looks again whenever something has happened.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from bitmart_book.client.session import Answer
from bitmart_book.client.wanted import Wanted
from bitmart_book.errors import (
    AuthenticationError,
    BitmartBookError,
    NotConnected,
    SubscriptionRejected,
    VenueError,
)
from bitmart_book.venues.profile import Topic

__all__ = ["Answers", "verdict"]

WITHOUT_A_VENUE = (
    'source="sim" runs the same against an exchange in this process, '
    'source="frames.jsonl.gz" reads a capture, and venue= names another venue'
)


class Answers:
    """The answers that one call waits for. `known` are symbols that exist, as far as is known."""

    def __init__(self, wanted: Wanted, topics: Iterable[str], known: Container[str] = ()) -> None:
        self._wanted = wanted
        self._known = known
        self._topics = tuple(topics)
        self._missing = dict.fromkeys(self._topics)

    def complete(self) -> bool:
        """Look again; whether every topic is LIVE, acknowledged or refused."""
        for topic in tuple(self._missing):
            if self._wanted.answered(topic) or self._wanted.refusal(topic) is not None:
                del self._missing[topic]
        return not self._missing

    def check(self, seconds: float, failures: Iterable[str]) -> None:
        """Raises what went wrong: a refusal, or no answer after so many seconds.

        failures: why connections could not be opened, if any could not.
        """
        # An answer may have come in the same turn of the loop as the end of the time.
        self.complete()
        # All of them are asked once more: a venue may refuse what it acknowledged before.
        answers = {topic: self._wanted.refusal(topic) for topic in self._topics}
        refused = {topic: answer for topic, answer in answers.items() if answer is not None}
        missing = tuple(topic for topic in self._missing if topic not in refused)
        if refused:
            error = verdict(refused, missing, seconds)
        elif missing:
            error = self._silence(missing, seconds, failures)
        else:
            return
        raise _hinted(error, (*refused, *missing), self._known)

    def _silence(
        self, missing: tuple[str, ...], seconds: float, failures: Iterable[str]
    ) -> BitmartBookError:
        """The exception where no answer came. What the venue said instead is better than that."""
        for topic in missing:
            problem = self._wanted.problem(topic)
            if problem is not None:
                return problem
        reasons = "; ".join(dict.fromkeys(failures))
        if reasons:
            return NotConnected(f"no connection: {reasons}. {WITHOUT_A_VENUE}")
        return SubscriptionRejected(missing, None, f"no answer within {seconds:g} s")


def verdict(
    refused: Mapping[str, Answer], missing: tuple[str, ...] = (), seconds: float = 0.0
) -> BitmartBookError:
    """One exception for topics that were refused together, and those that no answer came to."""
    first = next(iter(refused.values()))
    if isinstance(first.error, AuthenticationError):
        return first.error
    topics, message = (*refused, *missing), first.message
    if missing:
        message += f"; and no answer to {', '.join(missing)} within {seconds:g} s"
    kinds = {type(answer.error) for answer in refused.values()}
    if len(kinds) == 1 and isinstance(first.error, VenueError):
        return type(first.error)(first.code, message, topics)
    return SubscriptionRejected(topics, first.code, message)


def _hinted(
    error: BitmartBookError, topics: Iterable[str], known: Container[str]
) -> BitmartBookError:
    """Most symbols stand in capitals at the venue: who writes small letters is told so. Named is
    only what exists: another token may have a name that looks like it."""
    symbols = {Topic.parse(topic).symbol for topic in topics}
    small = sorted(symbol for symbol in symbols if symbol.islower())
    if not small or not isinstance(error, (SubscriptionRejected, VenueError)):
        return error
    there = [symbol.upper() for symbol in small if symbol.upper() in known]
    hint = f"did you mean {', '.join(there)}?" if there else "most symbols stand in capitals"
    error.args = (f"{error.args[0]}; {hint}",)
    return error
