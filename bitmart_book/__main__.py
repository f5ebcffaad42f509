"""`python -m bitmart_book` is `bitmart-book`."""

from bitmart_book.cli import main

main()
