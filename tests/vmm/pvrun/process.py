# SPDX-License-Identifier: MIT
"""A child process that cannot outlive or outlast its runner.

It leads a process group of its own, which is killed as a whole on the way out, whatever the way;
the kernel kills it too if the runner itself is killed. Its output is read line by line against a
deadline, and a flood is cut off.
"""

import ctypes
import os
import select
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
OUTPUT_LIMIT = 64 << 20
_libc = ctypes.CDLL(None)


class TimeOut(Exception):
    """The deadline passed."""


class Flood(Exception):
    """More output than any sane guest prints."""


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Child:
    """Use as a context manager: leaving it ends the process group."""

    def __init__(self, argv, environment=None):
        self._buffer = b""
        self._received = 0
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=_die_with_parent, bufsize=0,
            env={**os.environ, **(environment or {})})
        os.set_blocking(self._process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self._process.pid

    def write(self, text):
        """Says something to the child; a child that has gone does not hear it."""
        try:
            self._process.stdin.write(text.encode())
        except OSError:
            pass

    def line(self, deadline):
        """The next line without its end; None at the end of output; TimeOut past `deadline`.

        An unfinished last line is returned at the end of output, and kept on a time-out.
        """
        while b"\n" not in self._buffer:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self._process.stdout], [], [], wait)[0]:
                raise TimeOut
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                rest, self._buffer = self._buffer, b""
                return _text(rest) if rest else None
            self._received += len(data)
            if self._received > OUTPUT_LIMIT:
                raise Flood
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return _text(line)

    def rest(self):
        """What came after the last whole line."""
        rest, self._buffer = self._buffer, b""
        return _text(rest)

    def wait(self, deadline):
        """The exit status; TimeOut past `deadline`."""
        try:
            return self._process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeOut from None

    def kill(self):
        """Ends the group. Safe to repeat; returns when the child is gone."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def _text(data):
    return data.decode("utf-8", errors="replace").rstrip("\r")
