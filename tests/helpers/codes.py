"""What each error code of the spot API reference means: (code, trouble, exception, whether it may
pass by itself)."""

import bitmart_book as bb
from bitmart_book.venues import ErrorKind

CODES = [
    ("90001", ErrorKind.REQUEST, bb.VenueError, False),
    ("90002", ErrorKind.REQUEST, bb.VenueError, False),
    ("90003", ErrorKind.REQUEST, bb.VenueError, False),
    ("90004", ErrorKind.TOPIC, bb.SubscriptionRejected, False),
    ("90005", ErrorKind.SIZE, bb.LimitExceeded, False),
    ("90006", ErrorKind.FULL, bb.LimitExceeded, True),
    ("90007", ErrorKind.LIMIT, bb.LimitExceeded, True),
    ("90009", ErrorKind.TOPIC, bb.SubscriptionRejected, False),
    ("91001", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91002", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91003", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91004", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91006", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91010", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91011", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91021", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("91022", ErrorKind.CLOCK, bb.ClockError, False),
    ("91023", ErrorKind.LOGIN, bb.AuthenticationError, False),
    ("92001", ErrorKind.TOPIC, bb.SubscriptionRejected, False),
    ("94001", ErrorKind.LIMIT, bb.LimitExceeded, True),
    ("94002", ErrorKind.LIMIT, bb.LimitExceeded, True),
    ("95000", ErrorKind.SERVER, bb.VenueError, True),
]
