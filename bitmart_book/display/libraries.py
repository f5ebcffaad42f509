"""Libraries that not everybody has: loaded when they are asked for, or named with what installs
them."""

from __future__ import annotations

import importlib
from typing import Any

from bitmart_book.errors import UsageError

__all__ = ["library"]

_INSTALLED_BY = {
    "matplotlib": "pip install 'bitmart_book[plot]'",
    "prometheus_client": "pip install 'bitmart_book[metrics]'",
    "pyarrow": "pip install 'bitmart_book[parquet]'",
    "textual": "pip install 'bitmart_book[watch]'",
}


def library(name: str, wanted_by: str) -> Any:
    """A library that not everybody has. UsageError with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        whole = name.partition(".")[0]
        command = _INSTALLED_BY.get(whole, f"pip install {whole}")
        raise UsageError(f"{wanted_by} needs {whole}: {command}") from None
