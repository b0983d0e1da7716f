# SPDX-License-Identifier: MIT
"""What a VMM prints on the line where the guest's console is, and how to tell the two apart."""

import re


class Plain:
    """A line that carries nothing but the guest's console."""

    ended = ""

    def feed(self, line):
        """The guest's lines that `line` completes."""
        return [line]

    def rest(self, tail):
        """The guest's lines at the end, when `tail` is what came after the last whole line."""
        return [tail] if tail else []

    def trouble(self):
        """What the line says about how the guest ended; empty if nothing."""
        return ""


class XenSerial:
    """Xen's serial line with the console of dom0.

    dom0's console_io comes out as it is, Xen's own lines begin with "(XEN) ". Xen may break into a
    line that dom0 has not finished, so the mark is searched for, and the two halves are joined.
    Xen's lines go to the file `log`. When dom0 shuts down Xen says so and halts the machine or
    waits for seconds; `ended` is then not empty, and the VMM is not worth waiting for.
    """

    MARK = "(XEN) "
    _OMEN = re.compile(r"d0v\d+ Unhandled|Triple fault|domain_crash called|Domain 0 .*crashed")
    _ENDINGS = (
        ("Hardware Dom0 halted", "the guest powered off without a result"),
        ("Hardware Dom0 crashed", "the guest crashed"),
        ("Hardware Dom0 shutdown: rebooting", "the guest reset without a result"),
        ("Hardware Dom0 shutdown: watchdog", "the guest's watchdog fired"),
    )

    def __init__(self, log):
        self._log = log
        self._held = ""
        self._omen = ""
        self._panic = None
        self.ended = ""

    def feed(self, line):
        text, mark, words = line.partition(self.MARK)
        if not mark:
            whole, self._held = self._held + text, ""
            return [whole]
        self._held += text
        self._heed(words)
        return []

    def rest(self, tail):
        """What was not read yet may be several lines, since Xen's word ends the reading."""
        *whole, last = tail.split("\n")
        said = [text for line in whole for text in self.feed(line.rstrip("\r"))]
        self._held += last.partition(self.MARK)[0]
        return said + ([self._held] if self._held else [])

    def trouble(self):
        if self.ended and self._omen:
            return f"{self.ended}; Xen says: {self._omen}"
        return self.ended

    def _heed(self, words):
        self._log.write(words + "\n")
        self._log.flush()
        if self._OMEN.search(words) and not self._omen:
            self._omen = words
        for sign, meaning in self._ENDINGS:
            if sign in words:
                self.ended = meaning
        self._read_panic(words)

    def _read_panic(self, words):
        """A panic's reason is the line after its heading."""
        if "Panic on CPU" in words:
            self._panic = ""
        elif self._panic == "" and words.strip("* \r"):
            self._panic = words.strip()
            self.ended = f"Xen panicked: {self._panic}"
