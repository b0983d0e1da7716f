# SPDX-License-Identifier: MIT
"""Unit tests of the places: no VMM is started. Run: python3 -m unittest tests/vmm/test_places.py"""

import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from places import Kernels, Place, PlaceError, loader  # noqa: E402
from pvrun import Job, Result  # noqa: E402
from pvrun.tap import Tap  # noqa: E402

JOB = Job("p", "native", "k", "")


def result(*lines, ok=True, **settings):
    return Result(JOB, ok=ok, lines=list(lines), **settings)


class Verdict(unittest.TestCase):
    place = Place("here", JOB, [r"vmm +kvm, .*"], {"found ": 1})

    def test_a_place_that_says_all_that_is_due_has_no_problems(self):
        self.assertEqual(self.place.problems(result("found A", "vmm      kvm, entered by pvh")), [])

    def test_a_line_that_is_missing_is_a_problem(self):
        self.assertIn("no line is 'vmm +kvm, .*'", self.place.problems(result("found A"))[0])

    def test_part_of_a_line_is_not_the_line(self):
        self.assertTrue(self.place.problems(result("found A", "# vmm  kvm, entered by pvh")))

    def test_more_lines_of_a_kind_than_are_due_is_a_problem(self):
        problems = self.place.problems(result("found A", "found B", "vmm  kvm, by"))
        self.assertIn("2 lines begin with 'found ' where 1 are due", problems[0])

    def test_a_bad_end_is_a_problem_with_its_reason(self):
        problems = self.place.problems(result("found A", "vmm  kvm, by", ok=False, reason="late"))
        self.assertIn("late", problems[0])

    def test_checks_that_count_by_themselves_are_no_problem_of_the_place(self):
        tap = Tap()
        for line in ("TAP version 13", "1..1", "not ok 1 - x"):
            tap.feed(line)
        bad = result(ok=False, tap=tap, reason="1 not ok: x")
        self.assertEqual(Place("here", JOB, each_check=True).problems(bad), [])
        self.assertIn("1 not ok: x", Place("here", JOB).problems(bad)[0])

    def test_a_check_that_is_skipped_is_a_problem_where_it_must_not_be(self):
        tap = Tap()
        for line in ("TAP version 13", "1..2", "ok 1 - x # SKIP why", "ok 2 - y # SKIP because"):
            tap.feed(line)
        seen = result(tap=tap)
        self.assertEqual(Place("here", JOB, each_check=True).problems(seen), [])
        problems = Place("here", JOB, each_check=True, may_skip=["x"]).problems(seen)
        self.assertEqual(len(problems), 1)
        self.assertIn("'y' is skipped: because", problems[0])

    def test_a_place_that_cannot_be_reached_says_why_and_nothing_else(self):
        problems = self.place.problems(result(ok=False, unavailable=True, reason="no packages"))
        self.assertEqual(len(problems), 1)

    def test_a_kernel_that_was_not_built_is_named(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(PlaceError) as caught:
            Kernels(folder).elf("guest")
        self.assertIn("guest-kernel.elf", str(caught.exception))


class Structures(unittest.TestCase):
    def setUp(self):
        self.memory = loader.Memory()

    def at(self, address, form):
        return struct.unpack_from(form, self.memory.image(1, 2, 3), address - loader.BASE)

    def test_orders_come_first(self):
        self.memory.put(b"x")
        self.assertEqual(self.at(loader.BASE, "<III"), (1, 2, 3))

    def test_a_piece_lies_where_it_is_said_to_lie(self):
        self.memory.put(b"abc")
        address = self.memory.put(b"piece", 4096)
        self.assertEqual((address % 4096, self.at(address, "5s")[0]), (0, b"piece"))

    def test_a_start_info_points_to_its_map_and_its_words(self):
        start = loader.pvh(self.memory, b"words\0", [(1, 2, 3), (4, 5, 6)])
        _, version, _, _, _, words, _, table, count, _ = self.at(start, "<IIIIQQQQII")
        self.assertEqual((version, count, self.at(words, "6s")[0]), (1, 2, b"words\0"))
        self.assertEqual(self.at(table + 24, "<QQI"), (4, 5, 6))

    def test_multiboot2_tags_follow_each_other_by_their_sizes(self):
        start = loader.multiboot2(self.memory, b"words\0", loader.map_tag(), loader.END_TAG)
        total, _ = self.at(start, "<II")
        kinds, at = [], start + 8
        while at < start + total:
            kind, size = self.at(at, "<II")
            kinds.append(kind)
            at += -(-size // 8) * 8
        self.assertEqual((kinds, at), ([1, 6, 0], start + total))

    def test_a_multiboot1_structure_points_to_its_map(self):
        start = loader.multiboot1(self.memory, b"words\0", [(1, 2, 3)])
        length, table = self.at(start + 44, "<II")
        self.assertEqual((length, self.at(table, "<IQQI")), (24, (20, 1, 2, 3)))

    def test_acpi_tables_add_up_to_nothing(self):
        pointer = loader.root_pointer(0x1000)
        for data in (pointer[:20], pointer, loader.table(b"APIC", b"xyz")):
            self.assertEqual(sum(data) % 256, 0)
        self.assertEqual(len(pointer), 36)


if __name__ == "__main__":
    unittest.main()
