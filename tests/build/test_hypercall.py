# SPDX-License-Identifier: MIT
"""What a hypercall, and an entry that waits for one, cost a PV guest besides Xen's own work: the
instructions of its wrapper, read from the code that a compiler makes of it (costs.py). Both wrappers,
both compilers.
"""
import sys
import unittest

import costs
from toolbox import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import promised  # noqa: E402


class Hypercalls(unittest.TestCase):
    def test_a_hypercall_wrapper_adds_at_most_what_is_promised(self):
        for compiler in ("gcc", "clang"):
            for name in costs.WRAPPERS:
                with self.subTest(compiler=compiler, wrapper=name):
                    added = costs.added_by_wrapper(compiler, name)
                    self.assertLessEqual(len(added), promised.limit("hypercall_wrapper"), added)

    def test_the_count_sees_what_a_wrapper_adds(self):
        header, _ = costs.WRAPPERS["hypercall_wrapper_shared"]
        made = costs.compiled("gcc", header, "pv_xen_hypercall(a + b, a * 3, b, c, a, b)")
        self.assertGreater(len(made), promised.limit("hypercall_wrapper"))

    def test_an_entry_in_a_batch_costs_at_most_what_is_promised(self):
        for op in ("pte_set", "pte_clear"):
            with self.subTest(op=op):
                path = costs.queued_entry(op)
                self.assertTrue(any(text.startswith("addq") for text in path), path)
                self.assertLessEqual(1 + len(path), promised.limit("queued_entry"), path)


if __name__ == "__main__":
    unittest.main()
