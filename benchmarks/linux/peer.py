#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures Linux, Debian's kernel, as a guest of the rigs: the peer that pvops is compared with.

    python3 benchmarks/linux/peer.py [--vmm kvm,xen-domu-pv,xen-domu-pvh,xen-dom0-pv]      JSON lines

Every VMM boots it three times, counting instructions: twice on one CPU, without what costs time and
other kernels lack and as Debian ships it (MODES), and once with a second CPU for what needs two. Xen
boots it once more as dom0, where each CPU has a processor of its own.
docs/benchmarks-linux.md says what the figures mean and what cannot be compared.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "benchmarks"), str(PROJECT / "tests/vmm")]

from debian.store import RigError  # noqa: E402
from figures import Figure  # noqa: E402
from linux import image  # noqa: E402
from pvrun import Job, run_jobs  # noqa: E402
from xen import rig as xen_rig  # noqa: E402

BUILD = PROJECT / "build"
# VMMs of one group share a boot of their host; two groups at a time are measured side by side.
GROUPS = (("kvm",), ("xen-domu-pv", "xen-domu-pvh"), ("xen-dom0-pv",))
# Where each virtual CPU has a processor: only what needs that is measured there.
TWO_PROCESSORS = ("xen-dom0-pv",)
VMMS = tuple(vmm for group in GROUPS for vmm in group)
LANES = 2
SECONDS = 240
GUEST_MIB = 256
# Boot work that has nothing to do with the VMM: self-tests of cryptography, certificates.
UNWANTED_AT_BOOT = ["jent_mod_init", "load_system_certificate_list", "crypto_kdf108_init"]
# Everything at the same place in every boot. Each byte that `rep stosb` stores counts as an
# instruction, so pages are to be cleared eight bytes at a time.
WORDS = ["quiet", "panic=-1", "nokaslr", "norandmaps", "tsc=reliable", "clearcpuid=erms,fsrm",
         "cryptomgr.notests=1", "initcall_blacklist=" + ",".join(UNWANTED_AT_BOOT)]
# What a mode adds to the command line.
MODES = {"linux": ["mitigations=off", "randomize_kstack_offset=off", "init_on_alloc=0"],
         "as shipped": []}
CONSOLES = {"kvm": ["console=ttyS0", "leave=port"], "xen-domu-pv": ["console=hvc0"],
            "xen-domu-pvh": ["console=hvc0"], "xen-dom0-pv": ["console=hvc0", "leave=port"]}
# Xen would intercept rdtsc on this machine, which has no invariant TSC.
DOMAIN_LINES = ["tsc_mode = 'native'"]
# The second CPU is started by the program, for a boot on two takes a host of one CPU very long. Not
# so by Xen PV: there Linux forgets for ever what maxcpus leaves out.
SECOND_CPU = {"kvm": ["maxcpus=1", "cpus=2"], "xen-domu-pv": ["cpus=2"],
              "xen-domu-pvh": ["maxcpus=1", "cpus=2"], "xen-dom0-pv": ["cpus=2", "processors=2"]}
# Whether a hand-over happens is up to Linux's scheduler, and now and then too few do (main.c): such a
# boot is repeated, others are not.
TOO_FEW = "too few runs did all their work"
MOST_BOOTS = 2
# The rows of each kind of boot, with their sizes.
ROWS = {1: [("linux_boot", 0), ("linux_syscall", 0), ("linux_context_switch", 0),
            ("linux_context_switch_fair", 0), ("linux_pipe", 0), ("linux_page_fault", 0),
            ("linux_map_touch_unmap", 0), ("linux_map_populate", 0), ("linux_unmap", 0),
            ("linux_fork_exit", 0), ("linux_space_build", 10), ("linux_space_build", 100),
            ("linux_space_build", 1000)],
        2: [("linux_boot", 0), ("linux_pipe_other_cpu", 0)],
        "processors": [("linux_boot", 0), ("linux_interrupt_other", 0)]}
# Of a boot with two CPUs, which is not the one to compare.
NOT_REPORTED = {1: [], 2: ["linux_boot"], "processors": ["linux_boot"]}


class PeerError(Exception):
    """What a guest printed is not a whole measurement; the message says why."""


@dataclass(frozen=True)
class Boot:
    """One boot of Linux in one VMM."""

    vmm: str
    mode: str = "linux"
    cpus: int = 1

    @property
    def kind(self):
        return "processors" if self.vmm in TWO_PROCESSORS else self.cpus

    @property
    def cmdline(self):
        words = [image.ENTRY_WORD, *CONSOLES[self.vmm], *WORDS, *MODES[self.mode]]
        return " ".join(words + (SECOND_CPU[self.vmm] if self.cpus == 2 else []))

    def job(self, kernel, initramfs):
        return Job(f"{self.mode} {self.cpus}", self.vmm, kernel, self.cmdline, smp=self.cpus,
                   mem=GUEST_MIB, icount=True, timeout=SECONDS, initrd=initramfs, tap=False,
                   qemu_args=DOMAIN_LINES if self.vmm.startswith("xen-domu") else [])


def boots(vmms):
    """The boots in their order, which is part of the method: figures of another differ a little."""
    return [boot for vmm in vmms
            for boot in (Boot(vmm), Boot(vmm, "as shipped"), Boot(vmm, cpus=2))
            if boot.cpus == 2 or vmm not in TWO_PROCESSORS]


def figures(on_progress=lambda text: None, vmms=VMMS, build=BUILD):
    """(figures, troubles, notes): a trouble is a sentence for a boot that gave no figures, a note one
    for a boot that was repeated. RigUnavailable if the packages are out of reach, RigError if they do
    not hold what they should."""
    dom0 = xen_rig.dom0(build / "rig", on_progress)
    folder = build / "bench-linux"
    parts = image.kernel(dom0.kernel, folder), image.initramfs(folder)
    groups = [chosen for group in GROUPS if (chosen := [vmm for vmm in group if vmm in vmms])]

    def measured(group):
        return _measured(boots(group), parts, dom0.versions["dom0 kernel"], build, on_progress)

    every = [], [], []
    with ThreadPoolExecutor(LANES) as pool:
        for some in pool.map(measured, groups):
            for all_of, of in zip(every, some):
                all_of += of
    return every


def _measured(chosen, parts, kernel_version, build, on_progress):
    """Boots that came out short are repeated, in a host of their own."""
    found, troubles, notes = [], [], []
    for attempt in range(MOST_BOOTS):
        again = []
        logs = f"logs/bench-linux-{chosen[0].vmm}" + (f"-again{attempt}" if attempt else "")
        results = run_jobs([boot.job(*parts) for boot in chosen], on_progress=on_progress,
                           build=build, logs=logs)
        for boot, result in zip(chosen, results):
            try:
                found += _figures_of(boot, result, kernel_version)
            except PeerError as error:
                words = f"Linux, {result.job.label}: {error} (log: {result.log})"
                if TOO_FEW in words and attempt + 1 < MOST_BOOTS:
                    again.append(boot)
                    notes.append(f"booted once more: {words}")
                    on_progress(notes[-1])
                else:
                    troubles.append(words)
        if not again:
            break
        chosen = again
    return found, troubles, notes


def _figures_of(boot, result, kernel_version):
    if not result.ok:
        raise PeerError(f"{result.reason}{_last_words(result.lines)}")
    return read(boot, result.lines, {"rig": result.rig, "QEMU": _installed_qemu(), **result.versions,
                                     "Linux": kernel_version})


def read(boot, lines, versions):
    """The figures of a boot in what its console showed."""
    records = [_record(line) for line in lines if line.startswith("{")]
    machines = [record for record in records if record["type"] == "machine"]
    benches = [record for record in records if record["type"] == "bench"]
    if len(machines) != 1 or machines[0].get("cpus") != boot.cpus:
        raise PeerError(f"the guest is to say once that it has {boot.cpus} CPUs; "
                        f"it says {machines or 'nothing'}")
    keys = [(record.get("op"), record.get("size")) for record in benches]
    if keys != ROWS[boot.kind]:
        wrong = set(keys) ^ set(ROWS[boot.kind]) or "their order"
        raise PeerError(f"missing or not expected among the figures: {wrong}")
    return [_figure(boot, record, versions) for record in benches
            if record["op"] not in NOT_REPORTED[boot.kind]]


def _record(line):
    try:
        record = json.loads(line)
        if record["type"] not in ("machine", "bench"):
            raise PeerError(f"a line of an unknown type: {line}")
        return record
    except (ValueError, KeyError, TypeError):
        raise PeerError(f"a line is damaged: {line}") from None


def _figure(boot, record, versions):
    count, ticks = record.get("n"), record.get("ticks")
    if not isinstance(count, int) or not isinstance(ticks, int) or count <= 0 or ticks <= 0:
        raise PeerError(f"no figure: {record}")
    return Figure(record["op"], boot.vmm, "all", ticks / count, mode=boot.mode,
                  size=record["size"], guest="linux", versions=versions)


def _last_words(lines):
    said = [line for line in lines if line.startswith("# ")]
    return f"; it says: {said[-1][2:]}" if said else ""


def _installed_qemu():
    """The emulator of the Xen rig; the nested rig's own takes its place there."""
    if not shutil.which("qemu-system-x86_64"):
        return "none"
    done = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                          timeout=30, check=False)
    version = re.search(r"\(Debian ([^)]+)\)|version (\S+)", done.stdout)
    return (version.group(1) or version.group(2)) if version else "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vmm", default=",".join(VMMS), help="(default: %(default)s)")
    vmms = parser.parse_args().vmm.split(",")
    if set(vmms) - set(VMMS):
        parser.error(f"there are: {', '.join(VMMS)}")
    try:
        found, troubles, notes = figures(lambda text: print(f"# {text}", file=sys.stderr, flush=True), vmms)
    except RigError as error:
        found, troubles, notes = [], [f"Linux cannot be measured: {error}"], []
    for figure in found:
        print(json.dumps(asdict(figure)))
    for text in [*notes, *troubles]:
        print(f"# {text}", file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
