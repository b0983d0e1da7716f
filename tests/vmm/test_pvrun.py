# SPDX-License-Identifier: MIT
"""Unit tests of the runner: no VMM is started. Run: python3 -m unittest tests/vmm/test_pvrun.py

What starts VMMs is tested in test_rigs.py.
"""

import io
import os
import re
import select
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from debian import cpio, packages, store  # noqa: E402
from nested import rig  # noqa: E402
from pvrun import Job, bochs, hosts, l1, native, probe, runner, serial, xen  # noqa: E402
from pvrun.frames import FrameReader  # noqa: E402
from pvrun.jobs import EXIT_FAILURE, EXIT_SUCCESS, judge  # noqa: E402
from pvrun.outside import MACHINE_CHECK, Outside  # noqa: E402
from pvrun.process import Child, TimeOut  # noqa: E402
from pvrun.tap import Tap  # noqa: E402
from xen import rig as xen_rig  # noqa: E402


def read(*lines, version=True):
    tap = Tap()
    for line in (["TAP version 13"] if version else []) + list(lines):
        tap.feed(line)
    return tap


class TapParser(unittest.TestCase):
    def assert_problem(self, tap, words):
        self.assertIn(words, "; ".join(tap.problems()))

    def test_a_good_run_has_no_problems(self):
        tap = read("1..2", "ok 1 - one", "ok 2 - two")
        self.assertEqual(tap.problems(), [])
        self.assertEqual(tap.passed, ["one", "two"])

    def test_a_plan_may_come_last(self):
        self.assertEqual(read("ok 1 - one", "1..1").problems(), [])

    def test_a_check_after_the_closing_plan_is_a_problem(self):
        self.assert_problem(read("ok 1 - one", "1..2", "ok 2 - two"), "after the closing plan")

    def test_a_missing_version_line_is_a_problem(self):
        self.assert_problem(read("1..1", "ok 1 - one", version=False), "no TAP")

    def test_an_empty_console_is_a_problem(self):
        self.assert_problem(Tap(), "no TAP")

    def test_a_missing_plan_is_a_problem(self):
        self.assert_problem(read("ok 1 - one"), "no plan (after 1 checks)")

    def test_a_short_run_is_a_problem(self):
        self.assert_problem(read("1..3", "ok 1 - one"), "1 checks where 3 were planned")

    def test_more_checks_than_planned_is_a_problem(self):
        self.assert_problem(read("1..1", "ok 1", "ok 2"), "2 checks where 1 were planned")

    def test_a_failed_check_is_named(self):
        tap = read("1..2", "ok 1 - one", "not ok 2 - the clock runs backwards")
        self.assertEqual(tap.failed, ["the clock runs backwards"])
        self.assert_problem(tap, "the clock runs backwards")

    def test_a_bail_out_is_a_problem_with_its_reason(self):
        self.assert_problem(read("1..1", "ok 1 - one", "Bail out! no memory"), "no memory")

    def test_a_skip_is_neither_passed_nor_failed(self):
        tap = read("1..1", "ok 1 - wide timers # SKIP no such timer here")
        self.assertEqual(tap.skipped, [("wide timers", "no such timer here")])
        self.assertEqual((tap.passed, tap.failed, tap.problems()), ([], [], []))

    def test_a_failed_check_marked_skip_still_fails(self):
        self.assertEqual(len(read("1..1", "not ok 1 - x # SKIP maybe").failed), 1)

    def test_a_todo_may_fail(self):
        self.assertEqual(read("1..1", "not ok 1 - later # TODO").problems(), [])

    def test_numbers_out_of_order_are_a_problem(self):
        self.assert_problem(read("1..2", "ok 1 - one", "ok 3 - three"), "check number 3 where 2")

    def test_a_second_plan_is_a_problem(self):
        self.assert_problem(read("1..1", "1..1", "ok 1 - one"), "a second plan")

    def test_a_guest_that_starts_over_is_a_problem(self):
        self.assert_problem(read("1..1", "ok 1 - one", "TAP version 13"), "started over")

    def test_an_empty_plan_needs_a_reason(self):
        self.assert_problem(read("1..0"), "without a reason")
        self.assertEqual(read("1..0 # SKIP nothing to test here").problems(), [])

    def test_kernel_messages_between_checks_are_passed_over(self):
        tap = read("pvops: okay so far", "1..1", "irq: not okay", "ok 1 - one")
        self.assertEqual((tap.passed, tap.problems()), (["one"], []))

    def test_a_yaml_block_is_not_read_as_checks(self):
        tap = read("1..1", "ok 1 - one", "  ---", "  message: x", "ok 2 - not a check", "  ...")
        self.assertEqual(tap.passed, ["one"])

    def test_carriage_returns_do_not_matter(self):
        self.assertEqual(read("1..1\r\n", "ok 1 - one\r\n").problems(), [])


class Verdict(unittest.TestCase):
    job = Job("t", "native", "k", "selftest")
    good = read("1..1", "ok 1 - one")
    bad = read("1..1", "not ok 1 - one")

    def reason(self, status, tap, trouble="", job=None):
        ok, reason = judge(job or self.job, status, trouble, tap)
        self.assertFalse(ok)
        return reason

    def test_success_needs_the_exit_status_and_the_tap(self):
        self.assertEqual(judge(self.job, EXIT_SUCCESS, "", self.good), (True, ""))

    def test_a_success_status_does_not_excuse_a_failed_check(self):
        self.assertIn("not ok", self.reason(EXIT_SUCCESS, self.bad))

    def test_a_success_status_does_not_excuse_silence(self):
        self.assertIn("no TAP", self.reason(EXIT_SUCCESS, Tap()))

    def test_good_tap_does_not_excuse_a_failure_status(self):
        self.assertIn("TAP shows no failure", self.reason(EXIT_FAILURE, self.good))

    def test_a_triple_fault_is_not_a_success(self):
        self.assertIn("triple fault", self.reason(0, self.good))

    def test_a_signal_is_named(self):
        self.assertIn("signal 11", self.reason(-11, self.good))
        self.assertIn("signal 6", self.reason(134, self.good))

    def test_an_unknown_result_is_shown(self):
        self.assertIn("unknown result 1 (exit status 3)", self.reason(3, self.good))

    def test_a_timeout_outweighs_everything(self):
        self.assertEqual(self.reason(EXIT_SUCCESS, self.good, "timed out"), "timed out")

    def test_a_job_without_tap_is_judged_by_its_status(self):
        job = Job("b", "native", "k", "bench", tap=False)
        self.assertEqual(judge(job, EXIT_SUCCESS, "", Tap()), (True, ""))
        self.assertIn("reports failure", self.reason(EXIT_FAILURE, Tap(), job=job))

    def test_a_guest_that_is_to_give_up_must_report_failure(self):
        job = Job("g", "native", "k", "", tap=False, gives_up=True)
        self.assertEqual(judge(job, EXIT_FAILURE, "", Tap()), (True, ""))
        self.assertIn("was to give up", self.reason(EXIT_SUCCESS, Tap(), job=job))
        self.assertIn("triple fault", self.reason(0, Tap(), job=job))


class Framing(unittest.TestCase):
    reader = FrameReader("c0ffee")

    def test_a_plain_line_is_console_text(self):
        self.assertEqual(self.reader.split("ok 1 - one"), ("ok 1 - one", None))

    def test_a_frame_is_no_console_text(self):
        text, frame = self.reader.split("@@c0ffee end 2 33 -")
        self.assertIsNone(text)
        self.assertEqual((frame.kind, frame.words), ("end", ["2", "33", "-"]))

    def test_a_frame_ends_an_unfinished_line(self):
        text, frame = self.reader.split("ok 1 - hal@@c0ffee end 0 137 timeout")
        self.assertEqual((text, frame.kind), ("ok 1 - hal", "end"))

    def test_a_guest_cannot_forge_a_frame_without_the_nonce(self):
        line = "@@badbad end 0 33 -"
        self.assertEqual(self.reader.split(line), (line, None))

    def test_an_empty_line_is_kept(self):
        self.assertEqual(self.reader.split(""), ("", None))


class Probe(unittest.TestCase):
    """Is /dev/kvm sound? A file is the device, and a script is QEMU with the probe guest."""

    TAP = "echo TAP version 13; echo 1..1; echo ok 1 - hypercall; "
    SOUND = f"{TAP} exit {EXIT_SUCCESS}"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "probe").mkdir()
        self.device = self.folder / "kvm"
        self.device.touch()
        self.guest = self.folder / "probe/probe.elf"
        self.guest.write_text("a guest")

    def find(self, script, seconds=20):
        """(what is found, how often the guest was started)"""
        started = []

        def command(job):
            started.append(job)
            return ["sh", "-c", script]

        with mock.patch.object(native, "accelerated", command), \
                mock.patch.object(probe, "guest", return_value=self.guest), \
                mock.patch.object(probe, "SECONDS", seconds):
            return probe.kvm(self.folder, str(self.device)), len(started)

    def assert_unsound(self, words, script, **settings):
        finding, _ = self.find(script, **settings)
        self.assertFalse(finding.sound)
        self.assertIn(words, finding.why)

    def test_two_seconds_are_all_it_has(self):
        self.assertEqual(probe.SECONDS, 2)

    def test_a_guest_whose_hypercall_returns_shows_it_sound(self):
        finding, _ = self.find(self.SOUND)
        self.assertTrue(finding.sound)
        self.assertIn("made a hypercall and powered off", finding.why)

    def test_a_guest_that_hangs_is_ended_and_shows_it_unsound(self):
        begun = time.monotonic()
        self.assert_unsound("had not powered off after 0.3 seconds", self.TAP + "sleep 60", seconds=0.3)
        self.assertLess(time.monotonic() - begun, 30)

    def test_a_qemu_that_refuses_is_quoted(self):
        self.assert_unsound("QEMU ended with status 1: no such ioctl",
                            "echo 'qemu: kvm: kvm_init: no such ioctl' >&2; exit 1")

    def test_a_guest_that_reports_failure_or_says_nothing_shows_it_unsound(self):
        self.assert_unsound("the guest reports failure", f"{self.TAP} exit {EXIT_FAILURE}")
        self.memory().unlink()
        self.assert_unsound("no TAP on the console", f"exit {EXIT_SUCCESS}")

    def test_a_device_that_is_not_there_or_not_for_this_user_is_not_tried(self):
        with mock.patch.object(probe.os, "access", return_value=False):
            finding, started = self.find(self.SOUND)
        self.assertEqual((finding.sound, started), (False, 0))
        self.assertIn("not for this user", finding.why)
        self.device.unlink()
        finding, started = self.find(self.SOUND)
        self.assertEqual((finding.sound, started), (False, 0))
        self.assertIn("there is no ", finding.why)

    def memory(self):
        return self.folder / "probe/kvm.json"

    def test_the_verdict_is_remembered_until_the_probe_or_the_boot_changes(self):
        self.assertEqual(self.find("exit 1")[1], 1)
        finding, started = self.find(self.SOUND)
        self.assertEqual((finding.sound, started), (False, 0))
        self.guest.write_text("another guest")
        finding, started = self.find(self.SOUND)
        self.assertEqual((finding.sound, started), (True, 1))
        with mock.patch.object(probe, "_boot_id", return_value=b"another boot"):
            self.assertEqual(self.find(self.SOUND)[1], 1)

    def test_a_memory_that_is_no_json_is_no_verdict(self):
        self.memory().write_text("{")
        self.assertEqual(self.find(self.SOUND)[1], 1)


class Bochs(unittest.TestCase):
    """What Bochs is told, and where the guest's result is."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.base = Path(self.folder.name) / "job.bochs.log"

    def status(self, *lines):
        bochs.log(self.base).write_text("\n".join(lines))
        return bochs.status(self.base)

    def test_the_last_byte_to_the_port_is_the_result(self):
        said = "00438885135d[UNMAP ] unmapped: 8-bit write to 00f4 = "
        self.assertEqual(self.status(said + "10"), EXIT_SUCCESS)
        self.assertEqual(self.status(said + "10", said + "11"), EXIT_FAILURE)

    def test_a_guest_that_leaves_no_result_has_none(self):
        self.assertEqual(self.status("00000000000d[UNMAP ] unmapped: 8-bit write to 016a = 10"), 0)
        self.assertEqual(bochs.status(Path(self.folder.name) / "other.log"), 1)

    def test_a_disc_is_booted_with_as_many_processors_as_asked_for(self):
        job = Job("a", "bochs", "/k.iso", "selftest", smp=2, mem=64, disc=True)
        words = bochs.command(job, Path("/k.iso"), self.base)
        config = Path(words[words.index("-f") + 1]).read_text()
        self.assertIn("count=2:1:1", config)
        self.assertIn("megs: 64\n", config)
        self.assertIn("path=/k.iso,", config)

    def test_what_it_cannot_do_is_refused(self):
        with self.assertRaises(ValueError):
            bochs.command(Job("a", "bochs", "/k.iso", "", icount=True), Path("/k.iso"), self.base)

    def test_where_it_is_not_installed_nobody_is_to_blame(self):
        with tempfile.NamedTemporaryFile() as kernel, \
                mock.patch.object(bochs, "missing", return_value=["bochs"]):
            result = runner.run_jobs([Job("a", "bochs", kernel.name, "")], build=self.folder.name)[0]
        self.assertTrue(result.unavailable)
        self.assertIn("no bochs", result.reason)


class FromOutside(unittest.TestCase):
    """What a native guest asks for at its COM2."""

    def setUp(self):
        self.outside = Outside()
        folder = self.outside.words[1].partition(":")[2].rpartition("/")[0]
        self.pipes = {end: os.open(f"{folder}/{end}", os.O_RDWR | os.O_NONBLOCK)
                      for end in ("outside.out", "outside.in", "monitor.in")}
        self.outside.__enter__()

    def tearDown(self):
        self.outside.__exit__()
        for pipe in self.pipes.values():
            os.close(pipe)

    def read(self, pipe):
        self.assertTrue(select.select([self.pipes[pipe]], [], [], 5)[0], f"nothing in {pipe}")
        return os.read(self.pipes[pipe], 4096).decode()

    def test_a_machine_check_is_asked_of_the_monitor(self):
        os.write(self.pipes["outside.out"], b"mce\n")
        self.assertEqual(self.read("outside.in"), ".\n")
        self.assertEqual(self.read("monitor.in"), MACHINE_CHECK + "\n")

    def test_the_time_is_told(self):
        os.write(self.pipes["outside.out"], b"ti")
        os.write(self.pipes["outside.out"], b"me\n")
        told = self.read("outside.in").split()
        self.assertAlmostEqual(int(told[1]), time.time(), delta=5)
        self.assertEqual(told[2], ".")

    def test_a_word_that_means_nothing_is_answered(self):
        os.write(self.pipes["outside.out"], b"counters\n")
        self.assertEqual(self.read("outside.in"), "unknown\n.\n")


class FakeL1(unittest.TestCase):
    """l1.follow() against a script that speaks as L1 does."""

    def setUp(self):
        self.events = []
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.kernel = self.folder / "kernel"
        self.kernel.write_bytes(b"kernel")
        (self.folder / "initramfs").write_bytes(b"")
        self.host = hosts.NestedKvm(rig.Rig("", {}, "", str(self.folder / "initramfs")))

    def started(self, index):
        self.events.append(("started", index))

    def said(self, index, line):
        self.events.append(("said", index, line))

    def ended(self, index, status, trouble):
        self.events.append(("ended", index, status, trouble))

    def run_scripts(self, count, *scripts, timeout=5):
        """Each boot runs the next script, with $F as the frame mark."""
        jobs = [Job(f"j{i}", "kvm", self.kernel, f"{i}", timeout=timeout) for i in range(count)]
        queue = list(scripts)

        def command(boot, *_):
            return ["sh", "-c", f"F='@@{boot._nonce}'\n" + queue.pop(0)]

        with mock.patch.object(l1._Boot, "_command", command), \
                mock.patch.object(l1, "OBEY_SECONDS", 0.3):
            l1.run(self.host, jobs, False, self.folder, self)
        self.assertEqual(queue, [], "not every boot took place")

    def test_consoles_and_statuses_reach_their_jobs(self):
        self.run_scripts(2, 'echo firmware; echo $F ready; echo $F begin 0; echo zero; '
                            'echo $F end 0 33 -; echo $F begin 1; printf half; echo $F end 1 35 -; '
                            'echo $F done')
        self.assertEqual(self.events, [
            ("started", 0), ("said", 0, "zero"), ("ended", 0, 33, ""),
            ("started", 1), ("said", 1, "half"), ("ended", 1, 35, "")])

    def test_what_l1_itself_says_about_an_end_is_the_reason(self):
        self.run_scripts(1, 'echo $F ready; echo $F begin 0; echo $F end 0 1 - the domain vanished; '
                            'echo $F done')
        self.assertEqual(self.events[-1], ("ended", 0, 1, "the domain vanished"))

    def test_a_guest_killed_inside_l1_timed_out(self):
        self.run_scripts(1, 'echo $F ready; echo $F begin 0; echo $F end 0 137 timeout; echo $F done')
        self.assertEqual(self.events[-1], ("ended", 0, None, "timed out after 5 seconds"))

    def test_a_guest_past_its_time_is_killed_on_request(self):
        self.run_scripts(1, 'echo $F ready; echo $F begin 0; read verb job; '
                            '[ "$verb $job" = "kill 0" ] && echo $F end 0 137 asked; echo $F done',
                         timeout=0.2)
        self.assertIn("timed out", self.events[-1][3])

    def test_when_l1_hangs_the_other_jobs_get_a_fresh_one(self):
        self.run_scripts(2, 'echo $F ready; echo $F begin 0; printf wor; sleep 60',
                         'echo $F ready; echo $F begin 1; echo $F end 1 33 -; echo $F done',
                         timeout=0.2)
        self.assertIn(("said", 0, "wor"), self.events)
        self.assertIn("hung L1", [e for e in self.events if e[:2] == ("ended", 0)][0][3])
        self.assertEqual(self.events[-1], ("ended", 1, 33, ""))

    def test_when_l1_dies_the_job_is_told_so(self):
        self.run_scripts(1, 'echo $F ready; echo $F begin 0; exit 1')
        self.assertIn("L1 died", self.events[-1][3])

    def test_an_l1_that_cannot_run_jobs_is_an_error(self):
        with self.assertRaisesRegex(l1.L1Error, "no /dev/kvm in L1"):
            self.run_scripts(1, 'echo $F broken no /dev/kvm in L1; sleep 60')

    def test_an_l1_that_ends_while_booting_is_an_error(self):
        with self.assertRaisesRegex(l1.L1Error, "ended while booting: kernel panic"):
            self.run_scripts(1, 'echo kernel panic')


class Processes(unittest.TestCase):
    @staticmethod
    def gone(pid):
        """True within a second if the process ends (a zombie has ended)."""
        for _ in range(50):
            try:
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return True
            except (FileNotFoundError, ProcessLookupError):
                return True
            time.sleep(0.02)
        return False

    def test_a_hanging_child_and_its_own_children_are_killed(self):
        with self.assertRaises(TimeOut):
            with Child(["sh", "-c", "sleep 60 & echo $!; sleep 60"]) as child:
                grandchild = int(child.line(time.monotonic() + 5))
                child.line(time.monotonic() + 0.1)
        self.assertTrue(self.gone(child.pid))
        self.assertTrue(self.gone(grandchild))

    def test_a_child_that_ignores_signals_is_killed(self):
        with Child(["sh", "-c", "trap '' TERM INT HUP; echo up; sleep 60; sleep 60"]) as child:
            child.line(time.monotonic() + 5)
        self.assertTrue(self.gone(child.pid))

    def test_an_exception_ends_the_child(self):
        with self.assertRaises(KeyboardInterrupt):
            with Child(["sleep", "60"]) as child:
                raise KeyboardInterrupt
        self.assertTrue(self.gone(child.pid))

    def test_the_child_dies_with_a_killed_runner(self):
        script = ("import sys, time; sys.path.insert(0, sys.argv[1])\n"
                  "from pvrun.process import Child\n"
                  "child = Child(['sleep', '60']); print(child.pid, flush=True); time.sleep(60)\n")
        with subprocess.Popen([sys.executable, "-c", script, os.path.dirname(__file__) or "."],
                              stdout=subprocess.PIPE, text=True) as parent:
            pid = int(parent.stdout.readline())
            parent.kill()
        self.assertTrue(self.gone(pid))

    def test_lines_arrive_before_the_child_ends(self):
        with Child(["sh", "-c", "echo early; sleep 60"]) as child:
            self.assertEqual(child.line(time.monotonic() + 5), "early")

    def test_an_unfinished_last_line_is_read(self):
        with Child(["printf", "one\\ntwo"]) as child:
            deadline = time.monotonic() + 5
            lines = [child.line(deadline) for _ in range(3)]
        self.assertEqual(lines, ["one", "two", None])

    def test_bytes_that_are_no_text_do_no_harm(self):
        with Child(["printf", "\\377\\n"]) as child:
            self.assertEqual(child.line(time.monotonic() + 5), "\ufffd")


class Runs(unittest.TestCase):
    """run_jobs with a shell script in the place of the VMM."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)
        self.kernel = self.build / "kernel.elf"
        self.kernel.touch()

    def run_script(self, script, timeout=5, **more):
        job = Job("case", "native", self.kernel, "selftest", timeout=timeout)
        with mock.patch.object(native, "emulated", lambda _: ["sh", "-c", script]):
            return runner.run_jobs([job], build=self.build, **more)[0]

    GOOD = "echo 'TAP version 13'; echo 1..1; echo 'ok 1 - one'; "

    def test_a_good_guest_succeeds_and_its_console_is_logged(self):
        seen = []
        result = self.run_script(self.GOOD + "exit 33", on_line=lambda job, line: seen.append(line))
        self.assertTrue(result.ok, result.reason)
        self.assertEqual(seen, ["TAP version 13", "1..1", "ok 1 - one"])
        self.assertIn("ok 1 - one", result.log.read_text())

    def test_a_crash_after_good_tap_is_a_failure(self):
        self.assertIn("without a result", self.run_script(self.GOOD + "exit 0").reason)

    def test_a_hanging_guest_times_out_and_keeps_its_last_words(self):
        result = self.run_script("printf 'stuck he'; sleep 60", timeout=0.3)
        self.assertIn("timed out after 0.3 seconds", result.reason)
        self.assertEqual(result.lines, ["stuck he"])
        self.assertLess(result.seconds, 5)

    def test_a_missing_kernel_is_a_failure(self):
        self.kernel.unlink()
        self.assertIn("there is no kernel", self.run_script("exit 33").reason)

    def test_a_missing_initrd_is_a_failure(self):
        job = Job("case", "native", self.kernel, "", initrd=self.build / "gone.cpio")
        result = runner.run_jobs([job], build=self.build)[0]
        self.assertIn("there is no initrd", result.reason)

    def test_a_missing_vmm_is_a_failure(self):
        job = Job("case", "native", self.kernel, "")
        with mock.patch.object(native, "emulated", lambda _: ["no-such-emulator"]):
            result = runner.run_jobs([job], build=self.build)[0]
        self.assertIn("not installed", result.reason)

    def test_an_unknown_vmm_is_refused(self):
        with self.assertRaises(ValueError):
            runner.run_jobs([Job("case", "vax", self.kernel, "")], build=self.build)

    def test_a_job_for_the_rig_does_not_go_to_the_machines_own_kvm(self):
        seen = []
        def broken(*_):
            seen.append("rig")
            raise rig.RigError("no packages")
        with mock.patch.object(rig, "build", broken), \
                mock.patch.object(runner.probe, "kvm", lambda _: runner.probe.Finding(True, "")):
            runner.run_jobs([Job("n", "kvm", self.kernel, "", nested=True)], build=self.build)
        self.assertEqual(seen, ["rig"])

    def test_a_rig_that_cannot_be_built_fails_every_job_on_it(self):
        def broken(*_):
            raise rig.RigError("no packages")
        jobs = [Job(f"case{i}", "kvm", self.kernel, "", icount=True) for i in range(2)]
        with mock.patch.object(rig, "build", broken):
            results = runner.run_jobs(jobs, build=self.build)
        self.assertEqual([r.reason for r in results], ["nested rig: no packages"] * 2)


class CommandLines(unittest.TestCase):
    def test_counting_is_deterministic_and_single_threaded(self):
        words = native.emulated(Job("b", "native", "k", "bench", icount=True))
        for word in ("tcg,thread=single", "shift=0,sleep=off", "base=2024-01-01,clock=vm"):
            self.assertIn(word, words)

    def test_the_native_machine_has_no_hypervisor_bit(self):
        self.assertIn("max,-hypervisor", native.emulated(Job("b", "native", "k", "")))

    def test_a_disc_is_a_drive_and_brings_its_command_line(self):
        words = native.emulated(Job("d", "native", "k.iso", "words", disc=True))
        self.assertIn("file=k.iso,format=raw,if=none,id=disc,readonly=on", words)
        self.assertFalse({"-kernel", "-append", "words"} & set(words))

    def test_an_initrd_goes_with_the_kernel(self):
        job = Job("l", "native", "k", "", initrd="i.cpio")
        for words in (native.emulated(job), native.accelerated(job)):
            self.assertEqual(words[words.index("-initrd") + 1], "i.cpio")
        self.assertNotIn("-initrd", native.emulated(Job("l", "native", "k", "")))

    def test_the_nested_rig_carries_an_initrd_into_l1(self):
        host = hosts.NestedKvm(mock.Mock())
        job = Job("l", "kvm", "k", "", initrd="i.cpio")
        run = host.job_files(0, job, lambda path: f"/job/files/{path}")["run"]
        self.assertIn("-kernel /job/files/k -append '' -initrd /job/files/i.cpio", run)

    def test_a_jobs_own_arguments_replace_the_defaults(self):
        words = native.emulated(Job("b", "native", "k", "", qemu_args=["-cpu", "qemu64"]))
        self.assertEqual([words[i + 1] for i, w in enumerate(words) if w == "-cpu"], ["qemu64"])


class XenLine(unittest.TestCase):
    """Xen's serial line, with the console of dom0 on it."""

    def setUp(self):
        self.log = io.StringIO()
        self.line = serial.XenSerial(self.log)

    def read(self, *lines):
        return [text for line in lines for text in self.line.feed(line)]

    def test_xens_own_lines_go_to_its_log_only(self):
        self.assertEqual(self.read("(XEN) Scrubbing Free RAM", "ok 1 - one"), ["ok 1 - one"])
        self.assertEqual(self.log.getvalue(), "Scrubbing Free RAM\n")

    def test_a_guests_line_that_xen_broke_into_is_whole_again(self):
        self.assertEqual(self.read("ok 1 - ha(XEN) d0v0 something", "(XEN) more", "lf"),
                         ["ok 1 - half"])

    def test_an_unfinished_line_is_kept_at_the_end(self):
        self.assertEqual(self.read("ok 1 - ha(XEN) d0v0 something"), [])
        self.assertEqual(self.line.rest(""), ["ok 1 - ha"])
        self.assertEqual(serial.XenSerial(self.log).rest("tail"), ["tail"])

    def test_lines_left_unread_at_the_end_are_still_told_apart(self):
        self.read("ok 1 - ha(XEN) Hardware Dom0 halted")
        self.assertEqual(self.line.rest("lf\r\n(XEN) one\r\nmore\n(XEN) two"), ["ok 1 - half", "more"])

    def test_an_empty_line_is_kept(self):
        self.assertEqual(self.read("", "(XEN) x", ""), ["", ""])

    def assert_ending(self, words, *lines):
        self.read(*lines)
        self.assertTrue(self.line.ended)
        self.assertEqual(self.line.trouble(), words)

    def test_a_halted_dom0_left_no_result(self):
        self.assert_ending("the guest powered off without a result",
                           "(XEN) Hardware Dom0 halted: halting machine")

    def test_a_crash_is_told_with_xens_first_word_about_it(self):
        self.assert_ending("the guest crashed; Xen says: d0v0 Unhandled: vec 6, #UD[ffffffff]",
                           "(XEN) d0v0 Unhandled: vec 6, #UD[ffffffff]",
                           "(XEN) Domain 0 (vcpu#0) crashed on cpu#0:",
                           "(XEN) Hardware Dom0 crashed: rebooting machine in 5 seconds.")

    def test_a_panic_is_told_with_its_reason(self):
        self.assert_ending("Xen panicked: Could not construct domain 0",
                           "(XEN) ****************************************",
                           "(XEN) Panic on CPU 0:", "(XEN) Could not construct domain 0",
                           "(XEN) ****************************************")

    def test_warnings_about_a_guest_that_goes_on_are_no_ending(self):
        self.read("(XEN) d0v0 Unhandled: vec 6, #UD[ffffffff]", "ok 1 - one")
        self.assertEqual((self.line.ended, self.line.trouble()), ("", ""))


class XenJobs(unittest.TestCase):
    def test_commas_of_a_command_line_are_doubled_for_qemu(self):
        job = Job("t", "xen-dom0-pv", "k", "selftest test=a,b")
        words = xen.as_dom0("xen.elf", job)
        self.assertEqual(words[words.index("-initrd") + 1], "k selftest test=a,,b")

    def test_a_dom0_is_told_when_it_is_started(self):
        before = int(time.time())
        words = xen.as_dom0("xen.elf", Job("t", "xen-dom0-pv", "k", "info wall=now selftest"))
        told = re.fullmatch(r"k info wall=(\d+) selftest", words[words.index("-initrd") + 1])
        self.assertTrue(before <= int(told[1]) <= time.time())

    def test_a_dom0s_initrd_is_xens_second_module(self):
        words = xen.as_dom0("xen.elf", Job("t", "xen-dom0-pv", "k", "a b", initrd="i.cpio"))
        self.assertEqual(words[words.index("-initrd") + 1], "k a b,i.cpio")

    def test_only_a_pvh_dom0_is_asked_for_as_such(self):
        for vmm, asked in (("xen-dom0-pv", False), ("xen-dom0-pvh", True)):
            words = xen.as_dom0("xen.elf", Job("t", vmm, "k", ""))
            self.assertEqual("dom0=pvh" in words[words.index("-append") + 1], asked)

    def test_a_pvh_dom0_has_an_iommu_where_its_machine_has_one(self):
        for devices, there in (([], False), (["-device", "amd-iommu,intremap=on"], True)):
            words = xen.as_dom0("xen.elf", Job("t", "xen-dom0-pvh", "k", "", qemu_args=devices))
            self.assertEqual(xen.NO_IOMMU not in words[words.index("-append") + 1], there)

    def test_counting_reaches_xen_too(self):
        words = xen.as_dom0("xen.elf", Job("t", "xen-dom0-pv", "k", "", icount=True))
        self.assertIn("shift=0,sleep=off", words)

    def config(self, **settings):
        host = hosts.XenDom0(mock.Mock())
        job = Job("t", "xen-domu-pvh", "k", **{"cmdline": "selftest", **settings})
        return host.job_files(3, job, lambda path: f"/job/files/{path}")["config"]

    def test_a_domains_configuration_says_what_the_job_says(self):
        config = self.config(mem=64, smp=2, qemu_args=["tsc_mode = 'native'"])
        for line in ('name = "job3"', 'type = "pvh"', 'kernel = "/job/files/k"', "memory = 64",
                     'cmdline = "selftest"', "vcpus = 2", "tsc_mode = 'native'"):
            self.assertIn(line + "\n", config)
        self.assertNotIn("ramdisk", config)

    def test_a_domain_gets_its_initrd(self):
        self.assertIn('ramdisk = "/job/files/i.cpio"\n', self.config(initrd="i.cpio"))

    def test_dom0_has_more_memory_when_jobs_carry_more_into_it(self):
        with tempfile.TemporaryDirectory() as folder:
            own, whole = Path(folder, "own"), Path(folder, "whole")
            own.write_bytes(b"")
            host = hosts.XenDom0(xen_rig.Dom0("xen", "kernel", str(own)))
            for carried, dom0_mib in ((2, 192), (48, 312)):
                with open(whole, "wb") as file:
                    file.truncate(carried << 20)
                words = host.command(True, 512, whole, "log", "nonce")
                self.assertIn(f"dom0_mem={dom0_mib}M", words[words.index("-append") + 1])
                self.assertEqual(int(words[words.index("-m") + 1]), 512 + dom0_mib - 192)

    def test_quotes_in_a_command_line_do_not_end_it(self):
        self.assertIn("cmdline = 'a=\"b\"'\n", self.config(cmdline='a="b"'))
        with self.assertRaises(ValueError):
            self.config(cmdline="both ' and \"")


class RigParts(unittest.TestCase):
    def test_an_archive_is_the_same_each_time_and_aligned(self):
        def make():
            archive = cpio.Archive()
            archive.file("a/b/c", b"12345", 0o755)
            archive.symlink("a/d", "b/c")
            return archive.data()
        self.assertEqual(make(), make())
        self.assertEqual(len(make()) % 4, 0)

    def test_an_archive_names_each_folder_once_and_before_its_files(self):
        archive = cpio.Archive()
        archive.file("a/b/one", b"")
        archive.file("a/b/two", b"")
        data = archive.data()
        self.assertEqual(data.count(b"a/b\0"), 1)
        self.assertLess(data.index(b"a/b\0"), data.index(b"a/b/one\0"))

    def test_upstream_versions_are_read_past_the_epoch(self):
        self.assertEqual(packages.upstream_major("1:10.0.2+ds-2+deb13u1~bpo12+1"), 10)
        self.assertEqual(packages.upstream_major("6.12.95-1"), 6)

    def test_a_cached_rig_is_not_used_after_its_recipe_changed(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "stamp.json").write_text('{"recipe": "old", "rig": {}}')
            self.assertIsNone(store.cached(folder, "new", rig.Rig))

    def test_a_cached_rig_with_a_missing_part_is_not_used(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "stamp.json").write_text(
                '{"recipe": "r", "rig": {"qemu": "/gone", "qemu_environment": {}, '
                '"kernel": "/gone", "initramfs": "/gone"}}')
            self.assertIsNone(store.cached(folder, "r", rig.Rig))


if __name__ == "__main__":
    unittest.main()
