# SPDX-License-Identifier: MIT
"""What a hypercall, and an entry that waits for one, cost a PV guest besides Xen's own work: the instructions of its wrapper, read from
the code that a compiler makes of it. Both wrappers, both compilers.

Counted is all that stands between having the arguments in the registers of C and the `syscall`, and
behind it; not the `ret` of the function that is compiled for the purpose.
"""
import re
import subprocess
import unittest

from toolbox import ROOT, SCRATCH

MOST = 5
MOST_QUEUED = 25  # with the call and the return

WRAPPERS = {
    "the inline wrapper of the PV backend": ("backends/xen/pv/hypercall.h",
                                             "pv_xen_pv_call(17, a, b, c, 0)"),
    "the wrapper of the shared parts": ("backends/xen/hypercall.h",
                                        "pv_xen_hypercall(17, a, b, c, 0, 0)"),
}

FLAGS = ["-O2", "-mno-red-zone", "-ffreestanding", "-fno-pic", "-fno-pie", "-mcmodel=kernel",
         "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-mgeneral-regs-only",
         f"-I{ROOT}/include", f"-I{ROOT}"]


def function(listing, name):
    """The instructions of a function, as texts."""
    body = re.search(rf"<{name}>:\n((?:.+\n)+)", listing).group(1)
    return [line.split("\t")[2].strip() for line in body.splitlines() if line.count("\t") >= 2]


def taken_by_pv(gate):
    """Those of the gate that run in a PV guest: the first jump is taken."""
    jump = next(i for i, text in enumerate(gate) if text.startswith("ja"))
    return gate[:jump + 1] + gate[gate.index("syscall"):gate.index("syscall") + 2]


class Hypercalls(unittest.TestCase):
    def compiled(self, compiler, header, call):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        source, made = SCRATCH / "hypercall.c", SCRATCH / "hypercall.o"
        source.write_text(f'#include "{header}"\nint64_t probe(uint64_t a, uint64_t b, uint64_t c);\n'
                          f"int64_t probe(uint64_t a, uint64_t b, uint64_t c)\n{{ return {call}; }}\n")
        subprocess.run([compiler, *FLAGS, "-c", source, "-o", made], check=True)
        return self.listing(made)

    def listing(self, made):
        return subprocess.run(["objdump", "-d", "-w", "--no-show-raw-insn", made], check=True,
                              capture_output=True, text=True).stdout.replace(":\t", ":\t\t")

    def gate(self):
        made = SCRATCH / "gate.o"
        subprocess.run(["cc", "-c", ROOT / "backends/xen/hypercall.S", "-o", made], check=True)
        return taken_by_pv(function(self.listing(made), "pv_xen_hypercall_gate"))

    def test_a_hypercall_wrapper_adds_at_most_five_instructions(self):
        for compiler in ("gcc", "clang"):
            for name, (header, call) in WRAPPERS.items():
                with self.subTest(compiler=compiler, wrapper=name):
                    made = function(self.compiled(compiler, header, call), "probe")
                    if any(text.startswith("call") for text in made):
                        made += self.gate()
                    # Arguments that are constants here: they are the caller's, not the wrapper's.
                    added = [text for text in made if text != "syscall"
                             and not re.match(r"(xor|mov +\$0x0).*%(r8|r10)", text)]
                    added.remove(next(text for text in added if text.startswith("ret")))
                    self.assertEqual(made.count("syscall"), 1, made)
                    self.assertLessEqual(len(added), MOST, added)

    def test_the_count_sees_what_a_wrapper_adds(self):
        made = function(self.compiled("gcc", WRAPPERS["the wrapper of the shared parts"][0],
                                      "pv_xen_hypercall(a + b, a * 3, b, c, a, b)"), "probe")
        self.assertGreater(len(made), MOST)

    def test_an_entry_in_a_batch_costs_at_most_twenty_five_instructions(self):
        made = SCRATCH / "pv_ops.o"
        subprocess.run(["cc", "-c", f"-I{ROOT}/include", f"-I{ROOT}",
                        ROOT / "backends/xen/pv/ops.S", "-o", made], check=True)
        for op in ("pte_set", "pte_clear"):
            with self.subTest(op=op):
                path = function(self.listing(made), f"pv_xen_pv_{op}")
                # No jump of it is taken; a direct call goes behind the endbr64.
                path = path[path.index("endbr64") + 1:path.index("ret") + 1]
                self.assertTrue(any(text.startswith("addq") for text in path), path)
                self.assertLessEqual(1 + len(path), MOST_QUEUED, path)


if __name__ == "__main__":
    unittest.main()
