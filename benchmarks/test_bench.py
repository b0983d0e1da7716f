# SPDX-License-Identifier: MIT
"""The suite's list, what is read from a kernel, comparisons, the gate, and the page in a browser."""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools"), str(HERE.parent / "tests/vmm")]

import bench  # noqa: E402
import compare  # noqa: E402
import due  # noqa: E402
import figures as kept  # noqa: E402
import gate  # noqa: E402
import guest  # noqa: E402
import promised  # noqa: E402
import report  # noqa: E402
import show  # noqa: E402
import suite as suites  # noqa: E402
import svg  # noqa: E402
from figures import Figure  # noqa: E402
from view import ON_HOST, View  # noqa: E402

SUITE = suites.load()
MACHINE = SUITE.machines[0]
BACKEND = '{"type":"backend","backend":"native"}'
BENCH = ('{"type":"bench","op":"irq_save","mode":"patched","n":100,"ticks":300,"per_op":3.00}')
STEPS = '{"type":"steps","op":"irq_save","mode":"patched","n":10,"steps":30,"calls":0}'
PATH = ('{"type":"path","path":"space_build","size":100,"cpus":1,"n":2,"ticks":1000,"steps":-1,'
        '"step_calls":-1,"calls":8,"entries":26,"updates":240,"returns":2,"exits":3,'
        '"host_calls":7,"waits":6}')
EXITS = '{"type":"exits","op":"irq_eoi","mode":"patched","n":100,"exits":101,"host_calls":99}'
# Counted from inside the page once it is laid out: what overlaps or lies outside is a fault.
LAYOUT = """
<script>addEventListener('load', () => {
  const faults = [], box = e => e.getBoundingClientRect();
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 &&
                           a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 1 ||
                          b.bottom <= a.top + 1;
  let bars = 0, texts = 0, lines = 0;
  document.querySelectorAll('svg').forEach((svg, n) => {
    const words = [...svg.querySelectorAll('text')];
    svg.querySelectorAll('rect').forEach(r => { bars++;
      if (!(box(r).width > 0 && box(r).height > 4)) faults.push('a bar of nothing in ' + n);
      if (getComputedStyle(r).fill === 'rgb(0, 0, 0)') faults.push('a bar without colour in ' + n); });
    svg.querySelectorAll('polyline').forEach(() => lines++);
    words.forEach((t, i) => { texts++;
      if (!inside(box(t), box(svg))) faults.push('cut off: ' + t.textContent);
      words.slice(i + 1).forEach(u => { if (!apart(box(t), box(u)))
        faults.push('over each other: ' + t.textContent + ' / ' + u.textContent); }); });
  });
  if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the window');
  const out = document.createElement('pre'); out.id = 'seen';
  const promised = [...document.querySelectorAll('table.promised tbody tr')].map(row =>
    box(row).height > 10 ? [...row.cells].map(cell => cell.innerText.trim()) : []);
  out.textContent = JSON.stringify({bars, texts, lines, faults, promised, charts:
    document.querySelectorAll('svg').length, titles: document.querySelectorAll('h3').length});
  document.body.append(out); });</script>"""


def result(*lines, rig="TCG", versions=None):
    return SimpleNamespace(lines=list(lines), rig=rig, versions=versions or {})


def read(*lines, counted=True, **about):
    return guest.figures_of(SUITE, MACHINE, result(*lines, **about), counted)


def some(machine="native", value=10.0, **about):
    about = {"row": "irq_save", "scope": "all", "backend": "native", **about}
    return Figure(machine=machine, value=value, **about)


def a_full_set():
    """Figures for every row, as a run might bring them, long numbers among them."""
    found = []
    for place, machine in enumerate(SUITE.machines):
        for number, row in enumerate(SUITE.rows):
            if row.source in ("host", "program"):
                continue
            modes = ("raw", "unpatched", "patched") if row.source == "op" else ("patched",)
            for size in row.sizes:
                for mode in modes:
                    value = 10.0 ** (number % 8) * 1.37 + place + size
                    found += [Figure(row.name, machine.name, scope, value, mode=mode, size=size,
                                     backend=f"backend-{place}")
                              for scope in ("all", "guest", "hypercalls", "entries", "updates",
                                            "exits", "host_calls", "waits")]
    found += [Figure(row.name, "host", "all" if row.source == "host" else row.scope, 12.5, mode="-")
              for row in SUITE.rows if row.source in ("host", "program")]
    return found + [Figure("workload", "native-bound", "all", 12.5, mode="bound"),
                    Figure("linux_syscall", "kvm", "all", 999.0, mode="linux", guest="linux")]


def all_findings():
    return promised.Judge(SUITE, a_full_set(), False, 100.0, [(1.0, 2.0)]).findings(promised.load())


ABOUT = {"unit": "instructions", "date": "2026-01-01", "facts": {"compiler": "GCC 1.2.3"},
         "left_out": ["KVM: not here"]}


class TheList(unittest.TestCase):
    def refused(self, text):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "suite.toml"
            file.write_text(text)
            with self.assertRaises(suites.SuiteError) as caught:
                suites.load(file)
            return str(caught.exception)

    machine = '[[machine]]\nname = "m"\ntitle = "M"\nfull = "ops"\nbackends = ["b"]\n'
    row = '[[row]]\nname = "r"\ngroup = "g"\nfrom = "op"\ntitle = "R"\n'

    def test_a_row_named_twice_is_refused(self):
        self.assertIn("named twice: r", self.refused(self.machine + self.row + self.row))

    def test_a_row_from_nowhere_is_refused(self):
        self.assertIn("from sky", self.refused(self.machine + self.row.replace('"op"', '"sky"')))

    def test_a_row_of_a_program_that_is_not_named_is_refused(self):
        row = self.row.replace('"op"', '"program"')
        self.assertIn("by no program", self.refused(self.machine + row))

    def test_a_word_that_nobody_knows_is_refused(self):
        self.assertIn("colour", self.refused(self.machine + self.row + 'colour = "red"\n'))

    def test_a_machine_without_a_backend_is_refused(self):
        self.assertIn("by which backend", self.refused(self.machine.replace('["b"]', "[]")
                                                       + self.row))

    def test_a_row_of_a_place_that_is_not_there_is_refused(self):
        self.assertIn("no such place: m by c", self.refused(self.machine + self.row
                                                            + 'only = ["m by c"]\n'))

    def test_sizes_of_nothing_are_refused(self):
        self.assertIn("sizes of nothing", self.refused(self.machine + self.row + "sizes = [1]\n"))

    def test_every_word_of_the_list_is_explained_in_its_heading(self):
        heading = suites.FILE.read_text().partition("# Less is better")[0]
        known = {"from", *suites.Machine.__dataclass_fields__, *suites.Row.__dataclass_fields__}
        said = {"name", "title", "group", "source"}
        self.assertEqual({word for word in known - said if f"`{word}`" not in heading}, set())
        self.assertEqual(set(re.findall(r"`(\w+)`", heading)) - known, set())

    def test_every_hot_op_of_the_library_is_measured(self):
        headers = (HERE.parent / "include/pvops/ops").glob("*.h")
        text = " ".join("".join(file.read_text() for file in headers).split())
        # PV_OP(HOT, convention, length, shape, type, name, (parameters), (arguments))
        ops = re.findall(r"PV_OP\(HOT, \w+, \d+, \w+, [^(]*?(\w+), \(", text)
        self.assertGreaterEqual(len(ops), 30)
        self.assertEqual(set(ops) - {row.name for row in SUITE.rows if row.source == "op"}, set())

    def test_what_kernels_do_with_ops_is_measured(self):
        for what, rows in {
                "hypercall": {"hypercall"}, "interrupt": {"interrupt_self", "workload_timer"},
                "interrupt to others": {"interrupt_other", "interrupt_running", "interrupt_others"},
                "remote flush": {"flush_others"}, "page fault": {"fault_in_kernel",
                                                                 "fault_in_process"},
                "context switch": {"workload_switches", "switch_spaces"},
                "address space": {"space_build"}, "system call": {"system_call"},
                "end of interrupt": {"irq_eoi", "pv_eoi"}, "timer": {"timer_set"},
                "clock": {"clock_ns", "clock_called"}, "boot": {"boot"},
                "lock": {"lock_acquire", "lock_pair_native", "lock_contended"},
                "patching": {"patch", "unpatch"}}.items():
            self.assertEqual(rows - {row.name for row in SUITE.rows}, set(), what)

    def test_remote_work_is_measured_at_one_to_four_cpus_and_patching_up_to_100_000_sites(self):
        bench = HERE.parent / "examples/guest-kernel/bench"
        cpus = re.findall(r'"flush_others", (\d)', (bench / "cpus.c").read_text())
        self.assertEqual(cpus, ["1", "2", "3", "4"])
        self.assertIn("{100, 1000, 10000, 100000}", (bench / "patching.c").read_text())

    def test_every_figure_of_the_example_kernel_has_a_row(self):
        source = (HERE.parent / "examples/guest-kernel/bench").glob("*.c")
        text = "".join(file.read_text() for file in source)
        names = set(re.findall(r'^    \{"(\w+)", ', text, re.MULTILINE))
        self.assertGreater(len(names), 40)
        self.assertEqual(names - {row.name for row in SUITE.rows}, set())


class WhatAKernelPrints(unittest.TestCase):
    def test_a_figure_of_an_op_is_the_cost_of_one(self):
        figure, = read(BACKEND, BENCH)
        self.assertEqual((figure.row, figure.scope, figure.value, figure.backend),
                         ("irq_save", "all", 3.0, "native"))

    def test_steps_are_the_kernel_s_own_and_calls_are_told_apart(self):
        self.assertEqual([(f.scope, f.value) for f in read(BACKEND, STEPS)],
                         [("guest", 3.0), ("hypercalls", 0.0)])

    def test_a_path_tells_calls_entries_updates_and_exits_of_one(self):
        self.assertEqual({f.scope: f.value for f in read(BACKEND, PATH)},
                         {"all": 500.0, "hypercalls": 5.0, "entries": 13.0, "updates": 120.0,
                          "exits": 1.5, "host_calls": 3.5, "waits": 3.0})

    def test_exits_of_an_op_are_those_of_one(self):
        self.assertEqual({(f.row, f.scope): f.value for f in read(BACKEND, EXITS)},
                         {("irq_eoi", "exits"): 1.0, ("irq_eoi", "host_calls"): 1.0})

    def test_work_that_took_less_than_nothing_was_not_measured(self):
        lost = PATH.replace('"ticks":', '"ticks":-')
        self.assertEqual({f.scope for f in read(BACKEND, lost)},
                         {"hypercalls", "entries", "updates", "exits", "host_calls", "waits"})
        lost = BENCH.replace("irq_save", "workload_switches").replace('"ticks":', '"ticks":-')
        self.assertEqual(read(BACKEND, BENCH.replace("irq_save", "workload_switches"))[0].value, 3.0)
        with self.assertRaisesRegex(guest.GuestError, "printed no figure"):
            read(BACKEND, lost)

    def test_the_size_of_patching_is_how_many_sites_there_were(self):
        line = BENCH.replace("irq_save", "patch")
        self.assertEqual(read(BACKEND, line)[0].size, 100)

    def test_a_second_backend_has_figures_of_its_own(self):
        other = BACKEND.replace('d":"native', 'd":"kvm')
        keys = {f.key for f in read(BACKEND, BENCH, other, BENCH)}
        self.assertEqual(len(keys), 2)

    def test_cycles_are_not_called_instructions(self):
        scopes = {f.scope for f in read(BACKEND, BENCH, STEPS, counted=False)}
        self.assertEqual(scopes, {"cycles", "guest", "hypercalls"})

    def test_half_a_line_is_an_error_that_shows_it(self):
        with self.assertRaisesRegex(guest.GuestError, "malformed line .*irq_sa"):
            read(BACKEND, BENCH[:30])

    def test_a_silent_kernel_is_an_error(self):
        with self.assertRaisesRegex(guest.GuestError, "no figure"):
            read("hello")

    def test_a_figure_with_a_hypervisor_in_it_carries_its_version(self):
        found = read(BACKEND, BENCH, STEPS, rig="Xen", versions={"Xen": "4.17"})
        self.assertEqual({f.scope: f.versions.get("Xen") for f in found},
                         {"all": "4.17", "guest": None, "hypercalls": None})


class WhatIsDue(unittest.TestCase):
    def lost(self, gone, machine="native", words=None, backend=None, counted=True):
        """What is said if all came but for this (row, size, mode, scope)."""
        machine = SUITE.machine(machine)
        words = words or machine.full
        figures = [Figure(row, machine.name, scope, 1.0, mode=mode, backend=by, size=size)
                   for row, size, by, mode, scope in due.keys(SUITE, machine, words, counted)
                   if (row, size, mode, scope) != gone or by != (backend or machine.backends[0])]
        return due.missing(SUITE, machine, words, figures, counted)

    def test_nothing_is_missing_of_all_that_is_due(self):
        for machine in SUITE.everywhere:
            self.assertEqual(self.lost(None, machine.name), [])

    def test_what_does_not_come_is_named(self):
        self.assertEqual(self.lost(("irq_save", 0, "raw", "guest")),
                         ["native: no figure of irq_save by native: raw guest"])

    def test_a_size_or_a_backend_that_does_not_come_is_named(self):
        self.assertEqual(self.lost(("flush_others", 3, "patched", "all"), "kvm", backend="native"),
                         ["KVM: no figure of flush_others, 3 by native: patched all"])

    def test_without_a_second_cpu_all_rows_of_several_are_missing(self):
        machine = SUITE.machines[0]
        one = [Figure(row, machine.name, scope, 1.0, mode=mode, backend=by, size=size)
               for row, size, by, mode, scope in due.keys(SUITE, machine, machine.full)
               if SUITE.row(row).group != "CPUs and locks" or SUITE.row(row).source == "op"]
        text = " ".join(due.missing(SUITE, machine, machine.full, one))
        for name in ("interrupt_other ", "call_others, 4", "flush_others, 1", "lock_contended, 2"):
            self.assertIn(name, text)

    def test_who_has_no_processor_for_each_cpu_owes_no_turns_at_a_lock(self):
        for words, sizes in (("paths", {1}), ("paths+processors", {1, 2, 3, 4})):
            keys = due.keys(SUITE, SUITE.machines[0], words)
            self.assertEqual({size for row, size, *_ in keys if row == "lock_contended"}, sizes)

    def test_exits_are_due_where_the_host_counts_them(self):
        for machine, wanted in (("kvm", {"kvm", "native"}), ("native", set())):
            machine = SUITE.machine(machine)
            self.assertEqual({by for row, _, by, _, scope in due.keys(SUITE, machine, machine.full)
                              if (row, scope) == ("irq_eoi", "exits")}, wanted)

    def test_the_boot_is_due_of_the_backend_that_booted(self):
        machine = SUITE.machine("kvm")
        self.assertEqual({by for row, _, by, *_ in due.keys(SUITE, machine, machine.full)
                          if row == "boot"}, {"kvm"})

    def test_a_promise_that_a_whole_run_did_not_measure_fails_it(self):
        promises = promised.load()
        figures = [figure for figure in a_full_set() if figure.row != "irq_disable"]
        figures += [Figure("linux_syscall", "kvm", "all", 999.0, mode="linux", guest="linux")]
        for words, troubles in (({}, 1), ({"quick": True}, 0), ({"only": "kvm"}, 0)):
            options = {"cycles": False, "quick": False, "only": None, "no_linux": False, **words}
            run = bench.Run(SUITE, SimpleNamespace(**options))
            run.figures = [figure for figure in figures if figure.row != "irq_disable"]
            bench.judged(run, promises, 10.0)
            said = [text for text in run.troubles if "Interrupts off in a PV guest" in text]
            self.assertEqual(len(said), troubles, words)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = Path(self.folder.name) / "deep/figures.json"

    def test_what_is_written_is_read_back(self):
        kept.write(self.file, a_full_set(), ABOUT)
        about, found = kept.read(self.file)
        self.assertEqual(found, a_full_set())
        self.assertEqual(about["facts"], ABOUT["facts"])

    def refused(self, text):
        self.file.parent.mkdir()
        self.file.write_text(text)
        with self.assertRaises(kept.FiguresError) as caught:
            kept.read(self.file)
        self.assertIn(str(self.file), str(caught.exception))

    def test_a_file_that_is_no_json_is_refused(self):
        self.refused("hello")

    def test_a_file_of_another_format_is_refused(self):
        self.refused('{"format": 99}\n')

    def test_a_figure_with_an_unknown_scope_is_refused(self):
        self.refused('{"format": 1}\n{"row": "r", "machine": "m", "scope": "x", "value": 1}\n')

    def test_a_file_that_is_not_there_is_refused(self):
        with self.assertRaises(kept.FiguresError):
            kept.read(self.file)


class Comparing(unittest.TestCase):
    def test_more_is_worse_and_less_is_better(self):
        text = compare.text([some(value=100), some(value=50, mode="raw")],
                            [some(value=120), some(value=40, mode="raw")])
        self.assertRegex(text, r"worse:\n  irq_save .*100 -> 120 \(\+20.0 %\)")
        self.assertRegex(text, r"better:\n  irq_save .*50 -> 40 \(-20.0 %\)")

    def test_figures_of_different_hypervisors_are_not_compared(self):
        text = compare.text([some(value=100, versions={"Xen": "4.17"})],
                            [some(value=900, versions={"Xen": "4.20"})])
        self.assertIn("not comparable: 1 figures (Xen 4.17 -> 4.20)", text)
        self.assertNotIn("worse", text)

    def test_what_is_equal_is_not_mentioned(self):
        self.assertEqual(compare.text([some()], [some()]), "1 figures compared, 0 differ")

    def test_cycles_may_differ_by_what_their_runs_did(self):
        old, new = (some(value=value, scope="cycles", spread=0.1) for value in (100, 115))
        self.assertEqual(compare.worse([old], [new]), [])
        old, new = (some(value=value, scope="cycles", spread=0.01) for value in (100, 115))
        self.assertEqual(len(compare.worse([old], [new])), 1)

    def test_linux_on_xen_may_differ_by_three_percent_and_no_more(self):
        for percent, differ in ((2.9, 0), (3.1, 1)):
            old, new = (some(value=value, row="linux_fork_exit", machine="xen-domu-pv",
                             guest="linux") for value in (1000, 1000 + 10 * percent))
            self.assertEqual(len(compare.worse([old], [new])), differ)
            self.assertEqual(len(compare.worse([some(value=1000)],
                                               [some(value=1000 + 10 * percent)])), 1)

    def test_what_includes_l1_below_kvm_may_differ_by_ten_percent_and_the_kernel_s_own_by_one(self):
        for scope, differ in (("all", 0), ("guest", 1)):
            old, new = (some(value=value, machine="kvm", scope=scope) for value in (1000, 1090))
            self.assertEqual(len(compare.worse([old], [new])), differ)

    def test_two_exits_more_are_the_host_s_own(self):
        for more, differ in ((2, 0), (2.5, 1)):
            old, new = (some(value=value, scope="exits") for value in (1, 1 + more))
            self.assertEqual(len(compare.worse([old], [new])), differ)

    def test_what_came_and_went_is_counted(self):
        text = compare.text([some(row="a"), some(row="b")], [some(row="b"), some(row="c")])
        self.assertIn("only before: 1 figures", text)
        self.assertIn("only now: 1 figures", text)


class Cycles(unittest.TestCase):
    def boots(self, *values):
        return bench._middles([[some(value=value, scope="cycles")] for value in values])

    def test_the_first_boot_is_warm_up_and_the_median_of_the_others_counts(self):
        figure, = self.boots(9000, 100, 102, 101, 99, 500)
        self.assertEqual(figure.value, 101)

    def test_the_spread_is_that_of_the_middle_half(self):
        figure, = self.boots(9000, 100, 100, 100, 110, 900)
        self.assertAlmostEqual(figure.spread, 0.1)

    def test_a_machine_that_is_too_noisy_to_tell_is_called_so(self):
        self.assertIn("too noisy to tell: 1 figures", bench.noise([
            some(scope="cycles", spread=0.3), some(scope="cycles", spread=0.02, row="x")]))
        self.assertEqual(bench.noise([some(scope="cycles", spread=0.02), some(spread=0.3)]), "")

    def test_the_page_says_so_too(self):
        about = {**ABOUT, "unit": "cycles", "notes": ["this machine is too noisy to tell"]}
        self.assertIn("too noisy to tell", report.page(SUITE, about, [some(scope="cycles")]))


class TheGate(unittest.TestCase):
    def test_an_instruction_more_is_a_failure_that_says_how_to_renew(self):
        found = gate.problems({"irq_save patched guest": 3.0}, {"irq_save patched guest": 4.0})
        self.assertEqual(len(found), 1)
        self.assertIn("3 before, 4 now", found[0])
        self.assertIn("--renew-baseline", found[0])

    def test_two_percent_of_many_instructions_are_let_pass(self):
        self.assertEqual(gate.problems({"x patched guest": 400.0}, {"x patched guest": 408.0}), [])
        self.assertEqual(len(gate.problems({"x patched guest": 400.0}, {"x patched guest": 409})), 1)

    def test_no_call_of_the_vmm_more_is_let_pass(self):
        before = {"x patched hypercalls": 1.0}
        self.assertEqual(len(gate.problems(before, {"x patched hypercalls": 1.5})), 1)

    def test_half_a_call_is_let_pass_where_several_cpus_call(self):
        before, now = ({"flush_others 4 patched hypercalls": count} for count in (1.0, 1.5))
        self.assertEqual(gate.problems(before, now, gate.several(SUITE)), [])
        self.assertEqual(len(gate.problems(before, now)), 1)
        now = {"flush_others 4 patched hypercalls": 2.0}
        self.assertEqual(len(gate.problems(before, now, gate.several(SUITE))), 1)

    def test_work_of_two_to_four_cpus_is_looked_at_on_every_machine_that_counts_calls(self):
        for of in gate.load().values():
            for machine, scope in (("kvm", "host_calls"), ("xen-dom0-pv", "hypercalls")):
                wanted = {f"flush_others {size} patched {scope}" for size in (2, 3, 4)}
                self.assertEqual(wanted - set(of[machine]), set())

    def test_a_figure_that_is_gone_is_a_failure(self):
        self.assertIn("not measured now", gate.problems({"x patched guest": 1.0}, {})[0])

    def test_less_is_let_pass(self):
        self.assertEqual(gate.problems({"x patched guest": 9.0}, {"x patched guest": 2.0}), [])

    def test_the_baseline_in_the_repository_has_every_machine(self):
        for compiler, machines in gate.load().items():
            self.assertRegex(compiler, r"GCC|clang")
            self.assertEqual(set(machines), {machine.name for machine in SUITE.machines})
            for of in machines.values():
                self.assertGreater(len(of), 100)


class TheDocs(unittest.TestCase):
    text = (HERE.parent / "docs/benchmarks.md").read_text()

    def test_every_row_of_a_vmm_stands_in_the_table(self):
        first = {line.split("|")[1].strip() for line in self.text.splitlines()
                 if line.startswith("| ")}
        view = View(SUITE, a_full_set())
        lacking = [view.label(row, size) for row in SUITE.rows if row.source not in ON_HOST
                   for size in row.sizes if view.label(row, size) not in first]
        self.assertEqual(lacking, [])

    def test_a_cell_is_empty_only_where_nothing_is_due(self):
        heads, found = None, 0
        names = {View(SUITE, a_full_set()).label(row, size): (row, size) for row in SUITE.rows
                 for size in row.sizes if row.source not in ON_HOST}
        places = {f"{m.title} by {by}" if n else m.title: (m, by)
                  for m in SUITE.machines for n, by in enumerate(m.backends)}
        for line in self.text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[1:2] == [SUITE.machines[0].title]:
                heads = cells
            if heads is None or cells[0] not in names:
                continue
            row, size = names[cells[0]]
            for head, cell in zip(heads[1:], cells[1:]):
                machine, by = places[head]
                keys = due.keys(SUITE, machine, machine.full)
                mode = "unpatched" if row.name == "unpatch" else "patched"
                self.assertEqual(cell != "-", (row.name, size, by, mode, "all") in keys,
                                 (cells[0], head))
                found += 1
        self.assertGreater(found, 300)


class ForPeople(unittest.TestCase):
    def test_the_table_names_every_group_and_place(self):
        text = show.text(SUITE, ABOUT, a_full_set(), 200)
        of_programs = {row.group for row in SUITE.rows if row.source in ("host", "program")}
        for words in (*(group.upper() for group in SUITE.groups() if group not in of_programs),
                      *(machine.title for machine in SUITE.machines)):
            self.assertIn(words, text)

    def test_the_table_can_be_had_for_a_page_of_the_docs(self):
        text = show.text(SUITE, ABOUT, a_full_set(), 200, all_findings(), show.markdown)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        self.assertIn("| **memory** |  |  |  |  |", rows)
        self.assertIn("| --- | --- | --- | --- | --- |", rows)
        self.assertTrue(any(line.startswith("| Interrupts off | 1.37 (") for line in rows))
        self.assertTrue(any(line.endswith("| met |") for line in rows))

    def test_what_is_not_the_same_in_every_run_is_marked(self):
        figures = [some(value=100), some(value=2, scope="exits"),
                   some(value=7, row="linux_fork_exit", machine="xen-domu-pv", guest="linux"),
                   some(value=8, row="linux_fork_exit", machine="kvm", guest="linux")]
        text = show.text(SUITE, ABOUT, figures, 200)
        self.assertIn(" 100 (~2 exits)", text)
        page = report.page(SUITE, ABOUT, figures)
        self.assertIn("xen-domu-pv: ~7<", page)
        self.assertIn("kvm: 8<", page)

    def test_cycles_are_shown_with_their_spread(self):
        figures = [some(value=100, scope="cycles", spread=0.08)]
        about = {**ABOUT, "unit": "cycles"}
        self.assertIn("~100 ±4%", show.text(SUITE, about, figures, 200))
        self.assertIn("~100 ±4%", report.page(SUITE, about, figures))

    def test_numbers_are_short(self):
        self.assertEqual([svg.number(v) for v in (0.0, 3.0, 2.25, 66.66, 1234.5, None)],
                         ["0", "3", "2.25", "66.7", "1,234" if svg.number(1234.5) == "1,234"
                          else "1,235", "-"])

    def test_the_table_shows_what_is_promised_beside_what_is_measured(self):
        figures = [Figure("irq_save", "xen-dom0-pv", "guest", 4.0, backend="xen-pv")]
        findings = promised.Judge(SUITE, figures).findings(promised.load())
        text = show.text(SUITE, ABOUT, figures, 200, findings)
        self.assertRegex(text, r"Interrupts off and whether .* 3 instructions +4 +NOT MET")
        self.assertIn(f"and {len(findings) - 1} that this run has not measured", text)

    def test_a_page_without_any_figure_is_still_a_page(self):
        self.assertIn("<h1>", report.page(SUITE, ABOUT, []))

    def test_the_page_has_a_chart_for_each_way_to_look_at_costs(self):
        titles = re.findall("<h3>(.*?)</h3>", report.page(SUITE, ABOUT, a_full_set()))
        for machine in SUITE.machines:
            self.assertIn(f"{machine.title}: the kernel&#x27;s own instructions, fewer are better",
                          titles)
        for row in (row for row in SUITE.rows if row.per):
            self.assertIn(f"{row.title}: instructions by the number of {row.per}, lower is better",
                          titles)
        for group in {row.group for row in SUITE.rows if row.source in ("op", "path")}:
            self.assertIn(f"{group[0].upper()}{group[1:]}: all instructions, fewer are better", titles)

    def test_the_suite_scales_over_cpus_pages_and_sites(self):
        self.assertEqual({row.per for row in SUITE.rows if row.per}, {"CPUs", "pages", "sites"})

    def test_nothing_is_fetched_by_the_page(self):
        page = report.page(SUITE, ABOUT, a_full_set())
        self.assertEqual(re.findall(r"(?:src|href|url|@import)\s*[=(]", page), [])


@unittest.skipUnless(shutil.which("chromium"), "there is no chromium (tools/deps check)")
class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "report.html"
            page = report.page(SUITE, ABOUT, a_full_set(), all_findings())
            file.write_text(page.replace("</body>", LAYOUT + "</body>"))
            words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                     f"--user-data-dir={folder}/profile", "--virtual-time-budget=10000",
                     "--window-size=1000,1000", f"--screenshot={folder}/page.png", "--dump-dom",
                     file.as_uri()]
            done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
            seen = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
            if not seen:
                raise RuntimeError(f"the browser says nothing: {done.stderr[-300:]}")
            cls.seen = json.loads(html.unescape(seen[1]))

    def test_every_chart_has_its_title_and_its_bars_or_lines(self):
        self.assertGreater(self.seen["charts"], 15)
        self.assertEqual(self.seen["charts"], self.seen["titles"])
        self.assertGreater(self.seen["bars"], 300)
        self.assertGreater(self.seen["lines"], 15)

    def test_every_promise_is_to_be_seen_with_its_limit_and_whether_it_is_met(self):
        seen = {cells[0].partition(" (")[0]: cells[2:] for cells in self.seen["promised"]}
        for finding in all_findings():
            says = finding.promise.says.partition(" (")[0]
            limit, measured, word = seen[says]
            self.assertEqual(limit, f"{finding.promise.most:g}")
            self.assertEqual(measured.lstrip("~ "), svg.number(finding.value))
            self.assertEqual(word, finding.word)
        self.assertEqual({cells[-1].partition(":")[0] for cells in seen.values()},
                         {"met", "NOT MET", "no whole run yet", "not measured in this run"})

    def test_no_words_are_cut_off_or_over_each_other(self):
        self.assertEqual(self.seen["faults"], [])


if __name__ == "__main__":
    unittest.main()
