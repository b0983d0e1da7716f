# SPDX-License-Identifier: MIT
"""Runs many guests in one boot of a rig's L1 (a system of hosts.py).

The jobs travel in a second initramfs that is appended to the rig's own. L1 reports by frames; a
guest past its time is killed inside L1, by L1's clock or, since that clock is virtual under
instruction counting, at this side's request. If L1 itself does not obey, it is given up, the job
that hung it is reported so, and the jobs left get a fresh L1.
"""

import hashlib
import os
import time
from pathlib import Path

from debian import cpio

from .frames import FrameReader
from .process import Child, Flood, TimeOut

BOOT_SECONDS = {False: 90, True: 180}
OBEY_SECONDS = 10
LEAVE_SECONDS = 10


class L1Error(Exception):
    """L1 did not come up: no job can run."""


def run(host, jobs, icount, logs, observer):
    """Boots L1 as often as needed. `observer` hears started(i), said(i, line), and
    ended(i, status, trouble) for each index of `jobs`, in order."""
    left = list(range(len(jobs)))
    boots = 0
    while left:
        boots += 1
        with _Boot(host, jobs, left, icount, logs / f"l1-{boots}.log") as boot:
            done = boot.follow(observer)
        # follow() raises if not even the first job could be started, so this loop ends.
        left = left[done:]


class _Boot:
    def __init__(self, host, jobs, indices, icount, log):
        self._host = host
        self._jobs = jobs
        self._indices = indices
        self._icount = icount
        self._log = log
        archive = _job_archive(host, jobs, indices)
        # Derived from the jobs, not random, so that two counted runs are the same.
        self._nonce = hashlib.sha256(b"nonce" + archive).hexdigest()[:16]
        log.parent.mkdir(parents=True, exist_ok=True)
        # QEMU takes one initramfs file; its name is this process's own, as runs may overlap.
        self._initramfs = log.with_suffix(f".{os.getpid()}.cpio")
        parts = [Path(part).read_bytes() for part in (host.initramfs, *host.more_initramfs)]
        self._initramfs.write_bytes(b"".join(parts) + archive)
        try:
            self._child = Child(self._command(), host.environment)
        except OSError:
            self._initramfs.unlink()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._initramfs.unlink(missing_ok=True)

    def _command(self):
        mib = self._host.own_mib + max(self._jobs[i].mem for i in self._indices)
        return self._host.command(self._icount, mib, self._initramfs, self._log, self._nonce)

    def follow(self, observer):
        """Reads the stream to its end; the number of jobs that are settled."""
        self._await_ready()
        frames = FrameReader(self._nonce)
        settled = 0
        current = None
        deadline = time.monotonic() + OBEY_SECONDS
        asked = False
        while True:
            try:
                line = self._child.line(deadline)
            except TimeOut:
                if current is None:
                    raise L1Error(self._failure("L1 fell silent between jobs")) from None
                if not asked:
                    asked = True
                    self._child.write(f"kill {current}\n")
                    deadline = time.monotonic() + OBEY_SECONDS
                    continue
                self._flush(frames, observer, current)
                observer.ended(current, None, f"timed out after {self._jobs[current].timeout:g} "
                                              "seconds, and hung L1 with it")
                return settled + 1
            except Flood:
                if current is None:
                    raise L1Error(self._failure("L1 floods its console")) from None
                observer.ended(current, None, "flooded the console")
                return settled + 1
            if line is None:
                if current is None:
                    raise L1Error(self._failure("L1 ended between jobs"))
                observer.ended(current, None, "L1 died under this guest"
                                              f" (its kernel's log: {self._log})")
                return settled + 1
            text, frame = frames.split(line)
            if text is not None and current is not None:
                observer.said(current, text)
            if frame is None:
                continue
            if frame.kind == "begin":
                current, asked = int(frame.words[0]), False
                deadline = time.monotonic() + self._jobs[current].timeout
                observer.started(current)
            elif frame.kind == "end" and current is not None:
                observer.ended(current, *self._ending(current, frame))
                settled += 1
                current = None
                deadline = time.monotonic() + OBEY_SECONDS
            elif frame.kind == "done":
                self._leave()
                return settled

    def _await_ready(self):
        frames = FrameReader(self._nonce)
        deadline = time.monotonic() + BOOT_SECONDS[self._icount]
        heard = ""
        while True:
            try:
                line = self._child.line(deadline)
            except (TimeOut, Flood):
                raise L1Error(self._failure(
                    f"L1 was not ready after {BOOT_SECONDS[self._icount]} seconds")) from None
            if line is None:
                raise L1Error(self._failure(f"L1 ended while booting: {heard}"))
            heard, frame = frames.split(line)
            if frame and frame.kind == "ready":
                return
            if frame and frame.kind == "broken":
                raise L1Error(self._failure(" ".join(frame.words)))

    def _failure(self, what):
        return f"{what} (its kernel's log: {self._log})"

    def _flush(self, frames, observer, current):
        text, _ = frames.split(self._child.rest())
        if text:
            observer.said(current, text)

    def _ending(self, current, frame):
        """(status, trouble) out of `end N STATUS KILL [WHY]`."""
        status, killed, why = int(frame.words[1]), frame.words[2], " ".join(frame.words[3:])
        if killed == "-":
            return status, why
        limit = f"{self._jobs[current].timeout:g} seconds"
        clock = " of L1's clock" if self._icount and killed == "timeout" else ""
        return None, f"timed out after {limit}{clock}"

    def _leave(self):
        try:
            self._child.wait(time.monotonic() + LEAVE_SECONDS)
        except TimeOut:
            pass


def _job_archive(host, jobs, indices):
    archive = cpio.Archive()
    stored = {}

    def store(path):
        content = Path(path).read_bytes()
        name = "/job/files/" + hashlib.sha256(content).hexdigest()[:16]
        if name not in stored.values():
            archive.file(name, content)
        stored[str(path)] = name
        return name

    for index in indices:
        job = jobs[index]
        for name, text in host.job_files(index, job, store).items():
            archive.file(f"job/{index}/{name}", text if isinstance(text, bytes) else text.encode())
        archive.file(f"job/{index}/limit", f"{job.timeout:g}\n".encode())
    archive.file("job/list", "".join(f"{index}\n" for index in indices).encode())
    return archive.data()
