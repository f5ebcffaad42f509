"""Rows of captures, as dictionaries: what tests of tables compare with."""

from bitmart_book.display.history import History


def rows(paths, schema, **options):
    """All rows of a capture, as dictionaries."""
    found = []
    for columns in History(paths, schema, **options).columns():
        listed = [column.listed() for column in columns]
        names = [column.name for column in columns]
        found += [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]
    return found
