# SPDX-License-Identifier: MIT
"""What a native guest can have done to it from outside, asked for over its COM2: as outside.sh does it
in the nested rig, but for what only a host with KVM can say.
"""

import os
import select
import tempfile
import threading
import time
from pathlib import Path

# An uncorrected machine check in bank 1 of the first CPU: outside.sh says what the numbers are.
MACHINE_CHECK = "mce 0 1 0xb000000000000136 0x5 0 0"
PIPES = ("outside", "monitor")
MOST = 4096


class Outside:
    """Use as a context manager around the guest's QEMU, which is given `words`."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="outside")
        self._fds = {}
        for pipe in PIPES:
            for end in ("in", "out"):
                path = Path(self._folder.name) / f"{pipe}.{end}"
                os.mkfifo(path)
                # For both, or opening would wait for QEMU.
                self._fds[path.name] = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        at = {pipe: f"pipe:{Path(self._folder.name) / pipe}" for pipe in PIPES}
        self.words = ["-serial", at["outside"], "-monitor", at["monitor"]]
        self._over = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.close(self._over[1])
        self._thread.join()
        os.close(self._over[0])
        for fd in self._fds.values():
            os.close(fd)
        self._folder.cleanup()

    def _serve(self):
        asked, said = self._fds["outside.out"], self._fds["monitor.out"]
        held = b""
        while self._over[0] not in (ready := select.select([asked, said, self._over[0]], [], [])[0]):
            if said in ready:
                os.read(said, MOST)
            if asked in ready:
                *words, held = (held + os.read(asked, MOST))[-MOST:].split(b"\n")
                for word in words:
                    self._write("outside.in", f"{self._answer(word.strip().decode('latin-1'))}.")

    def _answer(self, word):
        """Lines before the full stop."""
        if word == "mce":
            self._write("monitor.in", MACHINE_CHECK)
        elif word == "nmi":
            self._write("monitor.in", "nmi")
        elif word == "time":
            return f"time {int(time.time())}\n"
        else:
            return "unknown\n"
        return ""

    def _write(self, pipe, text):
        try:
            os.write(self._fds[pipe], f"{text}\n".encode())
        except BlockingIOError:
            pass  # a guest that reads no answers gets none
