# SPDX-License-Identifier: MIT
"""The rules of loaders (tests/build/elf_rules.py) on files made by hand: one that is right, and
each way of being wrong, which must be reported by those whose rule it breaks and by no others."""
import pathlib
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
import elf_rules  # noqa: E402

BASE, LOAD = 0xffffffff80000000, 0x200000
TEXT_AT, DATA_AT = 0x1000, 0x2000  # in the file
ENTRY = LOAD + 0x800
NOTE_AT = 0x400  # in the text
MB2_AT = 0x10


def note(name=b'Xen\0', kind=18, descriptor=struct.pack('<Q', ENTRY), align=4, sizes=None):
    name_size, size = sizes or (len(name), len(descriptor))
    pad = lambda data: data + bytes(-len(data) % align)
    return struct.pack('<III', name_size, size, kind) + pad(name) + pad(descriptor)


def text_note(kind, text):
    return note(kind=kind, descriptor=text + b'\0')


def number_note(kind, number):
    return note(kind=kind, descriptor=struct.pack('<Q', number))


XEN_PV = {5: text_note(5, b'xen-3.0'), 6: text_note(6, b'pvops'), 7: text_note(7, b'1'),
          8: text_note(8, b'generic'), 3: number_note(3, BASE), 4: number_note(4, 0),
          1: number_note(1, BASE + ENTRY)}


def xen_pv(without=(), **changes):
    """The notes of the Xen PV door, some left out, others another: n5=, n6=..."""
    notes = {kind: made for kind, made in XEN_PV.items() if kind not in without}
    notes.update({int(kind[1:]): made for kind, made in changes.items()})
    return b''.join(notes.values())


def tag(kind, content=b'', flags=0, size=None):
    data = struct.pack('<HHI', kind, flags, 8 + len(content) if size is None else size) + content
    return data + bytes(-len(data) % 8)


def multiboot2(tags, end=tag(0), architecture=0, length=None):
    body = tags + end
    length = 16 + len(body) if length is None else length
    checksum = -(elf_rules.MULTIBOOT2_MAGIC + architecture + length) % (1 << 32)
    return struct.pack('<IIII', elf_rules.MULTIBOOT2_MAGIC, architecture, length, checksum) + body


def multiboot1(flags=3):
    checksum = -(elf_rules.MULTIBOOT1_MAGIC + flags) % (1 << 32)
    return struct.pack('<III', elf_rules.MULTIBOOT1_MAGIC, flags, checksum)


ENTRY_TAG = tag(3, struct.pack('<I', ENTRY))


class Kernel:
    """A file like those that the library's linker script makes, with parts to be broken."""

    def __init__(self, bits=64, **changes):
        self.bits = bits
        self.ident = b'\x7fELF' + bytes([bits // 32, 1, 1]) + bytes(9)
        self.machine = 62 if bits == 64 else 3
        self.type, self.version, self.flags, self.phentsize = 2, 1, 0, 56 if bits == 64 else 32
        base = BASE if bits == 64 else 0
        self.entry = base + ENTRY
        self.notes = note()
        self.text = {MB2_AT: multiboot2(ENTRY_TAG)}
        self.text_vaddr = base + LOAD
        self.text_paddr, self.text_flags, self.text_filesz = LOAD, 5, 0x1000
        self.data_vaddr = base + LOAD + 0x1000
        self.data_paddr, self.data_filesz, self.data_memsz = LOAD + 0x1000, 0x1000, 0x4000
        self.note_offset, self.note_align, self.note_bytes = TEXT_AT + NOTE_AT, 4, None
        self.more_segments, self.elsewhere, self.section_types = [], {}, []
        self.phoff, self.shoff = 64 if bits == 64 else 52, 0x3000
        for name, value in changes.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def segment(self, kind, offset, vaddr, paddr, filesz, memsz, flags, align):
        if self.bits == 64:
            return struct.pack('<IIQQQQQQ', kind, flags, offset, vaddr, paddr, filesz, memsz, align)
        return struct.pack('<IIIIIIII', kind, offset, vaddr, paddr, filesz, memsz, flags, align)

    def bytes(self):
        size = len(self.notes) if self.note_bytes is None else self.note_bytes
        segments = [
            (1, TEXT_AT, self.text_vaddr, self.text_paddr, self.text_filesz, 0x1000,
             self.text_flags, 0x1000),
            (1, DATA_AT, self.data_vaddr, self.data_paddr, self.data_filesz, self.data_memsz, 6,
             0x1000)]
        if self.notes is not None and size:
            segments.append((4, self.note_offset, self.text_vaddr + NOTE_AT, LOAD + NOTE_AT, size,
                             size, 4, self.note_align))
        segments += self.more_segments
        data = bytearray(0x3000)
        head = struct.pack('<HHIQQQIHHHHHH' if self.bits == 64 else '<HHIIIIIHHHHHH', self.type,
                           self.machine, self.version, self.entry, self.phoff,
                           self.shoff if self.section_types else 0, self.flags, 64, self.phentsize,
                           len(segments), 64, len(self.section_types), 0)
        pieces = {0: self.ident + head, self.phoff: b''.join(self.segment(*s) for s in segments),
                  TEXT_AT + NOTE_AT: self.notes or b'', **self.elsewhere}
        pieces.update({TEXT_AT + at: piece for at, piece in self.text.items()})
        for at, piece in pieces.items():
            data[at:at + len(piece)] = piece
        sections = b''.join(struct.pack('<II', 0, kind) + bytes(56) for kind in self.section_types)
        return bytes(data) + sections


def derived(**changes):
    """As make-mb1 derives it."""
    changes = {'text': {0: multiboot1(), MB2_AT: multiboot2(ENTRY_TAG)}, **changes}
    return Kernel(bits=32, **changes)


class ElfRules(unittest.TestCase):
    def assert_reported(self, kernel, doors, *expected):
        bad = elf_rules.check(kernel.bytes(), doors)
        for words in expected:
            self.assertTrue(any(words in complaint for complaint in bad),
                            f'{words!r} is not among {bad}')
        unexpected = [c for c in bad if not any(words in c for words in expected)]
        self.assertEqual(unexpected, [])

    def pvh(self, *expected, **changes):
        self.assert_reported(Kernel(**changes), ['pvh'], *expected)

    def mb1(self, *expected, **changes):
        self.assert_reported(derived(**changes), ['multiboot1'], *expected)

    def mb2(self, *expected, **changes):
        self.assert_reported(Kernel(**changes), ['multiboot2'], *expected)

    def xpv(self, *expected, notes=None, **changes):
        """Of a file with the PVH note too, as a kernel with both doors has them."""
        kernel = Kernel(notes=(xen_pv() if notes is None else notes) + note(), **changes)
        self.assert_reported(kernel, ['xen-pv'], *expected)

    def test_a_right_file_passes_by_every_door(self):
        self.assertEqual(elf_rules.check(Kernel().bytes(), ['pvh', 'multiboot2']), [])
        self.assertEqual(elf_rules.check(derived().bytes(), ['multiboot1']), [])

    def test_what_is_no_elf_file_is_reported(self):
        for data in (b'', b'\x7fELF', bytes(4096), Kernel().bytes()[:100]):
            self.assertIn('the file cannot be read', elf_rules.check(data, ['pvh'])[0])

    def test_a_file_without_a_note(self):
        self.pvh('0 PT_NOTE segments', 'xen: no PHYS32_ENTRY', 'qemu: no PVH entry',
                 'linux-loader: no PVH entry', notes=None, note_bytes=0)

    def test_a_note_of_another_type(self):
        self.pvh('xen: no PHYS32_ENTRY', 'qemu: no PVH entry', 'linux-loader: no PVH entry',
                 notes=note(kind=17))

    def test_a_note_of_another_name(self):
        self.pvh('PT_NOTE holds notes of others', 'xen: no PHYS32_ENTRY',
                 'qemu: a note of type 18 that is not Xen', 'linux-loader: no PVH entry',
                 notes=note(name=b'Xem\0'))

    def test_a_foreign_note_of_type_18_in_front(self):
        self.pvh('PT_NOTE holds notes of others', 'qemu: a note of type 18 that is not Xen',
                 'qemu: there is no code',
                 notes=note(name=b'GNU\0', descriptor=struct.pack('<Q', 0x1234)) + note())

    def test_a_descriptor_of_4_bytes_is_too_short_for_qemu_alone(self):
        self.pvh('qemu: the descriptor is shorter',
                 notes=note(descriptor=struct.pack('<I', ENTRY)))

    def test_a_descriptor_of_12_bytes_is_0_for_xen_alone(self):
        self.pvh('xen: the entry 0x0 lies outside', 'xen: there is no code',
                 notes=note(descriptor=struct.pack('<QI', ENTRY, 0)))

    def test_a_descriptor_of_2_bytes(self):
        self.pvh('xen: the entry 0x800 lies outside', 'xen: there is no code',
                 'qemu: the descriptor is shorter', 'qemu: there is no code',
                 'linux-loader: the descriptor is shorter', 'linux-loader: no PVH entry',
                 notes=note(descriptor=struct.pack('<H', 0x800)))

    def test_an_entry_that_is_virtual(self):
        self.pvh('xen: the entry', 'xen: there is no code', 'qemu: there is no code',
                 'linux-loader: there is no code',
                 notes=note(descriptor=struct.pack('<Q', BASE + ENTRY)))

    def test_an_entry_in_the_data(self):
        self.pvh('xen: there is no code', 'qemu: there is no code',
                 'linux-loader: there is no code',
                 notes=note(descriptor=struct.pack('<Q', LOAD + 0x1800)))

    def test_an_entry_outside_the_image(self):
        self.pvh('xen: the entry', 'xen: there is no code', 'qemu: there is no code',
                 'linux-loader: there is no code',
                 notes=note(descriptor=struct.pack('<Q', LOAD + 0x10000)))

    def test_a_segment_of_notes_aligned_to_8(self):
        # As ld makes it when .note.gnu.property lies in it; its content is aligned to 4.
        self.pvh('PT_NOTE is not aligned to 4', 'qemu: the descriptor is shorter',
                 'qemu: no PVH entry', note_align=8)

    def test_a_segment_of_notes_aligned_to_0(self):
        self.pvh('PT_NOTE is not aligned to 4', 'qemu: a PT_NOTE of alignment 0',
                 'qemu: no PVH entry', note_align=0)

    def test_a_gnu_property_in_front_of_the_note(self):
        self.pvh('PT_NOTE holds notes of others',
                 notes=note(name=b'GNU\0', kind=5, descriptor=bytes(16)) + note())

    def test_two_segments_of_notes_of_which_the_last_is_without_an_entry(self):
        self.pvh('2 PT_NOTE segments', 'linux-loader: no PVH entry',
                 elsewhere={0x2800: note(kind=6)},
                 more_segments=[(4, 0x2800, BASE + LOAD + 0x1800, LOAD + 0x1800, 24, 24, 4, 4)])

    def test_two_segments_of_notes_that_differ(self):
        self.pvh('2 PT_NOTE segments', 'xen: there is no code', 'qemu: there is no code',
                 'linux-loader: there is no code',
                 elsewhere={0x2800: note(descriptor=struct.pack('<Q', LOAD + 0x1800))},
                 more_segments=[(4, 0x2800, BASE + LOAD + 0x1800, LOAD + 0x1800, 24, 24, 4, 4)])

    def test_a_note_whose_name_is_longer_than_the_segment(self):
        self.pvh('xen: a note reaches beyond', 'xen: no PHYS32_ENTRY', 'qemu: ',
                 'linux-loader: a note reaches beyond', 'linux-loader: no PVH entry',
                 'PT_NOTE holds notes of others', notes=note(sizes=(0x1000, 8)))

    def test_a_note_whose_descriptor_is_longer_than_the_segment(self):
        self.pvh('xen: a note reaches beyond', notes=note(sizes=(4, 0x40)))

    def test_a_segment_of_notes_at_offset_0_is_not_seen_by_xen(self):
        self.pvh('xen: no PHYS32_ENTRY', 'qemu: ', 'linux-loader: ', 'PT_NOTE holds notes',
                 note_offset=0)

    def test_a_segment_that_reaches_beyond_the_file(self):
        self.pvh('reaches beyond the end of the file', data_filesz=0x2000)

    def test_a_segment_that_is_larger_in_the_file_than_in_memory(self):
        self.pvh('larger in the file than in memory', data_memsz=0x800)

    def test_segments_that_overlap(self):
        self.pvh('segments overlap', data_paddr=LOAD, data_vaddr=BASE + LOAD)

    def test_segments_with_a_hole_between(self):
        self.pvh('not contiguous', data_paddr=LOAD + 0x100000, data_vaddr=BASE + LOAD + 0x100000)

    def test_a_segment_at_another_distance(self):
        self.pvh('distance of virtual and physical', data_vaddr=BASE + LOAD + 0x5000)

    def test_physical_addresses_left_virtual(self):
        self.pvh('not loaded below 4 GiB', 'xen: the entry', 'xen: there is no code',
                 'qemu: there is no code', 'linux-loader: there is no code',
                 text_paddr=BASE + LOAD, data_paddr=BASE + LOAD + 0x1000)

    def test_an_image_below_1_mib(self):
        self.pvh('below 1 MiB', 'distance of virtual', 'not contiguous', 'xen: there is no code',
                 'qemu: there is no code', 'linux-loader: there is no code', text_paddr=0x8000)

    def test_a_segment_that_is_misaligned_in_the_file(self):
        self.pvh('misaligned in the file', 'segments overlap',
                 text_vaddr=BASE + LOAD + 1, text_paddr=LOAD + 1)

    def test_code_that_may_not_be_executed(self):
        self.pvh('xen: there is no code', 'qemu: there is no code',
                 'linux-loader: there is no code', text_flags=4)

    def test_no_segment_that_is_loaded(self):
        kernel = Kernel()
        kernel.segment = lambda kind, *rest: Kernel.segment(
            kernel, 0x6474e551 if kind == 1 else kind, *rest)
        self.assert_reported(kernel, ['pvh'], 'no segment is loaded', 'xen: ',
                             'qemu: there is no code', 'linux-loader: there is no code')

    def test_a_multiboot1_header_in_the_elf64_file(self):
        self.pvh('qemu: a multiboot1 header shuts the PVH door', text={0: multiboot1()})

    def test_a_multiboot1_header_without_its_checksum_is_none(self):
        self.pvh(text={0: multiboot1()[:8] + bytes(4)})

    def test_a_linux_header_by_accident(self):
        self.pvh('qemu: the file looks like a Linux bzImage', elsewhere={0x202: b'HdrS'})

    def test_flags_that_qemu_refuses(self):
        self.pvh('qemu: e_flags', flags=4)

    def test_a_foreign_machine(self):
        self.pvh('xen: not a file for x86', 'qemu: not a file for x86', machine=183)

    def test_an_elf32_file_is_not_for_linux_loader(self):
        self.pvh('linux-loader: ', bits=32, text={})

    def test_an_elf_entry_below_1_mib_is_not_for_firecracker(self):
        self.pvh('linux-loader: e_entry is below 1 MiB', entry=0x1000)

    def test_section_headers_beyond_the_file_are_not_for_xen(self):
        self.assert_reported(BeyondTheFile(), ['pvh'], 'xen: the section headers')

    def test_a_derived_file_without_a_header(self):
        self.mb1('multiboot1: no header', text={})

    def test_a_derived_file_whose_header_has_a_wrong_checksum(self):
        self.mb1('multiboot1: no header', text={0: multiboot1()[:11] + b'\0'})

    def test_a_derived_file_whose_header_is_not_aligned(self):
        self.mb1('multiboot1: no header', text={2: multiboot1()})

    def test_a_derived_file_whose_header_lies_behind_8_kib(self):
        self.mb1('multiboot1: no header', text={}, elsewhere={0x2000: multiboot1()})

    def test_a_derived_file_that_requires_what_no_loader_knows(self):
        self.mb1('multiboot1: requirements', text={0: multiboot1(flags=0x80)})

    def test_a_derived_file_with_addresses_in_the_header(self):
        self.mb1('multiboot1: addresses in the header', text={0: multiboot1(flags=0x10003)})

    def test_a_derived_file_that_still_is_elf64(self):
        self.assert_reported(Kernel(text={0: multiboot1()}), ['multiboot1'],
                             'QEMU refuses', 'left to be translated')

    def test_a_derived_file_of_virtual_addresses(self):
        self.mb1('left to be translated', text_vaddr=0x80000000 + LOAD,
                 data_vaddr=0x80000000 + LOAD + 0x1000, entry=0x80000000 + ENTRY)

    def test_a_derived_file_whose_entry_lies_in_no_segment(self):
        self.mb1('grub: e_entry lies in no segment', entry=0x80000000 + ENTRY)

    def test_no_multiboot2_header(self):
        self.mb2('multiboot2: no header', text={})

    def test_a_multiboot2_header_that_is_aligned_to_4_only(self):
        self.mb2('multiboot2: no header', text={MB2_AT + 4: multiboot2(ENTRY_TAG)})

    def test_a_multiboot2_header_for_another_architecture(self):
        self.mb2('multiboot2: no header', text={MB2_AT: multiboot2(ENTRY_TAG, architecture=4)})

    def test_a_multiboot2_header_with_a_wrong_checksum(self):
        header = bytearray(multiboot2(ENTRY_TAG))
        header[12] ^= 1
        self.mb2('multiboot2: no header', text={MB2_AT: header})

    def test_a_multiboot2_header_without_an_end_tag(self):
        self.mb2('multiboot2: the header has no end tag',
                 text={MB2_AT: multiboot2(ENTRY_TAG, end=b'')})

    def test_a_multiboot2_tag_of_size_0(self):
        self.mb2('multiboot2: tag 1 has a size that cannot be',
                 text={MB2_AT: multiboot2(tag(1, size=0))})

    def test_a_multiboot2_tag_larger_than_the_header(self):
        self.mb2('multiboot2: tag 1 has a size that cannot be',
                 text={MB2_AT: multiboot2(tag(1, size=0x1000))})

    def test_a_multiboot2_header_longer_than_what_is_searched(self):
        self.mb2('does not lie in the first 32 KiB', text={MB2_AT: multiboot2(b'', length=0x9000)})

    def test_a_required_tag_that_is_unknown(self):
        self.mb2('tag 77 is required, and unknown',
                 text={MB2_AT: multiboot2(tag(77) + ENTRY_TAG)})

    def test_an_optional_tag_that_is_unknown_is_allowed(self):
        self.mb2(text={MB2_AT: multiboot2(tag(77, flags=1) + ENTRY_TAG)})

    def test_a_multiboot2_entry_outside_the_code(self):
        self.mb2('multiboot2: there is no code',
                 text={MB2_AT: multiboot2(tag(3, struct.pack('<I', LOAD + 0x1800)))})

    def test_a_multiboot2_file_whose_elf_entry_is_physical(self):
        self.mb2('grub: e_entry lies in no segment', entry=ENTRY)

    def test_a_multiboot2_file_with_relocations(self):
        self.mb2('grub: the file has relocations', section_types=[0, 4])

    def test_a_multiboot2_file_whose_program_headers_lie_too_far_behind(self):
        kernel = Kernel()
        data = kernel.bytes() + bytes(0x8000)
        table = data[64:64 + 3 * 56]
        data = data[:32] + struct.pack('<Q', len(data)) + data[40:] + table
        self.assertEqual(elf_rules.check(data, ['multiboot2']),
                         ['grub: the program headers lie too far behind'])

    def test_an_object_file_is_not_for_grub(self):
        self.mb2('grub: not an executable file', type=1)

    def test_the_notes_of_both_xen_doors_are_right_in_any_order(self):
        for notes in (xen_pv() + note(), note() + xen_pv(),
                      xen_pv(without=(3, 4, 1)) + note() + xen_pv(without=(5, 6, 7, 8))):
            self.assert_reported(Kernel(notes=notes), ['pvh', 'multiboot2', 'xen-pv'])

    def test_pvh_loaders_do_not_take_a_note_of_xen_pv_for_theirs(self):
        self.pvh('xen: no PHYS32_ENTRY', 'qemu: no PVH entry', 'linux-loader: no PVH entry',
                 notes=xen_pv())

    def test_a_text_that_is_not_padded_hides_the_notes_behind_it(self):
        unpadded = note(kind=6, descriptor=b'pvops\0')[:-2]
        self.assertEqual(len(unpadded) % 4, 2)
        self.pvh('xen: ', 'qemu: ', 'linux-loader: ', 'PT_NOTE holds notes of others',
                 notes=unpadded + note())

    def test_a_xen_pv_file_without_notes(self):
        self.assert_reported(Kernel(notes=None, note_bytes=0), ['xen-pv'], '0 PT_NOTE segments',
                             'xen-pv: no note of Xen')

    def test_a_pvh_note_alone_is_not_for_xen_pv(self):
        self.xpv('neither for the generic loader', 'not for Xen 3.0', 'no VIRT_BASE',
                 'not linked where', 'the entry', 'there is no code', notes=b'')

    def test_no_loader_and_another_os(self):
        self.xpv('neither for the generic loader', notes=xen_pv(without=(8,)))

    def test_another_loader(self):
        self.xpv('neither for the generic loader', notes=xen_pv(n8=text_note(8, b'special')))

    def test_an_os_alone_is_enough_if_it_is_linux(self):
        self.xpv(notes=xen_pv(without=(8,), n6=text_note(6, b'linux')))

    def test_a_loader_alone_is_enough(self):
        self.xpv(notes=xen_pv(without=(6, 7)))

    def test_no_xen_version(self):
        self.xpv('not for Xen 3.0', notes=xen_pv(without=(5,)))

    def test_another_xen_version(self):
        self.xpv('not for Xen 3.0', notes=xen_pv(n5=text_note(5, b'xen-4.0')))

    def test_texts_without_an_end(self):
        for kind, text in ((5, b'xen-3.0'), (6, b'pvops'), (8, b'generic')):
            self.xpv(f'the text of note {kind} has no end',
                     notes=xen_pv(**{f'n{kind}': note(kind=kind, descriptor=text)}))

    def test_no_virtual_base(self):
        self.xpv('no VIRT_BASE', 'the entry', 'there is no code', 'not linked where',
                 notes=xen_pv(without=(3, 4)))

    def test_an_offset_without_a_virtual_base(self):
        self.xpv('PADDR_OFFSET without VIRT_BASE', 'the entry', 'there is no code',
                 'not linked where', notes=xen_pv(without=(3,)))

    def test_no_offset_is_0(self):
        self.xpv(notes=xen_pv(without=(4,)))

    def test_an_offset_for_physical_addresses_that_need_none(self):
        self.xpv('out of bounds', 'the entry', 'there is no code', 'not linked where',
                 notes=xen_pv(n4=number_note(4, BASE)))

    def test_an_offset_as_old_kernels_had_it(self):
        # The physical addresses are virtual ones, and translated: right for Xen, and no one else.
        self.xpv('not loaded below 4 GiB', notes=xen_pv(n4=number_note(4, BASE)),
                 text_paddr=BASE + LOAD, data_paddr=BASE + LOAD + 0x1000)

    def test_a_virtual_base_that_is_not_the_kernels(self):
        self.xpv('the entry', 'not linked where', 'there is no code',
                 notes=xen_pv(n3=number_note(3, BASE - 0x40000000)))

    def test_a_virtual_base_behind_the_image(self):
        # 1 GiB up the image goes round the end of all addresses: its start is beyond its end.
        top = (1 << 64) - LOAD - 0x2000
        self.xpv('out of bounds', 'the entry', 'not linked where', 'there is no code',
                 notes=xen_pv(n3=number_note(3, top)))

    def test_an_offset_that_puts_the_image_below_the_base(self):
        self.xpv('out of bounds', 'the entry', 'not linked where', 'there is no code',
                 notes=xen_pv(n4=number_note(4, LOAD + 0x1000)))

    def test_a_virtual_base_that_is_not_a_page(self):
        self.xpv('do not begin on a page', 'not linked where',
                 notes=xen_pv(n3=number_note(3, BASE + 8)))

    def test_numbers_of_a_size_that_xen_does_not_read_are_0(self):
        self.xpv('the entry 0x0', 'there is no code',
                 notes=xen_pv(n1=note(kind=1, descriptor=bytes(6))))
        self.xpv('the entry', 'not linked where', 'there is no code',
                 notes=xen_pv(n3=note(kind=3, descriptor=struct.pack('<QI', BASE, 0))))

    def test_a_xen_pv_entry_outside_the_image(self):
        self.xpv('the entry', 'there is no code', notes=xen_pv(n1=number_note(1, BASE + LOAD - 1)))
        self.xpv('the entry', 'there is no code', notes=xen_pv(n1=number_note(1, ENTRY)))

    def test_a_xen_pv_entry_in_the_data(self):
        self.xpv('xen-pv: there is no code', notes=xen_pv(n1=number_note(1, BASE + LOAD + 0x1800)))

    def test_without_a_xen_pv_entry_that_of_the_file_counts(self):
        self.xpv(notes=xen_pv(without=(1,)))
        self.xpv('the entry', 'there is no code', notes=xen_pv(without=(1,)), entry=ENTRY)

    def test_the_last_of_two_entries_counts(self):
        self.xpv('xen-pv: there is no code',
                 notes=xen_pv() + number_note(1, BASE + LOAD + 0x1800))
        self.xpv(notes=number_note(1, 0) + xen_pv())

    def test_a_list_of_frames_over_the_image(self):
        self.xpv('the list of frames', notes=xen_pv() + number_note(15, BASE + LOAD + 0x2000))
        self.xpv(notes=xen_pv() + number_note(15, 0xffff880000000000))

    def test_a_xen_pv_image_with_a_hole(self):
        self.xpv('not contiguous', data_paddr=LOAD + 0x100000, data_vaddr=BASE + LOAD + 0x100000)

    def test_a_xen_pv_segment_linked_at_another_distance(self):
        self.xpv('distance of virtual and physical', 'not linked where',
                 data_vaddr=BASE + LOAD + 0x5000)

    def test_a_32_bit_file_is_not_for_xen_pv(self):
        self.xpv('xen-pv: not a 64-bit file', bits=32, text={})

    def test_nothing_loaded_by_xen_pv(self):
        kernel = Kernel(notes=xen_pv())
        kernel.segment = lambda kind, *rest: Kernel.segment(
            kernel, 0x6474e551 if kind == 1 else kind, *rest)
        self.assert_reported(kernel, ['xen-pv'], 'no segment is loaded', 'nothing is loaded')


class BeyondTheFile(Kernel):
    def bytes(self):
        data = bytearray(super().bytes())
        struct.pack_into('<Q', data, 40, 0x100000)
        struct.pack_into('<H', data, 60, 5)
        return bytes(data)


if __name__ == '__main__':
    unittest.main()
