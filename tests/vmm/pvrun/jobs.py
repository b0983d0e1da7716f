# SPDX-License-Identifier: MIT
"""What to run (Job), how it went (Result), and the rule between them (judge).

The guest's convention: it ends by a write to isa-debug-exit, 0x10 for success and 0x11 for failure;
QEMU turns a value V into exit status 2V + 1.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from .tap import Tap

EXIT_SUCCESS = (0x10 << 1) | 1
EXIT_FAILURE = (0x11 << 1) | 1


@dataclass
class Job:
    """One guest to boot. `timeout` is in seconds of the user's clock."""

    name: str
    vmm: str
    kernel: str
    cmdline: str
    smp: int = 1
    mem: int = 128
    icount: bool = False
    timeout: float = 60
    # What a Linux takes as its initramfs, other kernels as their first module.
    initrd: Path = None
    qemu_args: list = field(default_factory=list)
    # Paths that qemu_args mention; the nested rig carries them into L1.
    files: list = field(default_factory=list)
    # A run that prints no TAP (info, bench) is judged by its exit status alone.
    tap: bool = True
    # The guest is to give up: its report of failure is the good end.
    gives_up: bool = False
    # The guest is to end badly, as it does: progress does not call that a failure. Nothing else is
    # different: who knows why it is to has to look at the reason.
    ends_badly: bool = False
    # `kernel` is a disc with a boot manager, which has the command line too.
    disc: bool = False
    # Of the kvm jobs: only the rig's, where the guest can ask at COM2 what is seen of it from
    # outside (outside.sh). Of the native jobs: what QEMU's monitor can do to it (outside.py).
    outside: bool = False
    # Of those: the rig lends the guest's QEMU only this many MiB of memory, and swaps.
    lent: int = 0
    # Of the kvm jobs: only the rig's KVM and QEMU will do, not the machine's own.
    nested: bool = False
    # Of the xen-dom0 jobs: a Xen that passes machine checks on, on a processor that has such.
    newer: bool = False

    @property
    def words(self):
        """The command line, for a guest that is started now: `wall=now` becomes the seconds since 1970."""
        return self.cmdline.replace("wall=now", f"wall={int(time.time())}")

    @property
    def label(self):
        return f"{self.name} [{self.vmm}{', icount' if self.icount else ''}]"


@dataclass
class Result:
    """How a job went. `status` is the VMM's exit status, None if it never ended by itself."""

    job: Job
    status: int = None
    ok: bool = False
    # Nothing was run, and nobody is to blame (the rig's packages are out of reach).
    unavailable: bool = False
    reason: str = ""
    tap: Tap = field(default_factory=Tap)
    lines: list = field(default_factory=list)
    log: Path = None
    seconds: float = 0.0
    # Which rig served: "TCG", "/dev/kvm", "nested KVM"
    rig: str = ""
    # Of the packages that it is made of: "QEMU" -> "1:10.0.2+ds-2"
    versions: dict = field(default_factory=dict)


def judge(job, status, trouble, tap):
    """(ok, reason). `trouble` is what the runner itself saw: a time-out, a rig that broke."""
    if trouble:
        return False, trouble
    problems = [] if status == good_status(job) else [_exit_problem(status)]
    if job.tap:
        problems += tap.problems()
        if status == EXIT_FAILURE and not job.gives_up and len(problems) == 1:
            problems.append("but TAP shows no failure")
    return not problems, "; ".join(problems)


def good_status(job):
    return EXIT_FAILURE if job.gives_up else EXIT_SUCCESS


def _exit_problem(status):
    if status == EXIT_SUCCESS:
        return "the guest reports success, and was to give up"
    if status == EXIT_FAILURE:
        return "the guest reports failure"
    if status == 0:
        return "the guest reset or powered off without a result (a triple fault ends so)"
    if status is None:
        return "the VMM did not end"
    if status < 0:
        return f"the VMM died of signal {-status}"
    if status == 1:
        return "the VMM refused to start or failed (its message is in the log)"
    if status > 128 and status % 2 == 0 or status in (137, 139, 143):
        return f"the VMM died of signal {status - 128}"
    return f"the guest left with the unknown result {(status - 1) / 2:g} (exit status {status})"
