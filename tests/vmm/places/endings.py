# SPDX-License-Identifier: MIT
"""How the probe guest ends in the rigs that many guests share: each bad end must be told from a good one,
and what comes after it must go on; and how the example kernel ends by an exception, with its registers. Where a rig is booted for one guest, tests/vmm/test_rigs.py and
tests/vmm/test_xen.py do the same.
"""

import re
from dataclasses import dataclass

from pvrun import Job, probe

from .place import Place, slug

# What the probe guest does (its command line; probe/probe.S and probe/xen.c), and the runner's words.
FAILS = "the guest reports failure; 1 not ok: a check that fails"
HANGS = "timed out"
KVM = [
    ("fail", FAILS),
    ("x-triple-fault", "a triple fault ends so"),
    ("planned-two", "1 checks where 2 were planned"),
    ("linger", HANGS),
    ("spin", HANGS),
]
RESET = "the guest reset without a result"
# How each kind of guest dies of an exception, in Xen's words.
XEN = {
    "pv": [("x-die", r"the guest crashed; Xen says: d\d+v0 Unhandled"), ("fail", FAILS), ("reset", RESET)],
    "pvh": [("x-die", rf"{RESET}; Xen says: d\d+v0 Triple fault"), ("fail", FAILS), ("reset", RESET)],
}
# What is on the console before the end, be it in the middle of a line.
LAST_WORDS = {"linger": "ok 1 - before the ha", "x-die": "ok 1 - before the fau"}
HANGS_SECONDS = 10
# How the example kernel dies of an exception (crash=): its words, the vector, error codes. Where a PV guest
# of Xen has no stack, Xen ends it, and there is nothing to be read.
CRASHES = {"read": ("unexpected exception in the kernel", 14, "0"),
           "ud2": ("unexpected exception in the kernel", 6, "0"),
           "stack": ("double fault", 8, "0")}
CRASH_PLACES = {"native": ["read", "ud2", "stack"], "kvm": ["read", "stack"], "xen-dom0-pv": ["read", "ud2"],
                "xen-dom0-pvh": ["stack"]}
ANNOUNCED = re.compile(r"# crash=\w+: the instruction at (\w{16}), the address (\w{16})")
# What crash.S puts into registers.
NUMBERED = [r"# rax 0{12}1000 rbx 0{12}1001 rcx 0{12}1002", r"# r8  0{12}1008 r9  0{12}1009 r10 0{12}100a",
            r"# r11 0{12}100b r12 0{12}100c r13 0{12}100d", r"# r14 0{12}100e r15 0{12}100f"]


@dataclass
class Ending(Place):
    """`why`: a regular expression of the reason that the runner must give; empty if all is well.
    `checks`: how many its TAP has; 0: any number."""

    why: str = ""
    last: str = ""
    checks: int = 0

    def problems(self, result):
        if result.unavailable or not self.why:
            found = super().problems(result)
        elif not result.ok and re.search(self.why, result.reason):
            found = []
        else:
            found = [f"the runner says '{result.reason or 'success'}' (log: {result.log})"]
        if self.last and result.lines[-1:] != [self.last]:
            found.append(f"the last line is not '{self.last}' (log: {result.log})")
        if self.checks and len(result.tap.passed) != self.checks:
            found.append(f"{len(result.tap.passed)} of {self.checks} checks arrived (log: {result.log})")
        return found


@dataclass
class Crash(Place):
    """The dump has the addresses that the kernel has announced, and the numbers that are in its registers."""

    crash: str = ""

    def problems(self, result):
        found = super().problems(result)
        announced = [match for match in map(ANNOUNCED.fullmatch, result.lines) if match]
        if result.unavailable or not announced:
            return found or [f"nothing is announced (log: {result.log})"]
        words, vector, error = CRASHES[self.crash]
        rip, address = announced[0].groups()
        cr2 = {"read": address, "ud2": r"\w{16}", "stack": f"{int(address, 16) - 8:016x}"}[self.crash]
        rsp = address if self.crash == "stack" else r"\w{16}"
        dump = Place(self.name, self.job, [
            f"fatal: {words}", rf"# vector {vector} error {error} rip \w+:{rip} rflags \w+",
            rf"# rsp \w+:{rsp} rbp 0{{12}}1005 cr2 {cr2}", *NUMBERED,
            f"# rdx 0{{12}}1003 rsi 0{{12}}1004 rdi {address}"])
        return found + dump.problems(result)


def places(kernels):
    """Bad ends first, and then what must go on."""
    kvm, xen = probe.guest(kernels.build), probe.guest(kernels.build, "xen")
    found = [_bad("kvm", kvm, *ending) for ending in KVM]
    found.append(_good("kvm", kvm, "hypercall"))
    found.append(_nonsense(kernels))
    found.append(_bad("xen-domu-pvh", xen, "linger", HANGS))
    for kind, endings in XEN.items():
        vmm = f"xen-domu-{kind}"
        found += [_bad(vmm, xen, *ending) for ending in endings]
        found.append(_good(vmm, xen, "many", checks=400))
        found.append(_good(vmm, xen, "hypercall", says=[rf"# Xen \d+\.\d+, {kind.upper()} domU"]))
    found += [_crash(kernels, vmm, word) for vmm, words in CRASH_PLACES.items() for word in words]
    return found


def _crash(kernels, vmm, word):
    job = Job(f"crash-{word}", vmm, kernels.elf("guest"), f"crash={word}", tap=False, gives_up=True)
    return Crash(f"on {vmm} the example kernel shows what it died of when it does '{word}'", job,
                 crash=word)


def _job(name, vmm, kernel, word, **settings):
    return Job(slug(f"{name} {word}"), vmm, kernel, word, mem=32 if vmm == "kvm" else 64,
               nested=vmm == "kvm", **settings)


def _bad(vmm, kernel, word, why):
    job = _job("bad end", vmm, kernel, word, ends_badly=True,
               timeout=HANGS_SECONDS if why == HANGS else 60)
    return Ending(f"on {vmm} the end of a guest that does '{word}' is told", job, why=why,
                  last=LAST_WORDS.get(word, ""))


def _good(vmm, kernel, word, says=(), checks=0):
    return Ending(f"on {vmm} a guest that does '{word}' ends well after others did not",
                  _job("after bad ends", vmm, kernel, word), list(says), checks=checks)


def _nonsense(kernels):
    kernels.made.mkdir(parents=True, exist_ok=True)
    path = kernels.made / "nonsense"
    path.write_bytes(bytes(4096))
    return Ending("on xen-domu-pvh a kernel that is none is refused by xl",
                  _job("bad end", "xen-domu-pvh", path, "nonsense", ends_badly=True),
                  why="xl create: ")
