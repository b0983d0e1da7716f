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
    outside: bool = False
    vmm: str = ""  # what runs it (tests/vmm/run), if not what its name says
    bind: str = ""  # a kernel that is bound to one backend at build time


@dataclass
class Row:
    name: str
    group: str
    title: str
    source: str
    each: int = 1  # how many of it one turn of the guest's loop does
    per: str = ""
    peer: str = ""
    program: str = ""  # that prints the figure: a path in the build folder, or a script's
    scope: str = "guest"  # of what a program prints


@dataclass
class Suite:
    machines: list
    rows: list
    references: list = field(default_factory=list)

    @property
    def everywhere(self):
        return [*self.machines, *self.references]

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
    for row in suite.rows:
        if row.source not in SOURCES:
            raise SuiteError(f"{name}: {row.name} is from {row.source}; there are: "
                             f"{', '.join(SOURCES)}")
        if row.scope not in SCOPES or bool(row.program) != (row.source == "program"):
            raise SuiteError(f"{name}: {row.name} is of {row.scope}, by {row.program or 'no program'}")
