# SPDX-License-Identifier: MIT
"""The example kernel's shell, by its serial line: what a person types, and what comes back.

Run: python3 -m unittest tests/vmm/test_shell.py
"""

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvrun import Job, native  # noqa: E402
from pvrun.jobs import EXIT_SUCCESS  # noqa: E402
from pvrun.process import Child  # noqa: E402
from pvrun.runner import BUILD  # noqa: E402

GUEST = BUILD / "examples/guest-kernel/guest-kernel.elf"
SECONDS = 120
PROMPT = "pvops> "
BACKSPACE, DELETE = "\b", "\x7f"


class Shell(unittest.TestCase):
    """One boot. The next line is typed when the last one has been answered."""

    def setUp(self):
        if not GUEST.is_file():
            self.fail(f"there is no {GUEST}: the build makes it")
        self.deadline = time.monotonic() + SECONDS
        self.child = Child(native.emulated(Job("shell", "native", GUEST, "shell")))
        self.addCleanup(self.child.kill)
        self.heard("type help for a list of commands")

    def heard(self, words):
        """The lines up to the first with these words in it, which is the last."""
        lines = []
        while not lines or words not in lines[-1]:
            line = self.child.line(self.deadline)
            self.assertIsNotNone(line, f"the kernel ended before it said '{words}': {lines[-5:]}")
            lines.append(line)
        return lines

    def typed(self, keys, answer):
        self.child.write(keys + "\r")
        return self.heard(answer)

    def test_a_person_looks_around_changes_sites_and_backends_and_ends_the_machine(self):
        self.assertIn("switch: NAME: change the backend of the running kernel",
                      self.typed("help", "crash="))
        self.assertIn("backend  native: ", "\n".join(self.typed("info", "pages free")))
        self.assertIn("done", self.typed("check", "done"))
        self.typed("unpatch", "done")
        self.assertRegex(self.typed("info", "sites    ")[-1],
                         ": 0 inlined, 0 direct, [1-9][0-9]* indirect, 0 missing")
        self.typed("patch", "done")
        self.assertRegex(self.typed("info", "sites    ")[-1], ", 0 indirect, 0 missing")
        self.typed("switch native", "done")
        self.assertIn("no backend has that name", self.typed("switch nonsense", "refused: ")[-1])
        self.typed("nonsense", "# not a word of the command line: nonsense")
        erased = self.typed(f"chxx{BACKSPACE}{DELETE}eck", "done")
        self.assertEqual(erased[-2], PROMPT + "chxx\b \b\b \beck")
        plan = self.typed("selftest test=sites", "1..")[-1]
        self.assertFalse([line for line in self.heard(f"ok {plan.removeprefix('1..')} - ")
                          if line.startswith("not ok")])
        self.child.write("poweroff\r")
        while self.child.line(self.deadline) is not None:
            pass
        self.assertEqual(self.child.wait(self.deadline), EXIT_SUCCESS)


if __name__ == "__main__":
    unittest.main()
