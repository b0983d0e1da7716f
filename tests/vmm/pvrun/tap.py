# SPDX-License-Identifier: MIT
"""Reads TAP version 13 from a guest's console.

A console also carries other lines (firmware, the kernel's own log); those are not TAP and are
passed over. What is TAP must be sound: version, one plan, numbers in order, as many checks as
planned. Format: testanything.org, TAP version 13.
"""

import re
from dataclasses import dataclass, field

_PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*(.*))?$")
_CHECK = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:-\s*)?([^#]*?)\s*(?:#\s*(.*))?$")


@dataclass
class Tap:
    """What was read so far; `problems()` tells what is wrong with the whole."""

    planned: int = None
    skip_all: str = ""
    passed: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    bail_out: str = None
    _versioned: bool = False
    _plan_closes: bool = False
    _disorder: list = field(default_factory=list)
    _in_yaml: bool = False

    @property
    def seen(self):
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def feed(self, line):
        """Takes one console line."""
        line = line.rstrip("\r\n")
        if self._in_yaml:
            self._in_yaml = line.strip() != "..."
            return
        if not self._versioned:
            self._versioned = line.strip() == "TAP version 13"
            return
        if line.strip() == "TAP version 13":
            self._disorder.append("a second version line: the guest started over")
        elif line.strip() == "---" and line.startswith(" "):
            self._in_yaml = True
        elif line.startswith("Bail out!"):
            self.bail_out = line[len("Bail out!"):].strip() or "no reason given"
        elif _PLAN.match(line):
            self._plan(_PLAN.match(line))
        elif _CHECK.match(line):
            self._check(_CHECK.match(line))

    def _plan(self, found):
        if self.planned is not None:
            self._disorder.append("a second plan")
            return
        self.planned = int(found.group(1))
        self._plan_closes = self.seen > 0
        note = found.group(2) or ""
        if self.planned == 0 and note.lower().startswith("skip"):
            self.skip_all = note[4:].strip() or "no reason given"

    def _check(self, found):
        bad, number, name, directive = found.groups()
        if self._plan_closes:
            self._disorder.append("a check after the closing plan")
        expected = self.seen + 1
        if number and int(number) != expected:
            self._disorder.append(f"check number {number} where {expected} was due")
        name = name or f"check {expected}"
        word = (directive or "").split(" ")[0].upper()
        if word.startswith("SKIP") and not bad:
            self.skipped.append((name, (directive or "")[len(word):].strip()))
        elif bad and word != "TODO":
            self.failed.append(name)
        else:
            self.passed.append(name)

    def problems(self):
        """Why this is not a good test run; empty if it is one."""
        if not self._versioned:
            return ["no TAP on the console"]
        found = list(self._disorder)
        if self.bail_out is not None:
            found.append(f"bailed out: {self.bail_out}")
        if self.failed:
            found.append(f"{len(self.failed)} not ok: " + "; ".join(self.failed[:5])
                         + ("; …" if len(self.failed) > 5 else ""))
        if self.planned is None:
            found.append(f"no plan (after {self.seen} checks)")
        elif self.seen != self.planned:
            found.append(f"{self.seen} checks where {self.planned} were planned")
        elif self.planned == 0 and not self.skip_all:
            found.append("an empty plan without a reason")
        return found
