"""The measurements behind the numbers of docs/performance.md, here and now: `bitmart-book bench`.

Every contender does the same work on the same input, each with the best of its public API; the
books they end with are compared before a time is printed; passes are in turn (A B A B ...) after
one to warm up, and the least and the median are told. State checks of the engine are on, as they
always are. Where the harness had to choose, it chose in favour of the others.

Benchmarks deceive easily. The frames are made up (`frames` argues why they are like real ones),
one machine is not another, and a loop over memory that is warm is kinder than a trading day.

Only public names of the package are used. Nothing here prints.
"""

__all__ = ()
