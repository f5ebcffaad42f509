"""A second world for the client, written from the protocol page alone.

`market` keeps the truth, `venue` tells it as BitMart does, `lies` spoil what is told, and `judge`
compares what a client shows with what was true. Nothing here knows how the client works.
"""
