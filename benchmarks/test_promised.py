# SPDX-License-Identifier: MIT
"""What is promised: the list, its limits for tests, and how figures are held against it."""

import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools"), str(HERE.parent / "tests/vmm")]

import promised  # noqa: E402
import suite as suites  # noqa: E402
from figures import Figure  # noqa: E402
from test_bench import a_full_set  # noqa: E402

SUITE = suites.load()
PROMISES = promised.load()
HEAD = '[[promise]]\nname = "p"\nsays = "P"\nunit = "u"\nmost = 3\n'
OF = 'of = { row = "irq_save", machine = "native" }\n'


def read(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "promises.toml"
        file.write_text(text)
        return promised.load(file)


def figure(value, row="irq_save", machine="native", scope="guest", **about):
    return Figure(row, machine, scope, value, **about)


class TheList(unittest.TestCase):
    def refused(self, text, words):
        with self.assertRaisesRegex(promised.PromiseError, words):
            read(text)

    def test_a_promise_made_twice_is_refused(self):
        self.refused(2 * (HEAD + OF), "twice")

    def test_a_promise_of_nothing_is_refused(self):
        self.refused(HEAD, "of a figure")

    def test_a_measure_that_nobody_knows_is_refused(self):
        self.refused(HEAD + OF + 'how = "about"', "no such measure: about")

    def test_a_comparison_with_nothing_is_refused(self):
        self.refused(HEAD + OF + 'how = "over"', "against")

    def test_a_word_that_nobody_knows_is_refused(self):
        self.refused(HEAD + 'of = { row = "irq_save", colour = "red" }', "colour")

    def test_a_promise_of_a_row_or_a_machine_that_is_not_there_is_refused(self):
        for old, new in (("irq_save", "nap"), ("native", "moon")):
            with self.assertRaisesRegex(promised.PromiseError, new):
                promised.check_against(read(HEAD + OF.replace(old, new)), SUITE)

    def test_all_that_the_project_promises_is_of_rows_that_a_run_measures(self):
        promised.check_against(PROMISES, SUITE)
        judge = promised.Judge(SUITE, a_full_set(), seconds=1.0, peers=[(1, 2)])
        missing = {finding.promise.name for finding in judge.findings(PROMISES)
                   if finding.value is None and not finding.promise.by}
        self.assertEqual(missing, {"bench_quick_seconds"})

    def test_tests_in_python_and_in_c_read_the_same_limits(self):
        self.assertEqual(promised.limit("text_bytes"), 32768)
        header = promised.header(PROMISES)
        self.assertIn("#define PROMISED_TEXT_BYTES 32768u\n", header)
        self.assertIn("#define PROMISED_CLOCK_INLINED_PERCENT 125u\n", header)

    def test_a_limit_that_nobody_set_is_an_error(self):
        with self.assertRaisesRegex(promised.PromiseError, "by the name nap"):
            promised.limit("nap")


class HeldAgainstFigures(unittest.TestCase):
    def found(self, text, *figures, **about):
        finding, = promised.Judge(SUITE, figures, **about).findings(read(HEAD + text))
        return finding

    def test_what_is_not_more_than_the_limit_is_met(self):
        self.assertEqual(self.found(OF, figure(3.0)).word, "met")
        self.assertEqual(self.found(OF, figure(3.5)).word, "NOT MET")

    def test_what_was_not_measured_is_neither(self):
        finding = self.found(OF, figure(3.0, machine="kvm"))
        self.assertEqual((finding.kept, finding.word), (None, "not measured in this run"))

    def test_what_another_command_measures_is_of_its_last_whole_run(self):
        self.assertEqual(self.found('by = "./demo"').word, "no whole run yet: ./demo")
        took = {"./demo": 2.0}.get
        self.assertEqual(self.found('by = "./demo"', elsewhere=took).value, 2.0)

    def test_the_machine_s_own_backend_counts_and_not_the_other_one(self):
        self.assertEqual(self.found(OF, figure(2.0, backend="kvm"),
                                    figure(9.0, backend="native")).value, 2.0)

    def test_how_much_more_it_is_than_another_figure(self):
        text = OF + 'how = "over"\nagainst = { mode = "raw" }'
        self.assertEqual(self.found(text, figure(5.0), figure(1.0, mode="raw")).value, 4.0)
        self.assertIsNone(self.found(text, figure(5.0)).value)

    def test_how_many_times_as_much_and_how_many_hundredths_more(self):
        for how, value in (("times", 1.25), ("percent", 25.0)):
            text = OF + f'how = "{how}"\nagainst = {{ mode = "raw" }}'
            self.assertEqual(self.found(text, figure(5.0), figure(4.0, mode="raw")).value, value)

    def test_the_largest_of_several_sizes_counts_and_is_named(self):
        text = 'of = { row = "patch", machine = "native", sizes = [100, 1000] }'
        finding = self.found(text, figure(5.0, "patch", size=100), figure(6.0, "patch", size=1000))
        self.assertEqual((finding.value, finding.where), (6.0, "1,000"))
        self.assertIsNone(self.found(text, figure(5.0, "patch", size=100)).value)

    def test_how_far_several_sizes_are_apart(self):
        text = 'how = "spread"\nof = { row = "patch", machine = "native", sizes = [100, 1000] }'
        finding = self.found(text, figure(5.0, "patch", size=100), figure(6.0, "patch", size=1000))
        self.assertAlmostEqual(finding.value, 20.0)

    def test_of_all_ops_the_worst_counts_but_for_those_left_out(self):
        text = 'of = { rows = "op", but = ["cr2_read"], machine = "native" }'
        ops = {row.name: 5.0 for row in SUITE.rows if row.source == "op"}
        ops |= {"cr3_read": 6.0, "cr2_read": 9.0}
        finding = self.found(text, *(figure(value, name) for name, value in ops.items()))
        self.assertEqual((finding.value, finding.where), (6.0, "cr3_read"))
        del ops["tlb_flush"]
        finding = self.found(text, *(figure(value, name) for name, value in ops.items()))
        self.assertEqual(finding.word, "not measured in this run")

    def test_rows_in_which_linux_needs_less_are_counted(self):
        self.assertEqual(self.found('how = "slower"', peers=[(1, 2), (3, 2)]).value, 1)
        self.assertIsNone(self.found('how = "slower"').value)

    def test_a_run_s_own_time_is_that_of_its_kind(self):
        text = HEAD.replace('"p"', '"bench_quick_seconds"') + 'how = "seconds"'
        for quick, value in ((True, 70.0), (False, None)):
            judge = promised.Judge(SUITE, [], quick, 70.0)
            self.assertEqual(judge.findings(read(text))[0].value, value)

    def test_programs_read_the_limit_and_whether_it_is_met(self):
        record = self.found(OF, figure(4.0)).record()
        self.assertEqual((record["limit"], record["measured"], record["met"]), (3, 4.0, False))


if __name__ == "__main__":
    unittest.main()
