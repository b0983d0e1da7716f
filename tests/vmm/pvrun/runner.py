# SPDX-License-Identifier: MIT
"""Runs jobs: chooses the rig for each, keeps the logs, and gives the verdicts.

"native" is QEMU's plain emulation. "kvm" is the host's KVM where the probe finds it sound and no
instructions are to be counted, and the nested rig otherwise; all nested jobs of a call share one
boot of L1 (one more for those that count instructions).
"""

import re
import time
from pathlib import Path

from nested import rig as nested_rig

from . import l1, native, probe
from .jobs import Result, judge
from .process import Child, Flood, TimeOut

PROJECT = Path(__file__).resolve().parents[3]
BUILD = PROJECT / "build"
VMMS = ("native", "kvm")


def _silent(*_):
    pass


def run_jobs(jobs, on_line=_silent, on_progress=_silent, build=BUILD, backports=True):
    """Results in the order of `jobs`. on_line(job, line) hears every console line at once,
    on_progress(text) what the runner is doing."""
    session = _Session(list(jobs), on_line, on_progress, Path(build), backports)
    return session.run()


class _Session:
    def __init__(self, jobs, on_line, say, build, backports):
        self._jobs = jobs
        self._on_line = on_line
        self._say = say
        self._build = build
        self._backports = backports
        self._results = [Result(job) for job in jobs]
        self._begun = {}
        self._logs = {}
        self._kvm = None

    def run(self):
        nested = {False: [], True: []}
        for index, job in enumerate(self._jobs):
            if job.vmm not in VMMS:
                raise ValueError(f"no VMM named {job.vmm}; there are: {', '.join(VMMS)}")
            if not Path(job.kernel).is_file():
                self.ended(index, None, f"there is no kernel {job.kernel}")
            elif job.vmm == "native":
                self._single(index, native.emulated(job), "TCG")
            elif not job.icount and self._sound_kvm():
                self._single(index, native.accelerated(job), "/dev/kvm")
            else:
                nested[job.icount].append(index)
        for icount, indices in nested.items():
            if indices:
                self._nested(indices, icount)
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

    def _single(self, index, argv, rig):
        self._results[index].rig = rig
        self.started(index)
        try:
            status, trouble = self._console(index, argv)
        except FileNotFoundError:
            status, trouble = None, f"{argv[0]} is not installed"
        self.ended(index, status, trouble)

    def _console(self, index, argv):
        """(status, trouble) of one VMM whose output is the guest's console."""
        limit = self._jobs[index].timeout
        deadline = time.monotonic() + limit
        with Child(argv) as child:
            try:
                while (line := child.line(deadline)) is not None:
                    self.said(index, line)
                return child.wait(deadline), ""
            except TimeOut:
                if rest := child.rest():
                    self.said(index, rest)
                return None, f"timed out after {limit:g} seconds"
            except Flood:
                return None, "flooded the console"

    def _nested(self, indices, icount):
        jobs = [self._jobs[index] for index in indices]
        for index in indices:
            self._results[index].rig = "nested KVM"
        try:
            rig = nested_rig.build(self._build / "rig", self._say, self._backports)
            self._say("booting L1" + (" (counting instructions)" if icount else ""))
            logs = self._build / "logs" / ("nested-icount" if icount else "nested")
            l1.run(rig, jobs, icount, logs, _Renumbered(self, indices))
        except (nested_rig.RigError, l1.L1Error) as error:
            for index in indices:
                if not self._results[index].ok and not self._results[index].reason:
                    self._results[index].unavailable = isinstance(error, nested_rig.RigUnavailable)
                    self.ended(index, None, f"nested rig: {error}")

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
        verdict = "success" if result.ok else f"FAILURE: {result.reason}"
        log.write(f"--- {result.job.label}: {verdict}\n")
        log.close()
        self._say(f"{result.job.label}: {verdict} ({result.seconds:.1f} s)"
                  + ("" if result.ok else f"; log: {result.log}"))

    def _log(self, index):
        if index not in self._logs:
            job = self._jobs[index]
            name = re.sub(r"[^\w.-]+", "-", f"{job.name}.{job.vmm}{'.icount' if job.icount else ''}")
            path = self._build / "logs" / f"{name}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._results[index].log = path
            self._logs[index] = open(path, "w")
        return self._logs[index]


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
