"""What each error code of the spot API reference means: (code, trouble, exception, whether it may
pass by itself)."""

import bitmart_book as bb
from bitmart_book.venues import Trouble

CODES = [
    ("90001", Trouble.REQUEST, bb.VenueError, False),
    ("90002", Trouble.REQUEST, bb.VenueError, False),
    ("90003", Trouble.REQUEST, bb.VenueError, False),
    ("90004", Trouble.TOPIC, bb.SubscriptionRejected, False),
    ("90005", Trouble.SIZE, bb.LimitExceeded, False),
    ("90006", Trouble.LIMIT, bb.LimitExceeded, True),
    ("90007", Trouble.LIMIT, bb.LimitExceeded, True),
    ("90009", Trouble.TOPIC, bb.SubscriptionRejected, False),
    ("91001", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91002", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91003", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91004", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91006", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91010", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91011", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91021", Trouble.LOGIN, bb.AuthenticationError, False),
    ("91022", Trouble.CLOCK, bb.ClockError, False),
    ("91023", Trouble.LOGIN, bb.AuthenticationError, False),
    ("92001", Trouble.TOPIC, bb.SubscriptionRejected, False),
    ("94001", Trouble.LIMIT, bb.LimitExceeded, True),
    ("94002", Trouble.LIMIT, bb.LimitExceeded, True),
    ("95000", Trouble.SERVER, bb.VenueError, True),
]
