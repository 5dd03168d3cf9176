"""The table: all rows, the short ones of `make test` and the long ones of `make conformance`."""

from itertools import chain

from tests.conformance.table.closing import closing
from tests.conformance.table.compression import compressed_contents, negotiated_parameters
from tests.conformance.table.fragmentation import fragmentation
from tests.conformance.table.framing import framing, pings
from tests.conformance.table.headers import masks_and_lengths, opcodes, reserved_bits
from tests.conformance.table.sizes import autofragmentation, sizes
from tests.conformance.table.utf8 import handling
from tests.conformance.table.utf8_sequences import sequences

SHORT_ROWS = (
    *chain(framing(), pings(), reserved_bits(), opcodes(), fragmentation(), handling(), sequences(), closing()),
    *masks_and_lengths(),
)
LONG_ROWS = (*sizes(), *autofragmentation(), *compressed_contents(), *negotiated_parameters())
