# SPDX-License-Identifier: MIT
"""Tests of the Xen rigs that have the probe guest as their only domain: can a good run be told from each
bad one? Guests beside a dom0 are places (places/endings.py).

Takes about half a minute.
Run: python3 -m unittest tests/vmm/test_xen.py
"""

import re
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvrun import Job, probe, run_jobs  # noqa: E402
from pvrun.runner import BUILD  # noqa: E402

# What the probe guest does (probe/xen.c), and what the runner must make of it.
ENDINGS = {
    "fail": "the guest reports failure; 1 not ok: a check that fails",
    "quarrel": "the guest reports failure; but TAP shows no failure",
    "planned-two": "1 checks where 2 were planned",
    "linger": "timed out",
    "reset": "the guest reset without a result",
}
# How each kind of guest dies of an exception, in Xen's words.
DEATHS = {"pv": "the guest crashed; Xen says: d%dv0 Unhandled",
          "pvh": "the guest reset without a result; Xen says: d%dv0 Triple fault"}
LOGS = "logs/rigs"


def boot(vmm, cmdlines, **settings):
    kernel = probe.guest(BUILD, "xen")
    jobs = [Job(f"rig-{line}", vmm, kernel, line, **{"mem": 64, **settings}) for line in cmdlines]
    return dict(zip(cmdlines, run_jobs(jobs, logs=LOGS)))


def nonsense():
    """A file that is no kernel."""
    path = BUILD / "probe/nonsense"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(4096))
    return path


class Dom0(unittest.TestCase):
    def assert_endings(self, results, endings):
        for name, words in endings.items():
            with self.subTest(name):
                self.assertFalse(results[name].ok)
                self.assertRegex(results[name].reason, re.escape(words).replace("%d", r"\d+"))

    def assert_good(self, results, kind):
        version, much = results["hypercall"], results["many"]
        self.assertTrue(version.ok, version.reason)
        self.assertRegex("\n".join(version.lines), rf"# Xen \d+\.\d+, {kind.upper()} dom0\n")
        self.assertTrue(much.ok, much.reason)
        self.assertEqual(len(much.tap.passed), 400)

    def assert_last_words(self, results, words):
        for name, text in words.items():
            self.assertEqual(results[name].lines[-1], text)

    def test_endings_are_told_apart(self):
        """A guest that blocks for ever costs nothing but time, in which the others run."""
        with ThreadPoolExecutor(1) as pool:
            lingering = pool.submit(lambda: {kind: boot(f"xen-dom0-{kind}", ["linger"], timeout=12)
                                             for kind in DEATHS})
            for kind, death in DEATHS.items():
                self.assert_kind(kind, death)
            for results in lingering.result().values():
                self.assert_endings(results, {"linger": ENDINGS["linger"]})
                self.assert_last_words(results, {"linger": "ok 1 - before the ha"})

    def assert_kind(self, kind, death):
        endings = {**ENDINGS, "off": "the guest powered off without a result",
                   "crash": "the guest crashed", "x-die": death}
        del endings["linger"]
        results = boot(f"xen-dom0-{kind}", ["hypercall", "many", *endings])
        self.assert_good(results, kind)
        self.assert_endings(results, endings)
        self.assert_last_words(results, {"x-die": "ok 1 - before the fau"})

    def test_a_kernel_that_is_none_makes_xen_panic(self):
        result = run_jobs([Job("rig-nonsense", "xen-dom0-pv", nonsense(), "")], logs=LOGS)[0]
        self.assertIn("Xen panicked: Could not", result.reason)

    def test_a_pv_guests_ticks_are_instructions(self):
        result = boot("xen-dom0-pv", ["ticks"], icount=True)["ticks"]
        self.assertTrue(result.ok, result.reason)
        found = re.search(r"instructions (\d+) ticks (\d+)", "\n".join(result.lines))
        self.assertAlmostEqual(int(found.group(2)) / int(found.group(1)), 1, delta=0.03)


if __name__ == "__main__":
    unittest.main()
