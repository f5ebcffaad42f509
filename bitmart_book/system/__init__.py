"""What operating systems do not share, and what belongs to one process.

Everything else is written as if there were one system. What a system lacks is looked for when it is
needed, by its name, and left out where it is not there: nothing here asks which system it is.
"""

__all__: list[str] = []
