# SPDX-License-Identifier: MIT
"""Unit tests of the tools behind ./demo and ./check. Run: python3 -m unittest tools/test_tools.py"""

import contextlib
import io
import os
import json
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cases  # noqa: E402
import check  # noqa: E402
import demo  # noqa: E402
import lint  # noqa: E402
import steps  # noqa: E402
import table  # noqa: E402
import transcript  # noqa: E402
from steps import PROJECT, Log, Tally  # noqa: E402

from places import Place  # noqa: E402
from places import bench as gate_places  # noqa: E402
from pvrun import Job, Result  # noqa: E402
from pvrun.tap import Tap  # noqa: E402

INFO = {"type": "info", "vmm": "kvm", "door": "pvh", "backend": "kvm",
        "features": ["kvmclock", "pv-eoi", "steal-time"],
        "sites": {"total": 312, "inlined": 250, "direct": 62, "indirect": 0, "missing": 0},
        "clock": "kvmclock", "tsc_khz": 1000000, "detect_exits": 5}


def bench(op, mode, per_op):
    return json.dumps({"type": "bench", "op": op, "mode": mode, "n": 1000, "ticks": 2000,
                       "per_op": per_op})


def full(op="irq_disable"):
    return [json.dumps(INFO), bench(op, "raw", 1), bench(op, "unpatched", 5.5),
            bench(op, "patched", 1)]


class CountingCases(unittest.TestCase):
    CMOCKA = """\
[==========] Running 4 test(s).
[ RUN      ] good
[       OK ] good
[ RUN      ] bad
[  ERROR   ] --- 0x1 != 0
[  FAILED  ] bad
[ RUN      ] left_out
[  SKIPPED ] left_out
[ RUN      ] crashes
"""

    def test_cmocka_cases_count_once_and_a_crash_counts_as_failed(self):
        text = self.CMOCKA + "[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] bad\n"
        tally = cases.of_output("t", text)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (1, 2, 1))
        self.assertEqual(tally.failures, ["t: bad", "t: crashes"])

    def test_tap_cases_count_each(self):
        tally = cases.of_output("t", "1..4\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\n"
                                     "not ok 4 - d # TODO later\n")
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (2, 1, 1))

    def test_other_output_shows_no_cases(self):
        self.assertIsNone(cases.of_output("t", "all good\nok then\n"))

    def meson(self, *tests):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            log.write("\n".join(json.dumps(test) for test in tests))
            log.flush()
            return cases.of_meson(Path(log.name))

    def test_a_meson_test_without_cases_counts_as_one(self):
        self.assertEqual(self.meson({"name": "t", "result": "OK", "stdout": "fine"}).passed, 1)

    def test_a_failed_meson_test_fails_even_if_its_cases_passed(self):
        tally = self.meson({"name": "t", "result": "TIMEOUT", "stdout": "1..1\nok 1 - a\n"})
        self.assertEqual((tally.passed, tally.failures), (1, ["t: timeout"]))

    def test_a_test_program_that_skips_itself_fails_where_no_tool_may_be_missing(self):
        for ci, counts in (("", (0, 1)), ("true", (1, 0))):
            with self.subTest(ci=ci), unittest.mock.patch.dict(os.environ, {"CI": ci}):
                tally = self.meson({"name": "t", "result": "SKIP", "stdout": "no grub-mkrescue"})
                self.assertEqual((tally.failed, tally.skipped), counts)

    def test_unittest_closing_lines_are_counted(self):
        lines = ["FAIL: test_a (m.C)", "ERROR: test_b (m.C)", "Ran 5 tests in 0.1s", "",
                 "FAILED (failures=1, errors=1, skipped=1)"]
        tally = cases.of_unittest("t", lines, 1)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (2, 2, 1))

    def test_a_unittest_run_that_dies_or_runs_nothing_fails(self):
        self.assertTrue(cases.of_unittest("t", ["Traceback"], 1).failed)
        self.assertTrue(cases.of_unittest("t", ["Ran 0 tests in 0.0s", "", "OK"], 0).failed)


class ReadingTranscripts(unittest.TestCase):
    def test_a_full_transcript_has_no_problems(self):
        said = transcript.read(["pvops: boot", *full()])
        self.assertEqual(said.problems, [])
        self.assertEqual(said.costs, {"irq_disable": {"raw": 1, "unpatched": 5.5, "patched": 1}})

    def test_a_raw_figure_may_be_impossible_and_no_other(self):
        self.assertEqual(transcript.read([*full()[:1], bench("irq_disable", "raw", None),
                                          *full()[2:]]).problems, [])
        said = transcript.read([*full()[:-1], bench("irq_disable", "patched", None)])
        self.assertIn("malformed", said.problems[0])

    def test_silence_is_a_problem(self):
        self.assertEqual(transcript.read([]).problems, ["no info line", "no bench lines"])

    def test_a_missing_mode_is_a_problem(self):
        self.assertEqual(transcript.read(full()[:-1]).problems, ["irq_disable: no patched figure"])

    def test_a_workload_needs_no_raw_figure_and_patching_but_one(self):
        lines = [*full(), bench("workload_timer", "unpatched", 9), bench("workload_timer", "patched", 8),
                 bench("patch", "patched", 235.8), bench("unpatch", "unpatched", 321.2)]
        said = transcript.read(lines)
        self.assertEqual(said.problems, [])
        self.assertEqual(said.costs["patch, 1,000 sites"], {"patched": 235.8})

    def test_a_site_that_is_still_indirect_or_has_no_op_is_a_problem(self):
        for key in ("indirect", "missing"):
            info = dict(INFO, sites=dict(INFO["sites"], **{key: 3}))
            self.assertEqual(transcript.read([json.dumps(info), *full()[1:]]).problems, [f"3 {key} sites"])

    def test_a_second_figure_is_a_problem(self):
        self.assertIn("a second figure", transcript.read([*full(), full()[1]]).problems[0])

    def test_a_cost_below_zero_is_a_problem(self):
        lines = [*full()[:-1], bench("irq_disable", "patched", -9770.16)]
        self.assertEqual(transcript.read(lines).problems, ["irq_disable: patched below zero"])

    def test_half_a_line_is_a_problem(self):
        self.assertIn("malformed", transcript.read([*full(), '{"type":"ben']).problems[0])

    def test_an_info_line_that_lacks_a_key_is_a_problem(self):
        info = {key: value for key, value in INFO.items() if key != "clock"}
        self.assertIn("clock", transcript.read([json.dumps(info), *full()[1:]]).problems[0])


class DemoTable(unittest.TestCase):
    def column(self, vmm, lines, ok=True, reason="", unavailable=False):
        job = Job("demo", vmm, "k", "", icount=True, tap=False)
        result = Result(job, ok=ok, reason=reason, unavailable=unavailable, lines=lines, rig="TCG")
        return demo.Column(vmm, "instructions", result, transcript.read(lines))

    def text(self, *columns, width=100):
        return table.render(demo.rows(columns), width)

    def test_every_fact_and_figure_is_shown(self):
        text = self.text(self.column("native", full()), self.column("kvm", full()))
        for words in ("pvh", "kvmclock, pv-eoi, steal-time", "312: 250 inlined, 62 direct",
                      "1000000", "1.00 / 5.50 / 1.00"):
            self.assertIn(words, text)

    def test_a_failed_column_says_why_and_is_a_failure(self):
        column = self.column("kvm", [], ok=False, reason="timed out after 120 seconds")
        self.assertTrue(column.failed)
        text = self.text(self.column("native", full()), column)
        self.assertIn("FAILED: timed out", text)
        self.assertIn("no figures", text)

    def test_a_guest_that_succeeds_without_figures_is_a_failure(self):
        self.assertTrue(self.column("kvm", []).failed)

    def test_a_skipped_column_says_why_and_is_no_failure(self):
        column = self.column("kvm", [], ok=False, reason="no packages", unavailable=True)
        self.assertFalse(column.failed)
        self.assertIn("skipped: no packages", self.text(self.column("native", full()), column))

    def test_a_column_that_lacks_what_another_has_is_a_failure(self):
        results = [Result(Job("demo", vmm, "k", "", icount=True), ok=True, lines=lines)
                   for vmm, lines in (("native", [*full(), *full("cr3_write")[1:]]), ("kvm", full()))]
        native, kvm = demo.columns(results)
        self.assertFalse(native.failed)
        self.assertEqual(kvm.state, "FAILED: no figures for cr3_write")

    def test_what_is_measured_in_cycles_runs_while_nothing_else_does(self):
        def run(jobs, **_):
            calls.append([job.vmm for job in jobs])
            return [Result(job) for job in jobs]

        calls = []
        todo = [Job("demo", vmm, "k", "", icount=vmm != "kvm") for vmm, _ in demo.COLUMNS]
        with unittest.mock.patch.object(demo, "run_jobs", run):
            results = demo.run_lanes(todo)
        self.assertEqual(calls[0], ["kvm"])
        self.assertEqual(sorted(calls[1:]), [["native"], ["xen-dom0-pv", "xen-dom0-pvh"]])
        self.assertEqual([result.job for result in results], todo)

    def test_the_table_keeps_to_the_width_and_loses_no_word(self):
        many = dict(INFO, features=[f"feature-{i}" for i in range(30)])
        lines = [json.dumps(many), *full()[1:]]
        text = self.text(self.column("a", lines), self.column("b", lines), width=80)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertEqual(text.count("feature-17"), 2)


class Packages(unittest.TestCase):
    """What tools/deps installs, against what the project's files ask for."""

    OF_DEPENDENCY = {"cmocka": "libcmocka-dev", "threads": "libc6-dev"}
    OF_HEADERS = {"xen": "libxen-dev", "xenctrl.h": "libxen-dev", "linux": "linux-libc-dev",
                  "asm": "linux-libc-dev", "cmocka.h": "libcmocka-dev", "stdio.h": "libc6-dev",
                  "pthread.h": "libc6-dev"}

    def lines(self, pattern, *names):
        found = subprocess.run(["git", "grep", "-hoE", pattern, "--", *names], cwd=PROJECT, text=True,
                               stdout=subprocess.PIPE, check=True)
        return set(found.stdout.splitlines())

    def test_whoever_builds_has_all_that_a_build_folder_demands(self):
        demanded = {"meson", "ninja-build", "gcc", "binutils", "libc6-dev", "pkg-config"}
        for line in self.lines(r"\bdependency\('[^']+'", "meson.build", "*/meson.build"):
            name = line.split("'")[1]
            self.assertIn(name, self.OF_DEPENDENCY, "which package has this dependency?")
            demanded.add(self.OF_DEPENDENCY[name])
        for line in self.lines(r"#include <[^/>]+", "tests/**.[ch]", "benchmarks/**.[ch]"):
            demanded.add(self.OF_HEADERS.get(line.partition("<")[2], "gcc"))
        self.assertLessEqual({"libcmocka-dev", "libxen-dev", "linux-libc-dev"}, demanded)
        for activity in ("build", "demo", "bench", "check"):
            listed = subprocess.run([PROJECT / "tools/deps", "--list", activity], text=True,
                                    stdout=subprocess.PIPE, check=True).stdout.split()
            with self.subTest(activity=activity):
                self.assertEqual(demanded - set(listed), set())


class WithoutRoot(unittest.TestCase):
    """tools/deps, and who calls it, where nothing is installed: other programs of these names answer."""

    NOTHING_INSTALLED = "exit 1"
    ALL_INSTALLED = "echo installed"
    NOBODY = "echo 1000"
    ROOT = "echo 0"

    def run_with(self, *words, dpkg_query=NOTHING_INSTALLED, user=NOBODY, sudo="exit 1"):
        """(exit status, output, error output, what apt-get was asked for)"""
        with tempfile.TemporaryDirectory() as folder:
            asked = Path(folder) / "asked"
            fakes = {"dpkg-query": dpkg_query, "id": user, "sudo": sudo,
                     "apt-get": f'echo "$@" >>{asked}'}
            for name, line in fakes.items():
                (Path(folder) / name).write_text(f"#!/bin/sh\n{line}\n")
                (Path(folder) / name).chmod(0o755)
            path = f"{folder}:{os.environ['PATH']}"
            done = subprocess.run([PROJECT / words[0], *words[1:]], text=True, capture_output=True,
                                  env={**os.environ, "PATH": path, "CI": ""})
            return (done.returncode, done.stdout, done.stderr,
                    asked.read_text().splitlines() if asked.exists() else [])

    def listed(self, activity):
        return " ".join(self.run_with("tools/deps", "--list", activity)[1].split())

    def test_what_to_install_is_said_to_the_word_and_nothing_is_done(self):
        for words in (("tools/deps", "demo"), ("demo",)):
            with self.subTest(words=words):
                status, _, said, asked = self.run_with(*words)
                self.assertEqual((status, asked), (1, []))
                self.assertIn("sudo apt-get update && sudo apt-get install -y --no-install-recommends "
                              f"{self.listed('demo')} \n", said)

    def test_who_has_all_is_asked_for_nothing(self):
        self.assertEqual(self.run_with("tools/deps", "check", dpkg_query=self.ALL_INSTALLED),
                         (0, "", "", []))

    def test_root_and_sudo_without_a_password_install_and_say_what(self):
        for user, sudo in ((self.ROOT, "exit 1"), (self.NOBODY, '[ "$1" = -n ] && shift && exec "$@"')):
            with self.subTest(user=user):
                status, said, _, asked = self.run_with("tools/deps", "demo", user=user, sudo=sudo)
                self.assertEqual(status, 0)
                self.assertEqual(said.split(": ")[1].split(), self.listed("demo").split())
                self.assertEqual(asked[0], "-qq update")
                self.assertEqual(asked[1].split()[4:], self.listed("demo").split())

    def test_an_installation_that_fails_is_a_failure(self):
        status, _, said, _ = self.run_with("tools/deps", "demo", sudo='[ "$2" = true ]')
        self.assertEqual(status, 1)
        self.assertIn("the installation failed", said)

    def test_check_does_what_it_can_and_a_step_left_out_makes_it_fail(self):
        step = check.Step("some", "some step", lambda _: Tally(passed=1), ())
        other = check.Step("other", "another", lambda _: Tally(passed=1), ("no-such-tool",))
        for chosen, status in (([step], 0), ([step, other], 1)):
            said = io.StringIO()
            with unittest.mock.patch.object(check, "STEPS", chosen), \
                    unittest.mock.patch.object(check, "CHAINS", [("some",), ("other",)]), \
                    unittest.mock.patch.object(check, "note_seconds"), tempfile.TemporaryDirectory() as logs, \
                    unittest.mock.patch.object(check, "LOGS", Path(logs)), \
                    unittest.mock.patch.dict(os.environ, {"CI": ""}), contextlib.redirect_stdout(said):
                self.assertEqual(check.main([]), status)
            self.assertEqual("NOT RUN for lack of tools: other" in said.getvalue(), status == 1)


class BuildFolders(unittest.TestCase):
    """steps.set_up(), with a meson that only makes the folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.project = Path(folder.name)
        (self.project / "meson.build").touch()
        self.commands = []

    def run_command(self, words, *_):
        self.commands.append(words[0])
        (self.project / "b/meson-private").mkdir(parents=True, exist_ok=True)
        (self.project / "b/meson-private/coredata.dat").touch()
        return 0, []

    def set_up(self, *arguments, **settings):
        self.commands = []
        with unittest.mock.patch.object(steps, "PROJECT", self.project):
            self.assertEqual(steps.set_up(unittest.mock.Mock(run=self.run_command), "b", *arguments,
                                          **settings), "")
        return self.commands

    def test_a_folder_is_configured_once(self):
        self.assertEqual(self.set_up(["-Da=b"]), ["meson"])
        self.assertEqual(self.set_up(["-Da=b"]), ["ninja"])
        self.assertEqual(self.set_up(["-Da=c"]), ["meson"])

    def test_a_folder_of_another_compiler_is_configured_anew(self):
        self.assertEqual(self.set_up(), ["meson"])
        self.assertEqual(self.set_up(environment={"CC": "clang"}), ["meson"])
        self.assertEqual(self.set_up(environment={"CC": "clang"}), ["ninja"])

    def test_a_plain_folder_is_taken_as_it_is(self):
        self.set_up(["-Da=b"])
        self.assertEqual(self.set_up(), ["ninja"])


class CheckReport(unittest.TestCase):
    def place(self, console, each_check=True, **settings):
        job, tap = Job("s", "kvm", "k", "selftest"), Tap()
        for line in console:
            tap.feed(line)
        result = Result(job, tap=tap, lines=console, **settings)
        return check.count_place(Place("here", job, ["1..*"], each_check=each_check), result)

    def test_each_tap_check_of_a_guest_is_a_case(self):
        tally = self.place(["TAP version 13", "1..3", "ok 1 - a", "not ok 2 - b",
                            "ok 3 - c # SKIP none here"], ok=False, reason="1 not ok: b")
        self.assertEqual(check.summary(tally), "1 passed, 1 failed, 1 skipped")

    def test_what_a_guest_says_about_a_failed_check_is_shown_with_it(self):
        tally = self.place(["TAP version 13", "1..3", "# before", "ok 1 - a", "# of a", "not ok 2 - b",
                            "# CPU 3 does not go", "not ok 3 - b and c", "# of c"], ok=False, reason="r")
        self.assertEqual(tally.failures, ["here: b: CPU 3 does not go (log: None)",
                                          "here: b and c: of c (log: None)"])

    def tried_again(self, *suspects):
        """The total, of places that fail first and then as often as is said."""
        total = Tally(passed=10, failed=1, failures=["something else"])
        for number, fails in enumerate(suspects):
            first = Tally(passed=2, failed=1, failures=[f"{number} failed"])
            second = Tally(passed=3) if not fails else Tally(failed=1, failures=["again"])
            again = check.Again("s", Place(f"place {number}", None), first)
            again.visit = lambda _, second=second: second
            first.again = [again]
            total.add(first)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), \
                unittest.mock.patch.object(check, "LOGS", Path(folder)):
            check.try_again(total)
        return total

    def test_a_place_that_passes_when_it_is_tried_again_is_named_and_no_failure(self):
        total = self.tried_again(False)
        self.assertEqual((total.passed, total.failures), (13, ["something else"]))
        self.assertEqual((total.failed, total.unstable), (1, ["0 failed"]))

    def test_a_place_that_fails_again_is_a_failure(self):
        total = self.tried_again(True, False)
        self.assertEqual((total.passed, total.failures), (15, ["something else", "0 failed"]))
        self.assertEqual((total.failed, total.unstable), (2, ["1 failed"]))

    def test_a_check_that_is_skipped_in_every_place_is_a_failure(self):
        total = Tally()
        for console in (["ok 1 - a # SKIP not here", "ok 2 - b # SKIP nor here", "not ok 3 - c"],
                        ["ok 1 - a", "ok 2 - b # SKIP nor here", "ok 3 - c # SKIP not here"]):
            total.add(self.place(["TAP version 13", "1..3", *console], ok=True))
        total.failures = []
        check.run_nowhere(total)
        self.assertEqual(total.failures, ["no place runs the check 'b': nor here"])

    def test_many_places_that_fail_are_no_accident(self):
        total = self.tried_again(*[False] * (check.MOST_AGAIN + 1))
        self.assertEqual((total.failed, total.unstable), (check.MOST_AGAIN + 2, []))

    def test_a_good_place_is_a_case_beside_its_checks(self):
        good = ["TAP version 13", "1..2", "ok 1 - a", "ok 2 - b"]
        self.assertEqual(check.summary(self.place(good, ok=True)), "3 passed, 0 failed")
        self.assertEqual(check.summary(self.place(good, each_check=False, ok=True)),
                         "1 passed, 0 failed")

    def test_costs_of_a_compiler_without_a_baseline_are_no_pass_and_a_failure_in_ci(self):
        line = '{"type":"info","compiler":"a compiler of tomorrow"}'
        machine = gate_places.suites.load().machines[0]
        job = Job("gate", machine.name, "k", "w", tap=False)
        place = gate_places.Gate("costs", job, machine=machine)
        for ci, words in (("", "0 passed, 0 failed, 1 skipped"), ("true", "0 passed, 1 failed")):
            with self.subTest(ci=ci), unittest.mock.patch.dict(os.environ, {"CI": ci}):
                tally = check.count_place(place, Result(job, lines=[line], ok=True))
                self.assertEqual(check.summary(tally), words)

    def test_a_guest_that_dies_after_good_checks_fails(self):
        tally = self.place(["TAP version 13", "1..2", "ok 1 - a"], ok=False, reason="timed out")
        self.assertEqual(check.summary(tally), "1 passed, 1 failed")
        self.assertIn("timed out", tally.failures[0])

    def test_a_place_whose_words_were_not_said_fails(self):
        tally = self.place(["TAP version 13"], each_check=False, ok=True)
        self.assertEqual(check.summary(tally), "0 passed, 1 failed")

    def test_a_place_out_of_reach_is_skipped_but_where_nothing_may_be(self):
        for ci, counts in (("", (0, 1)), ("true", (1, 0))):
            with self.subTest(ci=ci), unittest.mock.patch.dict(os.environ, {"CI": ci}):
                tally = self.place([], ok=False, unavailable=True, reason="no packages")
                self.assertEqual((tally.failed, tally.skipped), counts)

    def test_each_step_is_run_once_and_lint_behind_the_build_it_reads(self):
        first, chains = check.schedule(check.STEPS)
        names = [step.name for step in [*first, *(step for chain in chains for step in chain)]]
        self.assertEqual(sorted(names), sorted(step.name for step in check.STEPS))
        self.assertIn(["clang", "lint"], [[step.name for step in chain] for chain in chains])

    def test_the_closing_line_has_its_exact_form(self):
        self.assertEqual(check.summary(Tally(passed=3)), "3 passed, 0 failed")

    def test_a_commands_time_limit_is_kept(self):
        with tempfile.TemporaryDirectory() as folder, Log(Path(folder) / "log") as log:
            status, lines = log.run(["sh", "-c", "echo one; sleep 60"], 0.3)
        self.assertEqual((status, lines), (steps.TOO_LONG, ["one"]))
        self.assertEqual(steps.outcome(status, 0.3), "took more than 0.3 seconds")

    def test_a_flood_is_no_time_out(self):
        with tempfile.TemporaryDirectory() as folder, Log(Path(folder) / "log") as log, \
                unittest.mock.patch("pvrun.process.OUTPUT_LIMIT", 1000):
            status, _ = log.run(["seq", "10000"], 60)
        self.assertEqual(steps.outcome(status, 60), "wrote more than any sane command does")


class Lint(unittest.TestCase):
    """With clang-tidy itself, over two files that read one header."""

    SOURCE = '#include "both.h"\nint {0}(int a);\nint {0}(int a)\n{{\n    {1}return a + BOTH;\n}}\n'

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / ".clang-tidy").write_text("Checks: -*,clang-analyzer-*\nWarningsAsErrors: '*'\n")
        (self.folder / "both.h").write_text("#define BOTH 1\n")
        entries = []
        for name in ("first", "second"):
            self.write(name)
            entries.append({"directory": str(self.folder), "file": f"{name}.c", "output": f"{name}.o",
                            "command": f"cc -DWORD='a b' -MD -MF {name}.d -o {name}.o -c {name}.c"})
        (self.folder / "compile_commands.json").write_text(json.dumps(entries))

    def write(self, name, line=""):
        (self.folder / f"{name}.c").write_text(self.SOURCE.format(name, line))

    def lint(self):
        """(the tally, names of the files that were looked at)"""
        with Log(self.folder / "log") as log:
            tally = lint.lint(log, self.folder, lambda name: name.endswith(".c"))
        return tally, sorted(re.findall(r"\] clang-tidy (\w+)\.c", (self.folder / "log").read_text()))

    def test_what_has_passed_is_looked_at_again_when_it_has_changed(self):
        tally, seen = self.lint()
        self.assertEqual((check.summary(tally), seen), ("2 passed, 0 failed", ["first", "second"]))
        self.assertEqual(self.lint()[1], [])
        self.write("second", "a++;\n    ")
        self.assertEqual(self.lint()[1], ["second"])
        (self.folder / "both.h").write_text("#define BOTH 2\n")
        self.assertEqual(self.lint()[1], ["first", "second"])

    def test_a_complaint_is_shown_until_its_cause_is_gone(self):
        self.write("first", "int lost = a / 2;\n    ")
        for _ in range(2):
            tally, seen = self.lint()
            self.assertIn("first", seen)
            self.assertEqual(check.summary(tally), "1 passed, 1 failed")
            self.assertIn("never read", tally.failures[0])
        self.write("first")
        self.assertEqual(check.summary(self.lint()[0]), "2 passed, 0 failed")

    def test_files_that_there_was_no_time_for_are_told_from_bad_ones(self):
        with unittest.mock.patch.object(lint, "SECONDS", 0):
            tally, _ = self.lint()
        self.assertEqual(tally.failures, ["ninja: took more than 0 seconds, and 2 files were not looked at"])

    def test_a_broken_database_entry_is_a_failure(self):
        (self.folder / "second.c").unlink()
        tally, _ = self.lint()
        self.assertGreater(tally.failed, 0)


if __name__ == "__main__":
    unittest.main()
