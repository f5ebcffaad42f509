"""Sockets and files: what carries frames into the engine."""

__all__: list[str] = []
