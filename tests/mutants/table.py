"""Every seeded bug. A mutant's number is its place here, counted from 1."""

from tests.mutants.answers import ANSWERS
from tests.mutants.audit import TRUST
from tests.mutants.book import BOOK
from tests.mutants.bybit import OWN_ELSEWHERE
from tests.mutants.captures import CAPTURES
from tests.mutants.certainty import CERTAINTY
from tests.mutants.client import ABOVE
from tests.mutants.door import DOOR
from tests.mutants.elsewhere import ELSEWHERE
from tests.mutants.engine import ENGINE
from tests.mutants.faces import FACES
from tests.mutants.fast import FAST
from tests.mutants.lag import LAG
from tests.mutants.latency import LATENCY
from tests.mutants.lens import LENSES
from tests.mutants.listeners import SHELL
from tests.mutants.notebook import NOTEBOOK
from tests.mutants.numbers import LADDERS, NUMBERS, ROWS
from tests.mutants.own import OWN
from tests.mutants.private import PRIVATE
from tests.mutants.reads import READS
from tests.mutants.scanner import SCANNER
from tests.mutants.session import LINE
from tests.mutants.share import SHARE
from tests.mutants.sockets import SOCKETS
from tests.mutants.surface import SURFACE
from tests.mutants.tables import TABLES
from tests.mutants.terminal import TERMINAL
from tests.mutants.venues import VENUES
from tests.mutants.versions import VERSIONS
from tests.mutants.watch import WATCH
from tests.mutants.words import WORDS

MUTANTS = (
    *(NUMBERS + LADDERS + ROWS + SCANNER),
    *(
        BOOK
        + VERSIONS
        + VENUES
        + CERTAINTY
        + READS
        + TRUST
        + ENGINE
        + WATCH
        + LINE
        + LAG
        + ABOVE
        + ANSWERS
        + ELSEWHERE
        + PRIVATE
        + OWN
        + OWN_ELSEWHERE
        + SHELL
        + SOCKETS
        + CAPTURES
        + WORDS
        + FACES
    ),
    *SURFACE,
    *LENSES,
    *TABLES,
    *NOTEBOOK,
    *LATENCY,
    *DOOR,
    *FAST,
    *SHARE,
    *TERMINAL,
)
