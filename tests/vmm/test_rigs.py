# SPDX-License-Identifier: MIT
"""Tests of the rigs with the probe guest in real VMMs: can a good run be told from each bad one? Those
of the rigs that many guests share are places (places/endings.py).

Takes about a minute, most of it a boot of the nested rig.
Run: python3 -m unittest tests/vmm/test_rigs.py
"""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvrun import Job, probe, run_jobs  # noqa: E402
from pvrun.runner import BUILD  # noqa: E402

# The probe guest's letters (probe.S), and what the runner must make of each; "" is success.
ENDINGS = {
    "fail": "1 not ok: a check that fails",
    "x-triple-fault": "a triple fault ends so",
    "planned-two": "1 checks where 2 were planned",
    "linger": "timed out",
    "spin": "timed out",
}


def boot(vmm, cmdlines, **settings):
    kernel = probe.guest(BUILD)
    jobs = [Job(f"rig-{line}", vmm, kernel, line, mem=32, **settings) for line in cmdlines]
    return dict(zip(cmdlines, run_jobs(jobs, logs="logs/rigs")))


class Rigs(unittest.TestCase):
    def ticks_per_instruction(self, result):
        self.assertTrue(result.ok, result.reason)
        found = re.search(r"instructions (\d+) ticks (\d+)", "\n".join(result.lines))
        return int(found.group(2)) / int(found.group(1))

    def test_native_endings_are_told_apart(self):
        results = boot("native", ["native", *ENDINGS, "hypercall"], timeout=3)
        self.assertTrue(results["native"].ok, results["native"].reason)
        for name, words in ENDINGS.items():
            with self.subTest(name):
                self.assertFalse(results[name].ok)
                self.assertIn(words, results[name].reason)
        self.assertIn("KVM signature", results["hypercall"].reason, "no KVM is seen natively")

    def test_native_ticks_are_instructions(self):
        result = boot("native", ["ticks"], icount=True)["ticks"]
        self.assertEqual(self.ticks_per_instruction(result), 1)

    def test_nested_ticks_are_instructions_but_for_the_host_kernels_own(self):
        result = boot("kvm", ["ticks"], icount=True)["ticks"]
        self.assertAlmostEqual(self.ticks_per_instruction(result), 1, delta=0.03)


if __name__ == "__main__":
    unittest.main()
