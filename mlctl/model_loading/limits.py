"""Resource limits of the child process that opens a model."""

from dataclasses import dataclass

import psutil

_GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Limits of one child process.

    ``memory``: bytes of address space, and of one file that it writes. ``cpu``: seconds of CPU time. ``seconds``:
    how long it may take by the clock. ``output``: bytes of standard output and error together. ``processes``:
    threads and processes of its own.
    """

    memory: int = 4 * _GIB
    cpu: int = 900
    seconds: float = 900.0
    output: int = 4 * 2**20
    processes: int = 64


def for_file(size: int) -> Limits:
    """The limits to open a file of ``size`` bytes.

    A compressed forest grows by a factor of 5 to 10 when it is loaded, and writing it again takes as much once
    more; libraries of the model's own may take some GiB of address space before that. More than the machine has is
    never of use, but 4 GiB of address space are not yet 4 GiB of memory.
    """
    return Limits(memory=max(4 * _GIB, min(8 * _GIB + 20 * size, psutil.virtual_memory().total)))
