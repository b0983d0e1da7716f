# SPDX-License-Identifier: MIT
"""The list of what is measured (suite.toml), checked."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from figures import SCOPES

FILE = Path(__file__).resolve().parent / "suite.toml"
SOURCES = ("op", "workload", "path", "patch", "host", "program", "linux")


class SuiteError(Exception):
    """The list contradicts itself; the message says where."""


@dataclass
class Machine:
    name: str
    title: str
    full: str
    quick: str = ""
    cpus: int = 1
    outside: bool = False  # the host tells the kernel of exits
    raw: bool = True  # hand-written instructions of ring 0 can be executed
    backends: list = field(default_factory=list)  # its own, then the other one
    vmm: str = ""  # what runs it (tests/vmm/run), if not what its name says
    bind: str = ""  # a kernel that is bound to one backend at build time


@dataclass
class Row:
    """A benchmark. What is due of it where: due.py."""

    name: str
    group: str
    title: str
    source: str
    each: int = 1  # how many of it one turn of the guest's loop does
    sizes: list = field(default_factory=lambda: [0])
    only: list = field(default_factory=list)  # "MACHINE by BACKEND"; empty: wherever it is asked for
    processors: bool = False  # what is of more than one CPU needs a processor for each
    stepped: bool = None  # None: ops are, all else is not
    exits: bool = None  # None: paths are asked for theirs, all else is not
    per: str = ""
    peer: str = ""
    program: str = ""  # that prints the figure: a path in the build folder, or a script's
    scope: str = "guest"  # of what a program prints

    def __post_init__(self):
        if self.stepped is None:
            self.stepped = self.source == "op"
        if self.exits is None:
            self.exits = self.source == "path" and self.name != "boot"


@dataclass
class Suite:
    machines: list
    rows: list
    references: list = field(default_factory=list)

    @property
    def everywhere(self):
        return [*self.machines, *self.references]

    def machine(self, name):
        return next((machine for machine in self.everywhere if machine.name == name), None)

    def row(self, name):
        return next((row for row in self.rows if row.name == name), None)

    def groups(self):
        return list(dict.fromkeys(row.group for row in self.rows))


def load(file=FILE):
    try:
        table = tomllib.loads(file.read_text())
        machines = [Machine(**entry) for entry in table.get("machine", [])]
        references = [Machine(**entry) for entry in table.get("reference", [])]
        rows = [Row(source=entry.pop("from"), **entry) for entry in table.get("row", [])]
    except (OSError, TypeError, KeyError, tomllib.TOMLDecodeError) as error:
        raise SuiteError(f"{file.name}: {error}") from None
    suite = Suite(machines, rows, references)
    _check(suite, file.name)
    return suite


def _check(suite, name):
    for kind, names in (("machine", [m.name for m in suite.everywhere]),
                        ("row", [r.name for r in suite.rows])):
        twice = sorted({text for text in names if names.count(text) > 1})
        if twice or not names:
            raise SuiteError(f"{name}: {kind}s named twice: {', '.join(twice)}" if twice
                             else f"{name}: there is no {kind}")
    for machine in suite.everywhere:
        if not machine.backends:
            raise SuiteError(f"{name}: by which backend is {machine.name}?")
    places = {f"{m.name} by {backend}" for m in suite.machines for backend in m.backends}
    for row in suite.rows:
        if set(row.only) - places:
            raise SuiteError(f"{name}: {row.name} is of no such place: "
                             + ", ".join(sorted(set(row.only) - places)))
        if bool(row.per) != (row.sizes != [0]):
            raise SuiteError(f"{name}: {row.name} has sizes of nothing, or none of {row.per}")
        if row.source not in SOURCES:
            raise SuiteError(f"{name}: {row.name} is from {row.source}; there are: "
                             f"{', '.join(SOURCES)}")
        if row.scope not in SCOPES or bool(row.program) != (row.source == "program"):
            raise SuiteError(f"{name}: {row.name} is of {row.scope}, by {row.program or 'no program'}")
