"""Examples of docstrings, run as a reader would type them, with `await` too.

`bb` is the package, and `book` and `feed` are what the examples around a docstring have made.
"""

import ast
import asyncio
import doctest
import inspect
import io
from contextlib import nullcontext, redirect_stdout

_PARSER = doctest.DocTestParser()
_CHECKER = doctest.OutputChecker()
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(thing):
    """Those of the docstring of a thing itself, and not of what it is derived from."""
    return _PARSER.get_examples(thing.__doc__ or "")


def _run(source, names, runner):
    code = compile(source, "an example", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(_awaited(code, names))
    else:
        exec(code, names)


async def _awaited(code, names):
    await eval(code, names)


def shown(source, names, runner):
    """What a piece of an example prints; of an exception its last line, as doctest has it."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            _run(source, names, runner)
        except Exception as error:
            return f"Traceback (most recent call last):\n{_last_line(error)}\n"
    return out.getvalue()


def _last_line(error):
    return f"{type(error).__module__}.{type(error).__qualname__}: {error}"


def problems(thing, names, runner=None):
    """What an example shows and does not promise, or the reverse."""
    names = dict(names)
    with asyncio.Runner() if runner is None else nullcontext(runner) as running:
        for one in examples(thing):
            if one.options.get(doctest.SKIP):
                continue
            found = shown(one.source, names, running)
            wanted = one.want
            if one.exc_msg is not None:
                wanted = f"Traceback (most recent call last):\n{one.exc_msg}"
            if not _CHECKER.check_output(wanted, found, _OPTIONS):
                yield f"{one.source}shows {found!r} and not {wanted!r}"
