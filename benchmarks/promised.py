#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the project promises in numbers (promises.toml), checked, and held against figures.

    promised.py --header promises.toml      the limits as macros, for tests in C
"""

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).resolve().parent / "promises.toml"
HOST = "host"
QUICK_SECONDS, SECONDS = "bench_quick_seconds", "bench_seconds"
HOWS = ("", "over", "times", "percent", "spread", "slower", "seconds")
REFERENCE = {"row", "rows", "but", "machine", "mode", "scope", "size", "sizes"}


class PromiseError(Exception):
    """The list contradicts itself; the message says where."""


@dataclass
class Promise:
    name: str
    says: str
    most: float
    unit: str
    of: dict = field(default_factory=dict)
    how: str = ""
    against: dict = field(default_factory=dict)
    by: str = ""
    noisy: bool = False


@dataclass
class Finding:
    """A promise and what was measured; None: this run has not measured it."""

    promise: Promise
    value: float = None
    where: str = ""  # of several, which one the value is of

    @property
    def kept(self):
        return None if self.value is None else self.value <= self.promise.most

    @property
    def due(self):
        """Whether a whole run measures it: not what other commands, or only a quick run, take."""
        return not self.promise.by and self.promise.name != QUICK_SECONDS

    @property
    def word(self):
        if self.kept is None:
            return f"no whole run yet: {self.promise.by}" if self.promise.by else \
                "not measured in this run"
        return "met" if self.kept else "NOT MET"

    def record(self):
        return {"name": self.promise.name, "says": self.promise.says, "limit": self.promise.most,
                "unit": self.promise.unit, "measured": self.value, "met": self.kept,
                "of": self.where, "noisy": self.promise.noisy}


def load(file=FILE):
    """Raises PromiseError."""
    try:
        entries = tomllib.loads(file.read_text()).get("promise", [])
        promises = [Promise(**entry) for entry in entries]
    except (OSError, TypeError, tomllib.TOMLDecodeError) as error:
        raise PromiseError(f"{file.name}: {error}") from None
    names = [promise.name for promise in promises]
    for promise in promises:
        _check(promise, f"{file.name}: {promise.name}")
        if names.count(promise.name) > 1:
            raise PromiseError(f"{file.name}: {promise.name} is promised twice")
    return promises


def _check(promise, where):
    if promise.how not in HOWS:
        raise PromiseError(f"{where}: no such measure: {promise.how}")
    unknown = {*promise.of, *promise.against} - REFERENCE
    if unknown:
        raise PromiseError(f"{where}: what is {', '.join(sorted(unknown))}?")
    whole = bool(promise.by) or promise.how in ("slower", "seconds")
    if whole == bool(promise.of):
        raise PromiseError(f"{where}: it is to be of a figure" if not whole else
                           f"{where}: it is of no figure")
    if bool(promise.against) != (promise.how in ("over", "times", "percent")):
        raise PromiseError(f"{where}: what is it against?")


def limit(name, file=FILE):
    """Of one promise, for tests. A whole number if it is one."""
    for promise in load(file):
        if promise.name == name:
            return int(promise.most) if promise.most == int(promise.most) else promise.most
    raise PromiseError(f"{file.name}: nothing is promised by the name {name}")


def check_against(promises, suite):
    """Every row and machine that promises name is one of the suite's. Raises PromiseError."""
    rows = {row.name for row in suite.rows} | {row.source for row in suite.rows}
    machines = {machine.name for machine in suite.everywhere} | {HOST}
    for promise in promises:
        for reference in (promise.of, promise.against):
            named = _rows_named(reference)
            if set(named) - rows:
                raise PromiseError(f"{promise.name}: no row {', '.join(set(named) - rows)}")
            if reference.get("machine", HOST) not in machines:
                raise PromiseError(f"{promise.name}: no machine {reference['machine']}")


def _rows_named(reference):
    rows = reference.get("rows", [reference["row"]] if "row" in reference else [])
    return [rows] if isinstance(rows, str) else rows


class Judge:
    """Holds promises against the figures of a run."""

    def __init__(self, suite, figures, quick=False, seconds=None, peers=(), elsewhere=None):
        """`peers`: pairs of this library's figure and Linux's, of the same work. `seconds`: how
        long the whole run took; None: it was no whole run. `elsewhere`: command -> what its last
        whole run measured, or None."""
        self._suite = suite
        self._seconds = {QUICK_SECONDS if quick else SECONDS: seconds}
        self._peers = list(peers)
        self._elsewhere = elsewhere or (lambda command: None)
        self._by = {}
        for figure in figures:
            # The first backend of a machine is its own; the others are there to compare.
            if figure.guest == "pvops":
                self._by.setdefault((figure.row, figure.machine, figure.mode, figure.scope,
                                     figure.size), figure.value)

    def findings(self, promises):
        return [self._finding(promise) for promise in promises]

    def _finding(self, promise):
        if promise.how == "slower":
            slower = sum(ours > theirs for ours, theirs in self._peers)
            return Finding(promise, slower if self._peers else None,
                           f"{len(self._peers)} compared" if self._peers else "")
        if promise.how == "seconds":
            return Finding(promise, self._seconds.get(promise.name))
        if promise.by:
            return Finding(promise, self._elsewhere(promise.by))
        return self._of_figures(promise)

    def _of_figures(self, promise):
        values = {}
        for key, label in self._keys(promise.of):
            value = self._measure(promise, key)
            if value is None:
                return Finding(promise)
            values[label] = value
        if not values:
            return Finding(promise)
        if promise.how == "spread":
            return Finding(promise, 100 * (max(values.values()) / min(values.values()) - 1))
        where = max(values, key=values.get)
        return Finding(promise, values[where], where if len(values) > 1 else "")

    def _keys(self, of):
        rows = _rows_named(of)
        if isinstance(of.get("rows"), str):
            rows = [row.name for row in self._suite.rows
                    if row.source == of["rows"] and row.name not in of.get("but", [])]
        for row in rows:
            for size in of.get("sizes", [of.get("size", 0)]):
                label = f"{size:,}" if "sizes" in of else row
                yield {**of, "row": row, "size": size}, label

    def _measure(self, promise, of):
        value = self._value(of)
        if not promise.against or value is None:
            return value
        other = self._value({**of, **promise.against})
        if other is None or (other == 0 and promise.how != "over"):
            return None
        return {"over": value - other, "times": value / (other or 1),
                "percent": 100 * (value / (other or 1) - 1)}[promise.how]

    def _value(self, of):
        machine = of["machine"]
        mode = of.get("mode", "-" if machine == HOST else "patched")
        return self._by.get((of["row"], machine, mode, of.get("scope", "guest"), of["size"]))


def header(promises):
    """Limits that are no whole numbers are in hundredths."""
    out = ["/* Made of benchmarks/promises.toml. */"]
    for promise in promises:
        name, most = f"PROMISED_{promise.name.upper()}", promise.most
        if most != int(most):
            name, most = name + "_PERCENT", round(100 * most)
        out.append(f"#define {name} {int(most)}u")
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) != 3 or sys.argv[1] != "--header":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(header(load(Path(sys.argv[2]))), end="")
    except PromiseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
