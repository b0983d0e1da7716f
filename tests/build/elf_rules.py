# SPDX-License-Identifier: MIT
"""What loaders demand of a kernel file, rule by rule, as their sources have it.

    elf_rules.py FILE DOOR...          doors: pvh, multiboot1, multiboot2, xen-pv

Each loader's function returns complaints; none means that it boots the file. Where loaders are
lenient in different ways (how notes are stepped over, which of two notes counts) each is followed
exactly, so that a file that passes is understood by all in the same way.

Sources: Xen xen/common/libelf/libelf-dominfo.c (elf_xen_parse, elf_xen_note_check,
elf_xen_addr_calc_check), libelf-tools.c, libelf-loader.c, for PV guests xen/arch/x86/pv/dom0_build.c
and tools/libs/guest/xg_dom_core.c (xc_dom_alloc_pad), xg_dom_elfloader.c; QEMU
hw/i386/x86.c (x86_load_linux, load_elfboot, read_pvh_start_addr), include/hw/elf_ops.h
(load_elf, get_elf_note_type), hw/i386/multiboot.c (load_multiboot); rust-vmm linux-loader
src/loader/elf/mod.rs (load, parse_elf_note), which Firecracker and Cloud Hypervisor use; GRUB
grub-core/loader/multiboot_elfxx.c, multiboot_mbi2.c (find_header, grub_multiboot2_load).
"""
import struct
import sys
from collections import namedtuple

PT_LOAD, PT_NOTE = 1, 4
SHT_RELA, SHT_REL = 4, 9
EM_386, EM_X86_64 = 3, 62
ET_EXEC, ET_DYN = 2, 3
PV_ENTRY, VIRT_BASE, PADDR_OFFSET, XEN_VERSION, GUEST_OS, LOADER, INIT_P2M = 1, 3, 4, 5, 6, 8, 15
PHYS32_ENTRY = 18
MULTIBOOT1_MAGIC, MULTIBOOT1_SEARCH, MULTIBOOT1_LONGEST = 0x1badb002, 8192, 48
MULTIBOOT2_MAGIC, MULTIBOOT2_SEARCH = 0xe85250d6, 32768
FOUR_GIB = 1 << 32
ALL_ADDRESSES = 1 << 64
HIGH_MEMORY = 0x100000

Segment = namedtuple('Segment', 'type offset vaddr paddr filesz memsz flags align')
Note = namedtuple('Note', 'name type descriptor')


class Image:
    """Headers of an ELF file of either class, and nothing checked but that they can be read."""

    def __init__(self, data):
        self.data = data
        if data[:4] != b'\x7fELF' or data[5:6] != b'\x01' or data[4] not in (1, 2):
            raise ValueError('not a little-endian ELF file')
        self.bits = 32 * data[4]
        wide = self.bits == 64
        (self.type, self.machine, self.version, self.entry, self.phoff, self.shoff, self.flags,
         self.ehsize, self.phentsize, self.phnum, self.shentsize, self.shnum, self.shstrndx,
         ) = struct.unpack_from('<HHIQQQIHHHHHH' if wide else '<HHIIIIIHHHHHH', data, 16)
        self.segments = []
        for i in range(self.phnum):
            at = self.phoff + i * self.phentsize
            if wide:
                kind, flags, *rest = struct.unpack_from('<IIQQQQQQ', data, at)
                self.segments.append(Segment(kind, *rest[:5], flags, rest[5]))
            else:
                kind, *rest = struct.unpack_from('<IIIIIIII', data, at)
                self.segments.append(Segment(kind, *rest))

    def loads(self):
        return [s for s in self.segments if s.type == PT_LOAD]

    def notes(self):
        return [s for s in self.segments if s.type == PT_NOTE]

    def content(self, segment):
        return self.data[segment.offset:segment.offset + segment.filesz]

    def holds_code(self, phys):
        """Whether a physical address lies in the file's part of a segment that may be executed."""
        return any(s.paddr <= phys < s.paddr + s.filesz and s.flags & 1 for s in self.loads())

    def section_types(self):
        place = 4  # sh_type follows sh_name in both classes
        return [struct.unpack_from('<I', self.data, self.shoff + i * self.shentsize + place)[0]
                for i in range(self.shnum) if self.shoff]


def round_up(value, step):
    return (value + step - 1) // step * step


def step_notes(content, align):
    """Notes of a segment, stepped over by `align`, and whether the last ends with the segment."""
    notes, at = [], 0
    while at + 12 <= len(content):
        name_size, size, kind = struct.unpack_from('<III', content, at)
        name = content[at + 12:at + 12 + name_size]
        begin = at + 12 + round_up(name_size, align)
        notes.append(Note(name, kind, content[begin:begin + size]))
        if len(name) < name_size or begin + size > len(content):
            return notes, False
        at = begin + round_up(size, align)
    return notes, at >= len(content)


def segments(image):
    """What every loader takes for granted."""
    bad = []
    loads = sorted(image.loads(), key=lambda s: s.paddr)
    if not loads:
        return ['no segment is loaded']
    for s in loads:
        if s.filesz > s.memsz:
            bad.append(f'segment at {s.paddr:#x} is larger in the file than in memory')
        if s.offset + s.filesz > len(image.data):
            bad.append(f'segment at {s.paddr:#x} reaches beyond the end of the file')
        if s.paddr + s.memsz > FOUR_GIB:
            bad.append(f'segment at {s.paddr:#x} is not loaded below 4 GiB')
        if s.paddr < HIGH_MEMORY:
            bad.append(f'segment at {s.paddr:#x} is loaded below 1 MiB, over the loaders\' own')
        if s.align > 1 and (s.offset - s.vaddr) % s.align:
            bad.append(f'segment at {s.paddr:#x} is misaligned in the file')
    for low, high in zip(loads, loads[1:]):
        if low.paddr + low.memsz > high.paddr:
            bad.append(f'segments overlap at {high.paddr:#x}')
        elif high.paddr - (low.paddr + low.memsz) >= max(high.align, 0x1000):
            bad.append(f'segments are not contiguous before {high.paddr:#x}')
    if len({s.vaddr - s.paddr for s in loads}) > 1:
        bad.append('the distance of virtual and physical addresses differs between segments')
    return bad


def xen_notes(image):
    """What Xen finds: all PT_NOTE segments, stepping by 4; of each type the last descriptor."""
    bad, found = [], {}
    for segment in image.notes():
        if segment.offset == 0:
            continue
        notes, whole = step_notes(image.content(segment), 4)
        if not whole:
            bad.append('xen: a note reaches beyond its segment')
        found.update((note.type, note.descriptor) for note in notes if note.name == b'Xen\0')
    return bad, found


def xen_number(descriptor):
    """elf_note_numeric(): one of any other size is 0."""
    return int.from_bytes(descriptor, 'little') if len(descriptor) in (1, 2, 4, 8) else 0


def xen(image):
    """Xen, PVH domU and dom0."""
    bad = []
    if (image.bits, image.machine) not in ((64, EM_X86_64), (32, EM_386)):
        bad.append('xen: not a file for x86')
    for name, offset, size, count in (
            ('program', image.phoff, image.phentsize, image.phnum),
            ('section', image.shoff, image.shentsize, image.shnum)):
        if offset + size * count > len(image.data):
            bad.append(f'xen: the {name} headers reach beyond the end of the file')
    wrong, notes = xen_notes(image)
    bad += wrong
    if PHYS32_ENTRY not in notes:
        return bad + ['xen: no PHYS32_ENTRY note in a PT_NOTE segment']
    entry = xen_number(notes[PHYS32_ENTRY])
    loads = [s for s in image.loads() if s.flags & 7]
    if not loads or not (min(s.paddr for s in loads) <= entry
                         <= max(s.paddr + s.memsz for s in loads)):
        bad.append(f'xen: the entry {entry:#x} lies outside the image')
    return bad + entry_is_code(image, 'xen', entry)


def entry_is_code(image, who, entry):
    return [] if image.holds_code(entry) else [f'{who}: there is no code at the entry {entry:#x}']


def xen_pv_texts(notes):
    """elf_xen_note_check(). A text is read up to its NUL, wherever that is."""
    texts = {kind: notes.get(kind, b'\0') for kind in (XEN_VERSION, GUEST_OS, LOADER)}
    bad = [f'xen-pv: the text of note {kind} has no end'
           for kind, text in texts.items() if b'\0' not in text]
    if not texts[LOADER].startswith(b'generic') and not texts[GUEST_OS].startswith(b'linux'):
        bad.append('xen-pv: neither for the generic loader nor Linux')
    if not texts[XEN_VERSION].startswith(b'xen-3.0'):
        bad.append('xen-pv: not for Xen 3.0')
    return bad


def xen_pv(image):
    """Xen, PV domU and dom0. Addresses are computed from physical ones: p_vaddr is looked at by
    nobody, and e_entry only if no note says otherwise. Each loader maps the image from VIRT_BASE on;
    that the kernel was linked there is the last of the rules, and not Xen's."""
    if (image.bits, image.machine) != (64, EM_X86_64):
        return ['xen-pv: not a 64-bit file']
    bad, notes = xen_notes(image)
    if not notes:
        return bad + ['xen-pv: no note of Xen in a PT_NOTE segment']
    bad += xen_pv_texts(notes)
    if VIRT_BASE not in notes:
        bad.append('xen-pv: PADDR_OFFSET without VIRT_BASE' if PADDR_OFFSET in notes
                   else 'xen-pv: no VIRT_BASE, so 0 is taken')
    base = xen_number(notes.get(VIRT_BASE, b'\0'))
    offset = (base - xen_number(notes.get(PADDR_OFFSET, b'\0'))) % ALL_ADDRESSES
    entry = xen_number(notes[PV_ENTRY]) if PV_ENTRY in notes else image.entry
    loads = [s for s in image.loads() if s.flags & 7]
    if not loads:
        return bad + ['xen-pv: nothing is loaded']
    start = (min(s.paddr for s in loads) + offset) % ALL_ADDRESSES
    end = (max(s.paddr + s.memsz for s in loads) + offset) % ALL_ADDRESSES
    if start > end or base > start:
        bad.append(f'xen-pv: the image from {start:#x} to {end:#x} is out of bounds')
    if not start <= entry <= end:
        bad.append(f'xen-pv: the entry {entry:#x} lies outside the image')
    if start % 0x1000 or base % 0x1000:
        bad.append('xen-pv: image or VIRT_BASE do not begin on a page')
    if INIT_P2M in notes and start <= xen_number(notes[INIT_P2M]) < end:
        bad.append('xen-pv: the list of frames would lie over the image')
    if any(s.vaddr != (s.paddr + offset) % ALL_ADDRESSES for s in loads):
        bad.append('xen-pv: the image is not linked where it is mapped')
    return bad + entry_is_code(image, 'xen-pv', (entry - offset) % ALL_ADDRESSES)


def find_multiboot1(image):
    """Offset of the header that QEMU and GRUB find, or None."""
    head = image.data[:MULTIBOOT1_SEARCH].ljust(MULTIBOOT1_SEARCH, b'\0')
    for at in range(0, MULTIBOOT1_SEARCH - MULTIBOOT1_LONGEST, 4):
        magic, flags, checksum = struct.unpack_from('<III', head, at)
        if magic == MULTIBOOT1_MAGIC and (magic + flags + checksum) % FOUR_GIB == 0:
            return at
    return None


def qemu_tries_other_doors_first(image):
    bad = []
    if image.data[0x202:0x206] == b'HdrS':
        bad.append('qemu: the file looks like a Linux bzImage')
    if find_multiboot1(image) is not None:
        bad.append('qemu: a multiboot1 header shuts the PVH door')
    return bad


def qemu(image):
    """QEMU, PVH: of each PT_NOTE, stepping by its alignment, the first note of type 18 whatever its
    name; 8 bytes of descriptor are read from an ELF64 file whatever its size."""
    bad = qemu_tries_other_doors_first(image)
    if image.machine not in (EM_386, EM_X86_64):
        bad.append('qemu: not a file for x86')
    if image.flags & 0x00010004:
        bad.append('qemu: e_flags has bits that are refused')
    entry = None
    for segment in image.notes():
        if segment.align == 0:
            bad.append('qemu: a PT_NOTE of alignment 0 is divided by')
            continue
        content = image.content(segment)
        notes, whole = step_notes(content, segment.align)
        found = next((n for n in notes if n.type == PHYS32_ENTRY), None)
        if found is None:
            if not whole:
                bad.append('qemu: stepping by the alignment of PT_NOTE leads out of it')
            continue
        if found.name != b'Xen\0':
            bad.append('qemu: a note of type 18 that is not Xen\'s comes first')
        if len(found.descriptor) < image.bits // 8:
            bad.append('qemu: the descriptor is shorter than what is read of it')
        entry = int.from_bytes(found.descriptor[:image.bits // 8], 'little')
    if not entry:
        return bad + ['qemu: no PVH entry is found']
    return bad + entry_is_code(image, 'qemu', entry)


def linux_loader(image):
    """Firecracker, Cloud Hypervisor: each PT_NOTE replaces what the one before it told; stepping by
    4; a descriptor of 4 bytes or more, of which 4 are read."""
    bad = []
    if image.bits != 64:
        bad.append('linux-loader: not an ELF64 file')
    if image.phentsize != 56:
        bad.append('linux-loader: program headers have a foreign size')
    if image.phoff < 64:
        bad.append('linux-loader: program headers lie in the file header')
    if image.entry < HIGH_MEMORY:
        bad.append('linux-loader: e_entry is below 1 MiB')
    entry = None
    for segment in image.notes():
        notes, whole = step_notes(image.content(segment), 4)
        found = next((n for n in notes if n.type == PHYS32_ENTRY and n.name == b'Xen\0'), None)
        if found is None and not whole:
            bad.append('linux-loader: a note reaches beyond its segment')
        if found is not None and len(found.descriptor) < 4:
            bad.append('linux-loader: the descriptor is shorter than 4 bytes')
            found = None
        entry = int.from_bytes(found.descriptor[:4], 'little') if found is not None else None
    if entry is None:
        return bad + ['linux-loader: no PVH entry in the last PT_NOTE']
    return bad + entry_is_code(image, 'linux-loader', entry)


def translated_entry(image):
    """e_entry as physical address: multiboot_elfxx.c, and load_elf() for executable segments."""
    for s in image.loads():
        if s.vaddr <= image.entry < s.vaddr + s.memsz:
            return image.entry - s.vaddr + s.paddr
    return None


def grub_elf(image, search):
    bad = []
    if (image.bits, image.machine) not in ((64, EM_X86_64), (32, EM_386)) or image.version != 1:
        bad.append('grub: not an ELF file for x86')
    if image.type not in (ET_EXEC, ET_DYN):
        bad.append('grub: not an executable file')
    if image.phoff + image.phnum * image.phentsize > search:
        bad.append('grub: the program headers lie too far behind')
    entry = translated_entry(image)
    if entry is None:
        bad.append('grub: e_entry lies in no segment, as virtual address')
    else:
        bad += entry_is_code(image, 'grub', entry)
    return bad


def multiboot1(image):
    """QEMU and GRUB, multiboot1."""
    at = find_multiboot1(image)
    if at is None:
        return ['multiboot1: no header in the first 8 KiB']
    bad = grub_elf(image, MULTIBOOT1_SEARCH)
    flags, = struct.unpack_from('<I', image.data, at + 4)
    if flags & 0xfff8:
        bad.append('multiboot1: requirements that no loader knows')
    if flags & 0x10000:
        bad.append('multiboot1: addresses in the header, which replace those of ELF')
    if image.machine == EM_X86_64 or image.bits != 32:
        bad.append('multiboot1: QEMU refuses a file for x86-64')
    if any(s.vaddr != s.paddr for s in image.loads()):
        bad.append('multiboot1: addresses are left to be translated')
    return bad


def find_multiboot2(image):
    head = image.data[:MULTIBOOT2_SEARCH]
    for at in range(0, len(head) - 16, 8):
        magic, architecture, length, checksum = struct.unpack_from('<IIII', head, at)
        if (magic == MULTIBOOT2_MAGIC and architecture == 0 and
                (magic + architecture + length + checksum) % FOUR_GIB == 0):
            return at, length
    return None


def multiboot2(image):
    """GRUB, multiboot2: GRUB trusts the tags' sizes, so here they are checked."""
    found = find_multiboot2(image)
    if found is None:
        return ['multiboot2: no header in the first 32 KiB']
    bad = grub_elf(image, MULTIBOOT2_SEARCH)
    at, end = found[0] + 16, sum(found)
    if end > MULTIBOOT2_SEARCH:
        return bad + ['multiboot2: the header does not lie in the first 32 KiB as a whole']
    while True:
        if at + 8 > end:
            return bad + ['multiboot2: the header has no end tag']
        kind, flags, size = struct.unpack_from('<HHI', image.data, at)
        if size < 8 or at + size > end:
            return bad + [f'multiboot2: tag {kind} has a size that cannot be']
        if kind == 0:
            break
        if kind == 3:
            entry, = struct.unpack_from('<I', image.data, at + 8)
            bad += entry_is_code(image, 'multiboot2', entry)
        if kind not in range(1, 11) and not flags & 1:
            bad.append(f'multiboot2: tag {kind} is required, and unknown')
        at = round_up(at + size, 8)
    if {SHT_REL, SHT_RELA} & set(image.section_types()):
        bad.append('grub: the file has relocations')
    return bad


def one_note_segment(image):
    """Not a loader's rule but the sum of them: the only file that all understand alike."""
    bad = []
    notes = image.notes()
    if len(notes) != 1:
        bad.append(f'{len(notes)} PT_NOTE segments: loaders differ in which of them counts')
    for segment in notes:
        if segment.align != 4:
            bad.append('PT_NOTE is not aligned to 4: loaders differ in how they step')
        if segment.offset % 4:
            bad.append('PT_NOTE does not begin at a multiple of 4')
        names = {note.name for note in step_notes(image.content(segment), 4)[0]}
        if names - {b'Xen\0'}:
            bad.append('PT_NOTE holds notes of others than Xen')
    return bad


RULES = {
    'pvh': (segments, one_note_segment, xen, qemu, linux_loader),
    'multiboot1': (segments, multiboot1),
    'multiboot2': (segments, multiboot2),
    'xen-pv': (segments, one_note_segment, xen_pv),
}


def check(data, doors):
    """Complaints about a file that shall be booted by these doors."""
    try:
        image = Image(data)
    except (ValueError, struct.error) as error:
        return [f'the file cannot be read: {error}']
    bad = []
    for rule in dict.fromkeys(rule for door in doors for rule in RULES[door]):
        bad += rule(image)
    return bad


def main(path, *doors):
    with open(path, 'rb') as file:
        bad = check(file.read(), doors)
    for complaint in bad:
        print(f'{path}: {complaint}')
    return 1 if bad else 0


if __name__ == '__main__':
    if len(sys.argv) < 3 or set(sys.argv[2:]) - set(RULES):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
