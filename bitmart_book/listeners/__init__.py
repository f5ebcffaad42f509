"""Who is told of what arrives: iterators, callbacks, the audience of a feed."""

__all__: list[str] = []
