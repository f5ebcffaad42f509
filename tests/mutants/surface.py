"""Bugs in what stands between the user and the rest: plain values, and the command line."""

from tests.mutants.mutant import Mutant

SURFACE = [
    Mutant(
        "number-of-a-line-is-a-bit",
        "On Python 3.13 the names of a change begin with `__firstlineno__`.",
        "model.py",
        'isinstance(bit, int) and not name.startswith("_")',
        "isinstance(bit, int)",
        "tests/test_model.py::test_what_python_adds_to_a_class_is_no_bit",
    ),
    Mutant(
        "no-command-is-a-success",
        "A script that forgot the command is told that all went well.",
        "cli/__init__.py",
        "ctx.exit(2)\n",
        "ctx.exit(0)\n",
        "tests/cli/test_cli.py::test_help_version_and_no_arguments",
    ),
]
