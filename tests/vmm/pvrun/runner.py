# SPDX-License-Identifier: MIT
"""Runs jobs: chooses the rig for each, keeps the logs, and gives the verdicts.

"native" is QEMU's plain emulation, "bochs" another one. "kvm" is the host's KVM where the probe finds
it sound and no instructions are to be counted, and the nested rig otherwise. "xen-dom0-*" is the guest
alone on Xen, "xen-domu-*" is the guest beside a Linux dom0. All nested jobs of a call share one boot
of L1, and all domU jobs one boot of dom0 (one more each for those that count instructions).
"""

import re
import time
from pathlib import Path

from debian.store import RigError, RigUnavailable
from nested import rig as nested_rig
from xen import rig as xen_rig

from . import bochs, hosts, l1, native, probe, serial, xen
from .jobs import EXIT_FAILURE, EXIT_SUCCESS, Result, judge
from .outside import Outside
from .process import Child, Flood, TimeOut

PROJECT = Path(__file__).resolve().parents[3]
BUILD = PROJECT / "build"
XEN_DOMU = ("xen-domu-pv", "xen-domu-pvh", "xen-domu-hvm")
VMMS = ("native", "kvm", bochs.NAME, *xen.KINDS, *XEN_DOMU)
LAST_WORD = 1  # seconds


def _silent(*_):
    pass


def run_jobs(jobs, on_line=_silent, on_progress=_silent, build=BUILD, backports=True, logs="logs"):
    """Results in the order of `jobs`. on_line(job, line) hears every console line at once,
    on_progress(text) what the runner is doing. `logs` is a folder in `build`: of several calls at
    a time each needs its own."""
    session = _Session(list(jobs), on_line, on_progress, Path(build), backports, logs)
    return session.run()


class _Session:
    def __init__(self, jobs, on_line, say, build, backports, logs):
        self._jobs = jobs
        self._on_line = on_line
        self._say = say
        self._build = build
        self._backports = backports
        self._log_folder = build / logs
        self._results = [Result(job) for job in jobs]
        self._begun = {}
        self._logs = {}
        self._kvm = None

    def run(self):
        shared = {}
        for index, job in enumerate(self._jobs):
            if job.vmm not in VMMS:
                raise ValueError(f"no VMM named {job.vmm}; there are: {', '.join(VMMS)}")
            if not Path(job.kernel).is_file():
                self.ended(index, None, f"there is no kernel {job.kernel}")
            elif job.initrd and not Path(job.initrd).is_file():
                self.ended(index, None, f"there is no initrd {job.initrd}")
            elif job.vmm == "native":
                self._native(index)
            elif job.vmm == bochs.NAME:
                self._bochs(index)
            elif job.vmm in xen.KINDS:
                self._xen_dom0(index)
            elif job.vmm in XEN_DOMU:
                shared.setdefault((self._domu_host, job.icount), []).append(index)
            elif not (job.icount or job.nested or job.outside) and self._sound_kvm():
                self._single(index, native.accelerated(job), "/dev/kvm")
            else:
                shared.setdefault((self._nested_host, job.icount), []).append(index)
        for (host, icount), indices in shared.items():
            self._shared(host, indices, icount)
        return self._results

    def _sound_kvm(self):
        if self._kvm is None:
            try:
                self._kvm = probe.kvm(self._build)
            except probe.ProbeError as error:
                self._kvm = probe.Finding(False, str(error))
            if not self._kvm.sound:
                self._say(f"{self._kvm.why}; using the nested rig")
        return self._kvm.sound

    def _single(self, index, argv, rig, line=None, environment=None):
        self._results[index].rig = rig
        self.started(index)
        try:
            status, trouble = self._console(index, argv, line or serial.Plain(), environment)
        except FileNotFoundError:
            status, trouble = None, f"{argv[0]} is not installed"
        self.ended(index, status, trouble)

    def _native(self, index):
        job = self._jobs[index]
        if not job.outside:
            self._single(index, native.emulated(job), "TCG")
            return
        with Outside() as outside:
            self._single(index, native.emulated(job, outside.words), "TCG")

    def _bochs(self, index):
        result, base = self._results[index], self._log_path(index).resolve()
        lacking = bochs.missing()
        if lacking:
            result.unavailable = True
            self.ended(index, None, f"Bochs: there is no {', no '.join(lacking)} (tools/deps check)")
            return
        result.rig = "Bochs"
        self.started(index)
        try:
            argv = bochs.command(result.job, Path(result.job.kernel).resolve(), base)
            status, trouble = self._console(index, argv, serial.Plain())
        except (OSError, ValueError) as error:
            status, trouble = None, str(error)
        self.ended(index, status if status is None else bochs.status(base), trouble)

    def _xen_dom0(self, index):
        try:
            rig = xen_rig.hypervisor(self._build / "rig", self._say,
                                     newer=self._jobs[index].newer)
        except RigError as error:
            self._results[index].unavailable = isinstance(error, RigUnavailable)
            self.ended(index, None, f"Xen: {error}")
            return
        self._results[index].versions = {"Xen": rig.version}
        log = self._log_path(index).with_suffix(".xen.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as words:
            qemu, environment = self._emulator(self._jobs[index])
            self._single(index, xen.as_dom0(rig.image, self._jobs[index], qemu), "Xen",
                         serial.XenSerial(words), environment)

    def _emulator(self, job):
        """QEMU for a guest that is alone on Xen; where none is newer, the system's."""
        if xen.wants_new_qemu(job):
            try:
                rig = nested_rig.build(self._build / "rig", self._say, self._backports)
                return rig.qemu_words(), rig.qemu_environment
            except RigError as error:
                self._say(f"no newer QEMU for Xen: {error}")
        return ["qemu-system-x86_64"], None

    def _console(self, index, argv, line, environment=None):
        """(status, trouble) of one VMM; `line` finds the guest's console in what it prints."""
        limit = self._jobs[index].timeout
        deadline = time.monotonic() + limit
        with Child(argv, environment) as child:
            try:
                while not line.ended and (heard := child.line(deadline)) is not None:
                    for text in line.feed(heard):
                        self.said(index, text)
                status, trouble = self._end(child, line, deadline)
            except TimeOut:
                status, trouble = None, f"timed out after {limit:g} seconds"
            except Flood:
                return None, "flooded the console"
            for text in line.rest(child.rest()):
                self.said(index, text)
            return status, trouble

    @staticmethod
    def _end(child, line, deadline):
        """(status, trouble). QEMU from version 9 on ends a little after the guest has told it the
        result, and Xen may say meanwhile that the guest has ended."""
        if not line.ended:
            return child.wait(deadline), line.trouble()
        try:
            status = child.wait(min(deadline, time.monotonic() + LAST_WORD))
        except TimeOut:
            return None, line.trouble()
        return status, None if status in (EXIT_SUCCESS, EXIT_FAILURE) else line.trouble()

    def _nested_host(self):
        rig = nested_rig.build(self._build / "rig", self._say, self._backports)
        return hosts.NestedKvm(rig)

    def _domu_host(self):
        return hosts.XenDom0(xen_rig.dom0(self._build / "rig", self._say))

    def _shared(self, make_host, indices, icount):
        """Jobs that share boots of one L1."""
        try:
            host = make_host()
            self._say(f"booting L1: {host.name}" + (" (counting instructions)" if icount else ""))
            for index in indices:
                self._results[index].rig = host.name
                self._results[index].versions = host.versions
            logs = self._log_folder / (host.folder + ("-icount" if icount else ""))
            l1.run(host, [self._jobs[index] for index in indices], icount, logs,
                   _Renumbered(self, indices))
        except (RigError, l1.L1Error, FileNotFoundError) as error:
            for index in indices:
                trouble = "nested rig" if self._jobs[index].vmm == "kvm" else "Xen rig"
                if not self._results[index].ok and not self._results[index].reason:
                    self._results[index].unavailable = isinstance(error, RigUnavailable)
                    self.ended(index, None, f"{trouble}: {error}")

    # What the rigs report, by job index.

    def started(self, index):
        job = self._jobs[index]
        self._begun[index] = time.monotonic()
        self._say(f"{job.label}: running")
        self._log(index)

    def said(self, index, line):
        result = self._results[index]
        result.lines.append(line)
        result.tap.feed(line)
        self._log(index).write(line + "\n")
        self._log(index).flush()
        self._on_line(result.job, line)

    def ended(self, index, status, trouble):
        result = self._results[index]
        begun = self._begun.get(index)
        result.seconds = time.monotonic() - begun if begun else 0.0
        result.status = status
        result.ok, result.reason = judge(result.job, status, trouble, result.tap)
        log = self._log(index)
        bad_end = "a bad end" if result.job.ends_badly else "FAILURE"
        verdict = "success" if result.ok else f"{bad_end}: {result.reason}"
        log.write(f"--- {result.job.label}: {verdict}\n")
        log.close()
        self._say(f"{result.job.label}: {verdict} ({result.seconds:.1f} s)"
                  + ("" if result.ok else f"; log: {result.log}"))

    def _log(self, index):
        if index not in self._logs:
            path = self._log_path(index)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._results[index].log = path
            self._logs[index] = open(path, "w")
        return self._logs[index]

    def _log_path(self, index):
        job = self._jobs[index]
        name = re.sub(r"[^\w.-]+", "-", f"{job.name}.{job.vmm}{'.icount' if job.icount else ''}")
        return self._log_folder / f"{name}.log"


class _Renumbered:
    """Hands on what a batch reports about its jobs under their indices in the whole list."""

    def __init__(self, session, indices):
        self._session = session
        self._indices = indices

    def started(self, index):
        self._session.started(self._indices[index])

    def said(self, index, line):
        self._session.said(self._indices[index], line)

    def ended(self, index, status, trouble):
        self._session.ended(self._indices[index], status, trouble)
