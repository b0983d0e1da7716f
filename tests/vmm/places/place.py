# SPDX-License-Identifier: MIT
"""A place, and the kernel files that are put there."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pvrun import Job, disc, run_jobs

EXAMPLES = {"guest": "guest-kernel/guest-kernel", "minimal": "minimal/minimal"}


class PlaceError(Exception):
    """A place cannot be prepared; the message says why."""


@dataclass
class Place:
    """`says`: regular expressions, for each of which some line of the console is one in full.
    `counts`: how many lines begin with each of these words. `each_check`: the checks of its TAP
    count one by one, beside the place itself. `may_skip`: the only ones of them that may be skipped;
    None: any."""

    name: str
    job: Job
    says: list = field(default_factory=list)
    counts: dict = field(default_factory=dict)
    each_check: bool = False
    may_skip: list = None

    def skips(self, _):
        """Reasons why the place says nothing, though it was visited; it counts as skipped then."""
        return []

    def problems(self, result):
        """What is wrong, one text each, but for checks that count by themselves."""
        excused = result.ok or (self.each_check and result.tap.failed)
        found = [] if excused else [result.reason]
        if not result.unavailable:
            found += [f"no line is '{line}'" for line in self.says
                      if not any(re.fullmatch(line, said) for said in result.lines)]
            for words, count in self.counts.items():
                seen = sum(said.startswith(words) for said in result.lines)
                if seen != count:
                    found.append(f"{seen} lines begin with '{words}' where {count} are due")
            found += [f"'{name}' is skipped: {why}" for name, why in result.tap.skipped
                      if self.may_skip is not None and name not in self.may_skip]
        return [f"{problem} (log: {result.log})" for problem in found]


@dataclass
class Kernels:
    """The kernel files of a build folder. What is made of them goes to a folder in it, which runs that
    go on at a time do not share."""

    build: Path
    folder: str = "places"

    @property
    def made(self):
        return Path(self.build) / self.folder

    def elf(self, name):
        return self._file(f"{EXAMPLES[name]}.elf")

    def mb1(self, name):
        return self._file(f"{EXAMPLES[name]}.mb1")

    def disc(self, name, words):
        """A disc that boots the kernel by multiboot2 with this command line."""
        lacking = disc.missing()
        if lacking:
            raise PlaceError(f"a disc needs {', '.join(lacking)} (tools/deps check)")
        return disc.make(self.made / f"{slug(f'{name} {words}')}.iso", self.elf(name), words, __file__)

    def by_door(self, door, name, words):
        """(file, whether it is a disc) for a boot by this door."""
        if door == "multiboot2":
            return self.disc(name, words), True
        return (self.mb1 if door == "multiboot1" else self.elf)(name), False

    def _file(self, name):
        path = Path(self.build) / "examples" / name
        if not path.exists():
            raise PlaceError(f"there is no {path}: the build makes it")
        return path


def slug(text):
    """A name for files out of a sentence."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")


def visit(places, **listeners):
    """Pairs of a place and its result, in the order of `places`. Listeners are run_jobs()'s."""
    return list(zip(places, run_jobs([place.job for place in places], **listeners)))
