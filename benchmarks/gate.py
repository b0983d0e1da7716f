# SPDX-License-Identifier: MIT
"""What ./check holds the library to: the kernel's own instructions, and calls of the VMM, of every
row, against a baseline that is kept for each version of the compiler (baseline.json).

Figures may be lower. Instructions may be more by 2 %, or by one half; calls of the VMM may not, but by
one half where several CPUs make them: nothing is counted exactly there, and a VMM's timer is among
them. What the host counts may be more by figures.MORE; exits of long rows (the ones that have a
size) are not looked at. `./bench --renew-baseline` writes the baseline anew, for the compiler that is
there.
"""

import json
from pathlib import Path

import guest
from figures import MORE

from pvrun import Job, run_jobs

FILE = Path(__file__).resolve().parent / "baseline.json"
SCOPES = ("guest", "hypercalls", "entries", "updates", "exits", "host_calls")
PERCENT = {"guest": 2.0}
LEAST = {"guest": 0.5, **MORE}
OF_SEVERAL_CPUS = 0.5
WORDS = "ops+steps+paths"
PROCESSORS = "processors"
# With more CPUs, where nothing is counted, it runs on an emulator that loses addresses of page faults.
ONE_CPU = ("xen-dom0-pvh",)
# How often a waiter falls asleep there is the scheduler's.
LEFT_OUT = ("lock_awaited",)
SECONDS = 400
HOW_TO_RENEW = "./bench --renew-baseline, if the new figures are meant"


def job(machine, kernel):
    cpus = 1 if machine.name in ONE_CPU else machine.cpus
    words = f"{WORDS}+{PROCESSORS}" if PROCESSORS in machine.full.split("+") else WORDS
    return Job(f"gate-{machine.name}", machine.name, str(kernel), f"info bench={words} bench json",
               smp=cpus, timeout=SECONDS, tap=False, outside=machine.outside)


def counts(suite, machine, result):
    """Name -> count. Raises GuestError."""
    found = guest.figures_of(suite, machine, result, counted=True)
    return {name_of(figure): round(figure.value, 2) for figure in found
            if figure.scope in SCOPES and not (figure.scope == "exits" and figure.size)
            and figure.row not in LEFT_OUT}


def name_of(figure):
    size = f" {figure.size}" if figure.size else ""
    return f"{figure.row}{size} {figure.mode} {figure.scope}"


def load(file=FILE):
    return json.loads(file.read_text()) if file.exists() else {}


def several(suite):
    """Names of rows in which several CPUs have a part."""
    return {row.name for row in suite.rows if row.source == "path" and row.group == "CPUs and locks"}


def problems(baseline, of, of_several=()):
    """Texts: what is more than the baseline allows, or is missing. `of_several`: names of rows."""
    out = []
    for name, before in baseline.items():
        scope = name.rpartition(" ")[2]
        least = LEAST.get(scope, OF_SEVERAL_CPUS if name.split()[0] in of_several else 0)
        now = of.get(name)
        if now is None:
            out.append(f"{name}: {before:g} before, not measured now")
        elif now > before + max(least, before * PERCENT.get(scope, 0) / 100):
            out.append(f"{name}: {before:g} before, {now:g} now ({HOW_TO_RENEW})")
    return out


def renew(suite, kernel, say):
    """Writes the baseline of this compiler. An exit status."""
    results = run_jobs([job(machine, kernel) for machine in suite.machines],
                       on_progress=lambda text: say(f"  {text}"), logs="logs/gate")
    found = {}
    for machine, result in zip(suite.machines, results):
        if not result.ok:
            say(f"FAILED  {machine.title}: {result.reason}")
            return 1
        found[machine.name] = counts(suite, machine, result)
        compiler = guest.info_of(result)["compiler"]
    every = load()
    every[compiler] = found
    FILE.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n")
    say(f"{FILE.name}: {sum(map(len, found.values()))} counts for {compiler}")
    return 0
