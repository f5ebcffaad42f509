"""Where Textual is not installed, which `make test` does, the screen with keys is not tested."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("textual") else ["test_app.py"]
