"""What users can name: `tests/surface.json` has it as it was last released.

`python -m tests.helpers.surface --write` writes it anew, which a release does and nobody else.
"""

import inspect
import json
import sys
from pathlib import Path

import click

import bitmart_book as bb
from bitmart_book.cli import commands

# Members that the rooms of the package need of each other, and no user.
SHARED = {"check_process", "hub", "is_foreign"}
FILE = Path(__file__).parents[1] / "surface.json"


def parameters(function):
    """The names of what a function takes, in order; a star before those that have no place."""
    found = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            found.append("*" * (1 + (one.kind is one.VAR_KEYWORD)) + one.name)
        elif one.name != "self":
            found.append(one.name)
    return found


def described(thing):
    """The members of a class, the parameters of a function; of anything else that it is there."""
    if inspect.isclass(thing):
        # What comes with `str` or with an exception is Python's to promise.
        names = {
            n for k in thing.__mro__ if k.__module__.startswith("bitmart_book") for n in vars(k)
        }
        names |= set(getattr(thing, "__struct_fields__", ()))
        names = sorted(name for name in names - SHARED if name[0] != "_")
        return {name: member(thing, name) for name in names}
    return parameters(thing) if callable(thing) else None


def member(kind, name):
    value = inspect.getattr_static(kind, name)
    if isinstance(value, (int, str)):
        return value
    value = getattr(value, "__func__", value)
    try:
        return parameters(value) if callable(value) else None
    except ValueError:  # of C, and without a signature
        return None


def public(module):
    names = getattr(module, "__all__", ())
    return {
        name: described(getattr(module, name))
        for name in names
        if not inspect.ismodule(getattr(module, name))
    }


def lines():
    """The command lines: what each command takes."""
    return {
        name: sorted(
            word
            for parameter in command.params
            for word in (
                parameter.opts if isinstance(parameter, click.Option) else [parameter.name.upper()]
            )
        )
        for name, command in sorted(commands.commands.items())
    }


def surface():
    return {
        "version": bb.__version__,
        "bitmart_book": public(bb),
        "bitmart_book.sync": public(bb.sync),
        "commands": lines(),
    }


def main():
    if sys.argv[1:] != ["--write"]:
        sys.exit("python -m tests.helpers.surface --write")
    FILE.write_text(json.dumps(surface(), indent=1) + "\n")


if __name__ == "__main__":
    main()
