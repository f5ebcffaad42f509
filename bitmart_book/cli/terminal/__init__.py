"""What `bitmart-book watch` draws on a terminal: with keys where Textual is there, else without.

Drawing is plain segments of rich, of books as they were at one instant. Only `app` knows Textual,
and nothing here knows where the books come from.
"""
