# SPDX-License-Identifier: MIT
"""Parts of the library on this machine, without a VMM: instructions by callgrind, or TSC cycles."""

import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from figures import Figure

TURNS = 2000
CYCLE_TURNS = 200000
CYCLE_RUNS = 21
SITES = 10000
SECONDS = 120
MACHINE = "host"
PROJECT = Path(__file__).resolve().parent.parent


class HostError(Exception):
    """A program could not be measured; the message says which and why."""


def _run(words):
    try:
        return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"{words[0]}: {error}") from None


def _collected(program, function, *words):
    """Instructions that a program executes inside of one function."""
    done = _run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                 f"--toggle-collect={function}", program, *words])
    found = re.search(r"Collected : (\d+)", done.stderr)
    if not found:
        raise HostError(f"callgrind counted nothing in {function}")
    return int(found[1])


def _instructions(build, name):
    if name == "patch":
        program = build / "tests/unit/patch/patch_budget"
        few, many = (_collected(program, "pv_patch", count) for count in (SITES // 10, SITES))
        return (many - few) / (SITES - SITES // 10)
    program = build / "benchmarks/bench_host"
    return _turn(program, name) - _turn(program, "empty")


def _turn(program, name):
    """Twice so many turns without so many: what begins and ends the loop is in both."""
    once, twice = (_collected(program, "measured", name, turns) for turns in (TURNS, 2 * TURNS))
    return (twice - once) / TURNS


def _cycles(build, name):
    """(median, spread) of one turn."""
    program = build / "benchmarks/bench_host"
    runs = sorted(int(_run([program, name, CYCLE_TURNS]).stdout) / CYCLE_TURNS
                  for _ in range(CYCLE_RUNS))
    middle = statistics.median(runs)
    low, high = runs[len(runs) // 4], runs[-1 - len(runs) // 4]
    return middle, (high - low) / middle if middle else 0.0


def figures(suite, build, count):
    """Raises HostError."""
    if count and not shutil.which("valgrind"):
        raise HostError("instructions on the host need valgrind (tools/deps bench)")
    found = []
    for row in (row for row in suite.rows if row.source == "host"):
        name = row.name.removeprefix("host_")
        if count:
            found.append(Figure(row.name, MACHINE, "all", _instructions(build, name), mode="-"))
        elif not name.startswith("patch"):  # the patcher has no loop of its own to take cycles of
            value, spread = _cycles(build, name)
            found.append(Figure(row.name, MACHINE, "cycles", value, mode="-", spread=spread))
    return found


def printed(suite, build):
    """Figures of programs of the tests, which print `figure NAME VALUE`. Raises HostError."""
    rows = [row for row in suite.rows if row.source == "program"]
    said = {}
    for program in dict.fromkeys(row.program for row in rows):
        said.update(_said(program, build))
    missing = [row for row in rows if row.name not in said]
    if missing:
        raise HostError(f"{missing[0].program} does not print {missing[0].name}")
    return [Figure(row.name, MACHINE, row.scope, said[row.name], mode="-") for row in rows]


def _said(program, build):
    """A limit that is broken makes a test fail; what it has measured is shown all the same."""
    script = program.endswith(".py")
    words = [sys.executable, PROJECT / program, build] if script else [build / program]
    environment = {**os.environ, "PVOPS_BUILD_TEST_DIR": str(build / "tests/build/scratch"),
                   "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=SECONDS, check=False, env=environment)
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"{program}: {error}") from None
    found = re.findall(r"figure (\w+) ([\d.]+)$", done.stdout + done.stderr, re.MULTILINE)
    if not found:
        raise HostError(f"{program} prints no figure: {(done.stderr or done.stdout)[-200:]}")
    return {name: float(value) for name, value in found}
