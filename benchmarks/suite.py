# SPDX-License-Identifier: MIT
"""The list of what is measured (suite.toml), checked."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from figures import SCOPES

FILE = Path(__file__).resolve().parent / "suite.toml"
SOURCES = ("op", "workload", "path", "patch", "host", "linux")


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


@dataclass
class Promise:
    machine: str
    scope: str
    most: float
    mode: str = "patched"
    size: int = 0

    def kept_by(self, figure):
        return figure.value <= self.most


@dataclass
class Row:
    name: str
    group: str
    title: str
    source: str
    each: int = 1  # how many of it one turn of the guest's loop does
    per: str = ""
    peer: str = ""
    promises: list = field(default_factory=list)


@dataclass
class Suite:
    machines: list
    rows: list

    def row(self, name):
        return next((row for row in self.rows if row.name == name), None)

    def groups(self):
        return list(dict.fromkeys(row.group for row in self.rows))


def load(file=FILE):
    try:
        table = tomllib.loads(file.read_text())
        machines = [Machine(**entry) for entry in table.get("machine", [])]
        rows = [_row(entry) for entry in table.get("row", [])]
    except (OSError, TypeError, KeyError, tomllib.TOMLDecodeError) as error:
        raise SuiteError(f"{file.name}: {error}") from None
    suite = Suite(machines, rows)
    _check(suite, file.name)
    return suite


def _row(entry):
    entry = dict(entry)
    promises = [Promise(**words) for words in entry.pop("promise", [])]
    return Row(source=entry.pop("from"), promises=promises, **entry)


def _check(suite, name):
    for kind, names in (("machine", [m.name for m in suite.machines]),
                        ("row", [r.name for r in suite.rows])):
        twice = sorted({text for text in names if names.count(text) > 1})
        if twice or not names:
            raise SuiteError(f"{name}: {kind}s named twice: {', '.join(twice)}" if twice
                             else f"{name}: there is no {kind}")
    known = {machine.name for machine in suite.machines}
    for row in suite.rows:
        if row.source not in SOURCES:
            raise SuiteError(f"{name}: {row.name} is from {row.source}; there are: "
                             f"{', '.join(SOURCES)}")
        for promise in row.promises:
            if promise.machine not in known or promise.scope not in SCOPES:
                raise SuiteError(f"{name}: {row.name} promises something of {promise.machine}, "
                                 f"{promise.scope}")
