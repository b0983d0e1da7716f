# SPDX-License-Identifier: MIT
"""./demo: one kernel image on every VMM there is, and one table of what its operations cost there."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import table
import transcript
from steps import PROJECT, Log, missing_tools, note_seconds, outcome, say, set_up, width

from pvrun import Job, probe, run_jobs

BUILD = PROJECT / "build"
GUEST = BUILD / "examples/guest-kernel/guest-kernel.elf"
CMDLINE = "info bench=ops+workload bench json"
TOOLS = ("meson", "ninja", "gcc", "qemu-system-x86_64")
# A column for each: the runner's name for the VMM, and the heading.
COLUMNS = [("native", "native"), ("kvm", "KVM"), ("xen-dom0-pv", "Xen PV"),
           ("xen-dom0-pvh", "Xen PVH")]
# What runs side by side: counted instructions are the same however busy the machine is. Cycles are
# not, so who is measured by them runs before all others.
LANES = [("kvm", "native"), ("xen-dom0-pv", "xen-dom0-pvh")]

HELP = """\
usage: ./demo

Installs missing Debian packages (see tools/deps --help), builds the library and the example
kernel, then boots the same kernel image on each VMM: natively (QEMU's emulation without any
para-virtual interface), under KVM (the machine's own where it is sound, else KVM nested in an
emulated host, which is built below build/rig at the first run), and as dom0 of Xen,
PV and PVH (from Debian's package, unpacked below build/rig). The kernel reports what it found and what its hot
operations cost: the bare instruction or plain code (raw), through the table before patching
(unpatched), and at the patched call site (patched).

Costs are instructions executed, hypervisors' included, and the same in every run; under a sound
/dev/kvm they are TSC cycles. All that the kernels print is kept in build/logs/. A VMM that cannot
run here is shown as skipped, with the reason; a failure of any kind makes the exit status 1.
"""


@dataclass
class Column:
    heading: str
    unit: str
    result: object
    said: transcript.Transcript

    @property
    def state(self):
        if self.result.unavailable:
            return f"skipped: {self.result.reason}"
        if not self.result.ok:
            return f"FAILED: {self.result.reason}"
        if self.said.problems:
            more = len(self.said.problems) - 1
            return f"FAILED: {self.said.problems[0]}" + (f" (and {more} more)" if more else "")
        return "ran"

    @property
    def failed(self):
        return self.state.startswith("FAILED")


def build():
    """Empty, or what went wrong."""
    missing = missing_tools(TOOLS)
    if missing:
        return f"missing: {', '.join(missing)} (tools/deps demo)"
    say("building")
    with Log(BUILD / "logs/demo-build.log") as log:
        trouble = set_up(log, "build")
        if not trouble:
            status, _ = log.run(["meson", "compile", "-C", "build", GUEST.name], 600)
            if status != 0:
                trouble = f"the build failed: {outcome(status, 600)}"
        if trouble:
            tail = log.path.read_text().splitlines()[-15:]
            return "\n".join([trouble, *(f"  | {line}" for line in tail),
                              f"log: {log.path.relative_to(PROJECT)}"])
    return "" if GUEST.exists() else f"the build made no {GUEST.relative_to(PROJECT)}"


def jobs():
    finding = probe.kvm(BUILD)
    say(finding.why + ("" if finding.sound else "; KVM runs nested instead"))
    counted = not finding.sound
    return [Job("demo", vmm, GUEST, CMDLINE, icount=vmm != "kvm" or counted, timeout=240, tap=False)
            for vmm, _ in COLUMNS]


def run_lanes(todo):
    """The results of all jobs, in the order of the columns."""
    alone = [job for job in todo if not job.icount]
    lanes = [[job for job in todo if job.icount and job.vmm in lane] for lane in LANES]
    done = [run_jobs(alone, on_progress=say)]
    with ThreadPoolExecutor(len(lanes)) as pool:
        done += pool.map(lambda lane: run_jobs(lane, on_progress=say), lanes)
    by_vmm = {result.job.vmm: result for results in done for result in results}
    return [by_vmm[vmm] for vmm, _ in COLUMNS]


def columns(results):
    shown = [Column(heading, "instructions" if result.job.icount else "TSC cycles", result,
                    transcript.read(result.lines))
             for (_, heading), result in zip(COLUMNS, results)]
    for column in shown:
        lacking = [name for name in row_names(shown) if name not in column.said.costs]
        if lacking and column.said.costs:
            column.said.problems.append(f"no figures for {', '.join(lacking)}")
    return shown


def row_names(columns):
    """Every measured operation of any column, in the order of the first that has it."""
    return list(dict.fromkeys(name for c in columns for name in c.said.costs))


def rows(columns):
    """The table's rows. A figure that was due and did not come says so."""
    def facts(label, fact):
        return [label, *(fact(c.said.info) if c.said.info else "-" for c in columns)]

    out = [["", *(c.heading for c in columns)], None,
           ["state", *(c.state for c in columns)],
           ["runs on", *(c.result.rig or "-" for c in columns)],
           facts("VMM", lambda info: str(info["vmm"])),
           facts("door", lambda info: str(info["door"])),
           facts("backend", lambda info: str(info["backend"])),
           facts("features", lambda info: ", ".join(map(str, info["features"])) or "none"),
           facts("sites", lambda info: "{total}: {inlined} inlined, {direct} direct, {indirect} "
                                       "indirect".format(**info["sites"])),
           facts("clock source", lambda info: str(info["clock"])),
           facts("TSC kHz", lambda info: str(info["tsc_khz"])),
           None,
           ["cost of one, in", *(c.unit for c in columns)],
           ["", *("raw / unpatched / patched" for _ in columns)]]
    names = row_names(columns)
    return out + [[name, *(figures(c, name) for c in columns)] for name in names]


def figures(column, name):
    if column.result.unavailable:
        return "skipped"
    costs = column.said.costs.get(name)
    if costs is None:
        return "no figures"
    due = transcript.modes_due(name)
    return " / ".join("missing" if mode in due and mode not in costs
                      else "-" if costs.get(mode) is None else f"{costs[mode]:,.2f}"
                      for mode in transcript.MODES)


def main(words):
    if words:
        print(HELP, end="")
        return 0 if words[0] in ("-h", "--help", "help") else 2
    begun = time.monotonic()
    trouble = build()
    if trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    try:
        results = run_lanes(jobs())
    except probe.ProbeError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    shown = columns(results)
    print()
    print(table.render(rows(shown), width()))
    print()
    for column in shown:
        if column.result.log:
            log = column.result.log.relative_to(PROJECT)
            print(f"{column.heading}: {column.result.seconds:.1f} s, log: {log}")
    seconds = time.monotonic() - begun
    failed = any(column.failed for column in shown)
    if not failed and not any(column.result.unavailable for column in shown):
        note_seconds("./demo", seconds)
    print(f"{seconds:.0f} seconds in all")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
