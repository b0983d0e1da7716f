# SPDX-License-Identifier: MIT
"""Unit tests of what measures Linux; no VMM is started.
Run: python3 -m unittest benchmarks/linux/test_peer.py
"""

import json
import struct
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from linux import peer  # noqa: E402  (finds the rigs' modules for the others)
from figures import Figure  # noqa: E402
from linux import image  # noqa: E402
from pvrun import Result  # noqa: E402

VERSIONS = {"rig": "Xen", "QEMU": "10", "Linux": "6.1.1-1"}


def line(row, ticks=2500, count=10):
    op, size = row
    return json.dumps({"type": "bench", "op": op, "mode": "linux", "size": size, "n": count,
                       "ticks": ticks, "per_op": ticks / count})


def console(cpus=1, rows=None):
    machine = json.dumps({"type": "machine", "release": "6.1.0-1-amd64", "cpus": cpus})
    return ["[    0.1] a word of the kernel's", machine, *map(line, rows or peer.ROWS[cpus])]


class Reading(unittest.TestCase):
    boot = peer.Boot("xen-domu-pv")

    def refused(self, lines, words):
        with self.assertRaisesRegex(peer.PeerError, words):
            peer.read(self.boot, lines, VERSIONS)

    def test_each_row_becomes_a_figure_that_says_what_it_counts_and_of_what(self):
        found = peer.read(self.boot, console(), VERSIONS)
        self.assertEqual([(figure.row, figure.size) for figure in found], peer.ROWS[1])
        self.assertEqual(found[-1], Figure("linux_space_build", "xen-domu-pv", "all", 250.0,
                                           mode="linux", size=1000, guest="linux",
                                           versions=VERSIONS))

    def test_the_mode_and_the_command_line_tell_the_settings_apart(self):
        shipped = peer.Boot("kvm", "as shipped")
        self.assertEqual(peer.read(shipped, console(), VERSIONS)[0].mode, "as shipped")
        self.assertNotIn("mitigations=off", shipped.cmdline)
        self.assertIn("mitigations=off", peer.Boot("kvm").cmdline)

    def test_a_boot_with_two_cpus_reports_only_what_needs_two(self):
        found = peer.read(peer.Boot("kvm", cpus=2), console(2), VERSIONS)
        self.assertEqual([figure.row for figure in found], ["linux_pipe_other_cpu"])

    def test_a_missing_figure_is_named(self):
        self.refused(console(rows=peer.ROWS[1][:-1]), "linux_space_build', 1000")

    def test_a_figure_that_nobody_asked_for_is_named(self):
        self.refused(console(rows=[*peer.ROWS[1], ("linux_nap", 0)]), "linux_nap")

    def test_a_figure_that_comes_twice_is_refused(self):
        self.refused(console(rows=[*peer.ROWS[1], peer.ROWS[1][-1]]), "not expected")

    def test_a_guest_with_other_cpus_than_it_was_given_is_refused(self):
        self.refused(console(2, peer.ROWS[1]), "1 CPUs")

    def test_a_guest_that_starts_over_is_refused(self):
        self.refused(console() + console(), "say once")

    def test_a_silent_guest_is_refused(self):
        self.refused([], "nothing")

    def test_a_damaged_line_is_shown(self):
        self.refused([text[:40] for text in console()], "damaged")

    def test_a_line_of_another_type_is_refused(self):
        self.refused([*console(), '{"type":"info"}'], "unknown type")

    def test_a_figure_of_nothing_is_refused(self):
        lines = console(rows=peer.ROWS[1][:-1])
        self.refused([*lines, line(peer.ROWS[1][-1], ticks=-5)], "no figure")


class Order(unittest.TestCase):
    def test_every_vmm_boots_each_mode_and_once_with_two_cpus(self):
        self.assertEqual([(boot.vmm, boot.mode, boot.cpus) for boot in peer.boots(("kvm",))],
                         [("kvm", "linux", 1), ("kvm", "as shipped", 1), ("kvm", "linux", 2)])

    def test_interrupts_are_measured_where_each_cpu_has_a_processor(self):
        boot, = peer.boots(peer.TWO_PROCESSORS)
        self.assertEqual((boot.vmm, boot.cpus), ("xen-dom0-pv", 2))
        lines = console(2, peer.ROWS["processors"])
        self.assertEqual([figure.row for figure in peer.read(boot, lines, VERSIONS)],
                         ["linux_interrupt_other"])

    def test_what_says_that_a_boot_came_out_short_is_what_the_program_says(self):
        source = (Path(peer.__file__).parent / "main.c").read_text()
        self.assertIn(f'not_whole[] = "{peer.TOO_FEW}"', source)

    def test_each_job_counts_and_carries_its_initramfs(self):
        for job in (boot.job("k", "i") for boot in peer.boots(peer.VMMS)):
            self.assertTrue(job.icount)
            self.assertEqual((job.kernel, job.initrd), ("k", "i"))

    def test_only_domus_are_kept_from_intercepting_the_counter(self):
        asked = {boot.vmm: boot.job("k", "i").qemu_args for boot in peer.boots(peer.VMMS)}
        self.assertEqual(asked, {"kvm": [], "xen-domu-pv": peer.DOMAIN_LINES,
                                 "xen-domu-pvh": peer.DOMAIN_LINES, "xen-dom0-pv": []})

    def test_the_command_line_begins_where_the_entry_is_noted(self):
        for boot in peer.boots(peer.VMMS):
            self.assertTrue(boot.cmdline.startswith("entry_tsc=aaaaaaaaaaaaaaaa "))


class Measuring(unittest.TestCase):
    """peer.figures() with results that are made up in the place of guests."""

    def measured(self, result_of):
        dom0 = SimpleNamespace(kernel="vmlinux", versions={"dom0 kernel": "6.1.1-1"})

        def results(jobs, **_):
            return [result_of(job) for job in jobs]
        with mock.patch.object(peer.xen_rig, "dom0", lambda *_: dom0), \
                mock.patch.object(image, "kernel", lambda *_: "k"), \
                mock.patch.object(image, "initramfs", lambda *_: "i"), \
                mock.patch.object(peer, "run_jobs", results):
            return peer.figures(vmms=("kvm", "xen-domu-pvh"))

    def test_the_figures_of_all_boots_come_together(self):
        found, troubles, notes = self.measured(
            lambda job: Result(job, ok=True, lines=console(job.smp), rig="a rig"))
        self.assertEqual((troubles, notes), ([], []))
        self.assertEqual(len(found), 2 * (2 * len(peer.ROWS[1]) + 1))
        self.assertEqual(len({figure.key for figure in found}), len(found))
        self.assertEqual(found[0].versions["Linux"], "6.1.1-1")

    def test_a_boot_that_fails_says_why_and_the_others_count(self):
        def result_of(job):
            bad = job.vmm == "kvm" and job.smp == 2
            lines = ["# linux_pipe_other_cpu: a pipe does not work"] if bad else console(job.smp)
            return Result(job, ok=not bad, reason="the guest reports failure", lines=lines)
        found, troubles, notes = self.measured(result_of)
        self.assertEqual(len(found), 4 * len(peer.ROWS[1]) + 1)
        self.assertEqual((len(troubles), len(notes)), (1, 0))
        self.assertIn("the guest reports failure; it says: linux_pipe_other_cpu: a pipe does not",
                      troubles[0])

    def test_a_boot_that_comes_out_short_is_repeated_once_and_that_is_said(self):
        asked = []

        def result_of(job):
            asked.append(job.label)
            short = job.vmm == "kvm" and job.name == "linux 1" and asked.count(job.label) == 1
            words = f"# linux_context_switch_fair: {peer.TOO_FEW}"
            return Result(job, ok=not short, reason="the guest reports failure",
                          lines=[words] if short else console(job.smp))
        found, troubles, notes = self.measured(result_of)
        self.assertEqual(troubles, [])
        self.assertEqual(len(found), 2 * (2 * len(peer.ROWS[1]) + 1))
        self.assertEqual(len(asked), 7)
        self.assertRegex(notes[0], "^booted once more: .*too few runs did all their work")


# A small kernel: code and a gap, constants with the notes, and data that ends in zeros.
TEXT, RODATA, DATA = 0x1000, 0x2000, 0x3000
VIRTUAL, PHYSICAL = 0xffffffff81000000, 0x1000000
CODE_BYTES = 0x100
PV_ENTRY, PVH_ENTRY = VIRTUAL + 0x40, PHYSICAL + 0x20


def note(kind, value):
    return struct.pack("<III4s", 4, len(value), kind, b"Xen\0") + value


def small_kernel(notes=None, gap=b"", name=b".text"):
    notes = notes if notes is not None else (
        note(6, b"linux\0\0\0") + note(1, struct.pack("<Q", PV_ENTRY))
        + note(18, struct.pack("<I", PVH_ENTRY)))
    segments = [(1, TEXT, VIRTUAL, PHYSICAL, 0x2000), (1, DATA, VIRTUAL + DATA, PHYSICAL + DATA, 0x1000),
                (4, RODATA, VIRTUAL + 0x1000, PHYSICAL + 0x1000, len(notes))]
    sections = [(0, 0, 0, 0, 0, 0), (1, 1, 0, VIRTUAL, TEXT, CODE_BYTES), (7, 3, 0, 0, 0x4100, 32)]
    file = bytearray(0x4200)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, PHYSICAL, 64, 0x4000, 0,
                         64, 56, len(segments), 64, len(sections), 2)
    file[:64] = header
    for i, (kind, offset, virtual, physical, size) in enumerate(segments):
        struct.pack_into("<IIQQQQQQ", file, 64 + 56 * i, kind, 5, offset, virtual, physical, size,
                         size, 4096)
    for i, section in enumerate(sections):
        struct.pack_into("<IIQQQQ", file, 0x4000 + 64 * i, *section)
    file[0x4100:0x4100 + 17] = b"\0" + name + b"\0.shstrtab\0"[:11]
    file[TEXT:TEXT + CODE_BYTES] = CODE_BYTES * b"\x90"
    file[TEXT + CODE_BYTES:TEXT + CODE_BYTES + len(gap)] = gap
    file[RODATA:RODATA + len(notes)] = notes
    file[DATA:DATA + 8] = b"contents"
    return bytes(file)


STUBS = {18: b"PVH-STUB\xe9\0\0\0\0", 1: b"PV-STUB-64\xe9\0\0\0\0"}


class Noting(unittest.TestCase):
    """The kernel that notes when it is entered."""

    def setUp(self):
        self.image = image.noting(small_kernel(), STUBS)

    def test_the_entries_are_the_stubs_and_these_jump_to_the_kernels_own(self):
        first, second = TEXT + CODE_BYTES, TEXT + CODE_BYTES + len(STUBS[18])
        for at, code, base, kind, form, entry in (
                (first, STUBS[18], PHYSICAL - TEXT, 18, "<I", PVH_ENTRY),
                (second, STUBS[1], VIRTUAL - TEXT, 1, "<Q", PV_ENTRY)):
            self.assertEqual(self.image[at:at + len(code) - 4], code[:-4])
            jump, = struct.unpack_from("<i", self.image, at + len(code) - 4)
            self.assertEqual(base + at + len(code) + jump, entry)
            self.assertIn(note(kind, struct.pack(form, base + at)), self.image)

    def test_nothing_else_that_is_loaded_changes(self):
        before, after = bytearray(small_kernel()), bytearray(self.image)
        self.assertEqual(after[TEXT:TEXT + CODE_BYTES], before[TEXT:TEXT + CODE_BYTES])
        self.assertEqual(after[DATA:DATA + 8], before[DATA:DATA + 8])
        changed = [at for at in range(TEXT, len(after)) if after[at] != before[at]]
        in_gap = range(TEXT + CODE_BYTES, TEXT + CODE_BYTES + sum(map(len, STUBS.values())))
        in_notes = range(RODATA, RODATA + 0x60)
        self.assertEqual([at for at in changed if at not in in_gap and at not in in_notes], [])

    def test_zeros_at_the_end_are_left_to_the_loader(self):
        self.assertEqual(len(self.image), DATA + len(b"contents"))
        size, memory = struct.unpack_from("<QQ", self.image, 64 + 56 + 32)
        self.assertEqual((size, memory), (len(b"contents"), 0x1000))

    def refused(self, kernel, words):
        with self.assertRaisesRegex(image.ImageError, words):
            image.noting(kernel, STUBS)

    def test_a_kernel_without_a_gap_is_refused(self):
        self.refused(small_kernel(gap=b"\xcc" * 64), "no gap")

    def test_a_kernel_that_lacks_an_entry_is_refused(self):
        self.refused(small_kernel(notes=note(18, struct.pack("<I", PVH_ENTRY))), "no Xen note 1")

    def test_a_kernel_without_named_code_is_refused(self):
        self.refused(small_kernel(name=b".code"), "no section .text")

    def test_a_compressed_kernel_is_refused(self):
        self.refused(b"MZ" + bytes(1000), "no ELF64 file")


if __name__ == "__main__":
    unittest.main()
