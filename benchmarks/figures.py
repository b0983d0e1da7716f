# SPDX-License-Identifier: MIT
"""A figure, and how it is kept: one JSON object a line.

`value` is the cost of one, in `unit`. `scope` says what is counted:

    all         instructions of the guest and of every hypervisor below it
    guest       instructions of the guest's kernel alone, executed one at a time
    hypercalls  calls that the guest makes
    entries     requests in them, but for page-table entries
    updates     page-table entries in them
    exits       times that the processor left the guest, counted by the host
    host_calls  calls of the VMM, counted by the host, but for those that only yield
    waits       how often CPUs found that they had to wait for each other, in one turn of all
    cycles      TSC cycles, whoever used them
    bytes       of machine code

`versions` are those of what a figure includes beside the guest: hypervisor, emulator, peer. Figures
are compared with each other only if these are equal.
"""

import json
from dataclasses import asdict, dataclass, field

FORMAT = 1
# Counted by the host or by a clock, whose own affairs are in them.
INEXACT_SCOPES = ("exits", "host_calls", "cycles")
SCOPES = ("all", "guest", "hypercalls", "entries", "updates", "exits", "host_calls", "waits",
          "cycles", "bytes")

# What the host counts is so many more in some runs: its own timer's.
MORE = {"exits": 2.0, "host_calls": 0.5}


class FiguresError(Exception):
    """A file of figures cannot be read; the message says where and why."""


@dataclass
class Figure:
    row: str
    machine: str
    scope: str
    value: float
    mode: str = "patched"
    backend: str = ""
    size: int = 0
    guest: str = "pvops"
    spread: float = 0.0  # cycles: how far apart the middle half of the runs lay, by the median
    versions: dict = field(default_factory=dict)

    @property
    def key(self):
        return (self.guest, self.row, self.size, self.machine, self.backend, self.mode, self.scope)

    @property
    def exact(self):
        """Whether two runs give the same. A Linux beside a Linux dom0 on Xen does not."""
        beside = self.guest == "linux" and self.machine.startswith("xen")
        return self.scope not in INEXACT_SCOPES and not beside

    def __post_init__(self):
        if self.scope not in SCOPES:
            raise ValueError(f"no scope {self.scope}")


def write(path, figures, about):
    """`about`: facts of the whole run, which are the first line."""
    lines = [json.dumps({"format": FORMAT, **about}, sort_keys=True)]
    lines += [json.dumps({**asdict(figure), "exact": figure.exact}, sort_keys=True)
              for figure in figures]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read(path):
    """(about, figures) of a file that write() made."""
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise FiguresError(f"{path}: {error}") from None
    except ValueError as error:
        raise FiguresError(f"{path}: not JSON lines: {error}") from None
    if not lines or not isinstance(lines[0], dict) or lines[0].get("format") != FORMAT:
        raise FiguresError(f"{path}: the first line does not say format {FORMAT}")
    figures = []
    for number, record in enumerate(lines[1:], 2):
        try:
            figures.append(Figure(**{name: value for name, value in record.items()
                                     if name != "exact"}))
        except (AttributeError, TypeError, ValueError) as error:
            raise FiguresError(f"{path}, line {number}: {error}") from None
    return lines[0], figures
