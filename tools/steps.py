# SPDX-License-Identifier: MIT
"""Commands with a log and a time limit, and what a step of ./check or ./demo came to."""

import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests/vmm"))

from pvrun.process import Child, Flood, TimeOut  # noqa: E402

_print_lock = threading.Lock()


def say(text):
    """One progress line; steps may run side by side."""
    with _print_lock:
        print(text, flush=True)


@dataclass
class Tally:
    """Counts of cases, with a line for each that did not pass. `again`: what can be tried once more,
    as its caller understands it; `unstable`: lines of what passed only then. `ran` and `left_out`: names
    of checks that were run somewhere, and that were skipped somewhere, with a reason. `unreached`:
    places that cannot be had here."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)
    again: list = field(default_factory=list)
    unstable: list = field(default_factory=list)
    ran: set = field(default_factory=set)
    left_out: dict = field(default_factory=dict)
    unreached: int = 0

    def fail(self, text):
        self.failed += 1
        self.failures.append(text)

    def skip(self, text):
        self.skipped += 1
        self.skips.append(text)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips
        self.again += other.again
        self.unstable += other.unstable
        self.ran |= other.ran
        self.left_out |= other.left_out
        self.unreached += other.unreached

    def replace(self, old, new):
        """One of those that were added, by another one."""
        for name in ("passed", "failed", "skipped"):
            setattr(self, name, getattr(self, name) - getattr(old, name))
        for text in old.failures:
            self.failures.remove(text)
        for text in old.skips:
            self.skips.remove(text)
        self.add(new)


def missing_tools(tools):
    return [tool for tool in tools if not shutil.which(tool)]


# Statuses of a command that was ended.
TOO_LONG = None
TOO_MUCH = "wrote more than any sane command does"


class Log:
    """A step's log file. Commands run through it leave their output there."""

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "w")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, line):
        self._file.write(line + "\n")
        self._file.flush()

    def run(self, argv, seconds, environment=None, directory=PROJECT):
        """(exit status, lines). The status is TOO_LONG or TOO_MUCH if the command was ended for that."""
        argv = [str(word) for word in argv]
        self.write("$ " + " ".join(argv))
        lines = []
        deadline = time.monotonic() + seconds
        # env(1) changes the folder: a thread must not change its whole process's.
        with Child(["env", "-C", str(directory), *argv], environment) as child:
            try:
                while (line := child.line(deadline)) is not None:
                    lines.append(line)
                    self.write(line)
                return child.wait(deadline), lines
            except TimeOut:
                self.write(f"--- ended: more than {seconds} seconds")
            except Flood:
                self.write("--- ended: too much output")
                return TOO_MUCH, lines
        return TOO_LONG, lines


def outcome(status, seconds):
    """Words for a command's bad end."""
    if status == TOO_MUCH:
        return status
    return f"took more than {seconds} seconds" if status is TOO_LONG else f"exit status {status}"


def _seconds_file(command):
    return PROJECT / f"build/logs/{command.removeprefix('./')}.seconds"


def note_seconds(command, seconds):
    """For ./bench, which shows how long a command's last whole run took."""
    _seconds_file(command).write_text(f"{seconds:.0f}\n")


def noted_seconds(command):
    """None: there was no whole run yet."""
    try:
        return float(_seconds_file(command).read_text())
    except (OSError, ValueError):
        return None


def set_up(log, folder, options=(), environment=None):
    """A configured build folder; a new configuration if the options or the environment (which names the
    compiler) are not those of last time.

    Empty string if that went well, else what did not.
    """
    folder = PROJECT / folder
    if not (PROJECT / "meson.build").exists():
        return "there is no meson.build"
    stamp = folder / "pvops-configured"
    wanted = " ".join([*options, *(f"{k}={v}" for k, v in sorted((environment or {}).items()))])
    known = (folder / "meson-private/coredata.dat").exists()
    same = stamp.exists() and stamp.read_text() == wanted
    if known and (same or not (options or environment)):
        # A plain build folder, perhaps the user's own, is taken as it is; only the build files
        # that have changed since are read anew.
        status, _ = log.run(["ninja", "-C", folder, "build.ninja"], 120, environment)
        return "" if status == 0 else f"meson fails: {outcome(status, 120)}"
    if known:
        shutil.rmtree(folder)
    status, _ = log.run(["meson", "setup", folder, *options], 120, environment)
    if status != 0:
        return f"meson setup failed: {outcome(status, 120)}"
    stamp.write_text(wanted)
    return ""


def width():
    return shutil.get_terminal_size((100, 24)).columns


def in_ci():
    return os.environ.get("CI", "").lower() == "true"
