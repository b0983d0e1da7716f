# SPDX-License-Identifier: MIT
"""Boot information that lies, by each door, in a virtual machine: what is not believed is said on
the console, and the boot goes on with what is left. Where nothing is left the kernel says so.

The host's tests (tests/unit/boot) try many more; here it is the real kernel, by its real doors.
"""

import struct
from dataclasses import dataclass, field
from typing import Callable

from . import loader
from .loader import ACPI, LOW, MIB, RAM, RESERVED, TOP, TRUE_MAP
from .place import Place, slug

# Memory, tables, interrupt controllers and timer: what a wrong word could have broken.
COMMANDS = "info selftest test=detect+irq+timer+wx"
TEXT = COMMANDS.encode() + b"\0"
# More than any buffer for it has, and no NUL behind it.
ENDLESS = COMMANDS.encode() + b" " + b"x" * 0x10000
# Where a module may be, where nothing is, and where no address is.
FREE, HOLE, NOWHERE = 64 * MIB, 0xd0000000, 1 << 60
ALL = (MIB, TOP)


@dataclass
class Lie:
    """`build(memory)` lays it out. `says`: the complaints, without "# boot: "."""

    name: str
    door: str
    build: Callable
    says: list = field(default_factory=list)
    # Ranges of RAM that the kernel should find; None: not to be looked at.
    spans: list = None
    # The kernel's last words, where it cannot go on.
    fatal: str = ""


def _pvh(cmdline=TEXT, **told):
    return lambda memory: loader.pvh(memory, cmdline, **told)


def _map(*ranges):
    return _pvh(ranges=[LOW, *ranges])


def _mb1(cmdline=TEXT, **told):
    return lambda memory: loader.multiboot1(memory, cmdline, **told)


def _mb2(*tags, cmdline=TEXT, **told):
    return lambda memory: loader.multiboot2(memory, cmdline, *tags, **told)


def _root_pointer(data):
    return lambda memory: loader.pvh(memory, TEXT, rsdp=memory.put(data, 16))


def _broken(data, at):
    return data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:]


def _crowd(count):
    """So many ranges, by turns RAM and not; the kernel's own range is the largest."""
    step = MIB // 8
    return [LOW, (MIB, 31 * MIB, RAM),
            *((32 * MIB + i * step, step, (RAM, RESERVED)[i % 2]) for i in range(count))]


def _pvh_maps():
    return [
        Lie("a memory map in the wrong order", "pvh",
            _pvh(ranges=[(64 * MIB, TOP - 64 * MIB, RAM), (16 * MIB, 48 * MIB, RAM), LOW,
                         (MIB, 15 * MIB, RAM)]), spans=[ALL]),
        Lie("a memory map that overlaps itself: the more careful type wins", "pvh",
            _map((32 * MIB, 16 * MIB, RESERVED), (MIB, TOP - MIB, RAM), (24 * MIB, 16 * MIB, RAM)),
            spans=[(MIB, 32 * MIB), (48 * MIB, TOP)]),
        Lie("RAM that runs over the end of all addresses", "pvh",
            _map((MIB, TOP - MIB, RAM), (4 << 30, (1 << 64) - 1, RAM)),
            ["A range of RAM runs over the end of the address space: 100000000"], [ALL]),
        Lie("RAM from 1 MiB that runs over the end of all addresses costs that range", "pvh",
            _map((MIB, (1 << 64) - 1, RAM), (16 * MIB, TOP - 16 * MIB, RAM)),
            ["A range of RAM runs over the end of the address space: 100000"],
            [(16 * MIB, TOP)]),
        Lie("RAM at an address that no processor has", "pvh",
            _map((MIB, TOP - MIB, RAM), (NOWHERE, MIB, RAM)),
            [f"A range of the memory map begins beyond 52 bits: {NOWHERE:x}"], [ALL]),
        Lie("a range of no bytes", "pvh", _map((MIB, TOP - MIB, RAM), (48 * MIB, 0, RESERVED)),
            [f"A range of the memory map is empty: {48 * MIB:x}"], [ALL]),
        Lie("a range of a type that nobody knows is not RAM", "pvh",
            _map((MIB, TOP - MIB, RAM), (48 * MIB, 16 * MIB, 0xdead)),
            spans=[(MIB, 48 * MIB), (64 * MIB, TOP)]),
        Lie("a memory map of four thousand million entries", "pvh",
            _pvh(ranges=TRUE_MAP, map_entries=0xffffffff),
            ["A list of start_info has too many entries: fffffbff"]),
        Lie("a memory map of more ranges than can be remembered", "pvh",
            _pvh(ranges=_crowd(200)),
            ["The memory map has too many ranges; a small one of RAM is given up: [0-9a-f]+"]),
        Lie("more ranges that are not RAM than can be remembered", "pvh",
            _pvh(ranges=_crowd(600)),
            ["The memory map has too many ranges; a small one of RAM is given up: [0-9a-f]+",
             "The memory map has too many ranges; one of RAM is left out: [0-9a-f]+"],
            fatal="the loader named no memory to use"),
        Lie("a memory map where no list can be", "pvh", _pvh(map_at=4 << 30),
            ["A list of start_info lies where none can be: 2", "The loader told no memory map: 0"],
            fatal="neither the loader nor the VMM named any memory"),
        Lie("a memory map without RAM", "pvh", _pvh(ranges=[(0, TOP, RESERVED)]),
            fatal="the loader named no memory to use"),
        Lie("a start_info that is none", "pvh", _pvh(magic=0x12345678),
            fatal="the loader left nothing that can be read"),
    ]


def _pvh_rest(image):
    good = loader.root_pointer(HOLE)
    return [
        Lie("a module over the kernel", "pvh", _pvh(modules=[(image, MIB, b"kernel\0")]),
            [f"A module lies over the kernel: {image:x}"], [ALL]),
        Lie("a module where no RAM is", "pvh", _pvh(modules=[(HOLE, MIB, b"\0")]),
            [f"A module does not lie in RAM: {HOLE:x}"], [ALL]),
        Lie("a module over another", "pvh",
            _pvh(modules=[(FREE, MIB, b"one\0"), (FREE + 4096, MIB, b"two\0")]),
            [f"A module lies over another: {FREE + 4096:x}"],
            [(MIB, FREE), (FREE + MIB, TOP)]),
        Lie("a module that runs over the end of all addresses", "pvh",
            _pvh(modules=[(FREE, (1 << 64) - 1, b"\0")]),
            [f"A module reaches beyond 52 bits: {FREE:x}"], [ALL]),
        Lie("a module's text without an end", "pvh",
            _pvh(modules=[(FREE, MIB, b"m" * 0x10000)]),
            ["The text of a module is too long or has no end, and is cut: [0-9a-f]+"],
            [(MIB, FREE), (FREE + MIB, TOP)]),
        Lie("a command line without an end", "pvh", _pvh(cmdline=ENDLESS),
            ["The command line is too long or has no end, and is cut: [0-9a-f]+"], [ALL]),
        Lie("an ACPI root pointer with a wrong checksum", "pvh", _root_pointer(_broken(good, 8)),
            ["The ACPI root pointer has a wrong checksum: [0-9a-f]+"], [ALL]),
        Lie("an ACPI root pointer with a wrong extended checksum", "pvh",
            _root_pointer(_broken(good, 32)),
            ["The ACPI root pointer has a wrong extended checksum: [0-9a-f]+"], [ALL]),
        Lie("an ACPI root pointer where there is nothing", "pvh", _pvh(rsdp=HOLE),
            [f"The ACPI root pointer has no signature: {HOLE:x}"], [ALL]),
        Lie("an ACPI root pointer beyond all addresses", "pvh", _pvh(rsdp=NOWHERE),
            [f"The ACPI root pointer cannot be read: {NOWHERE:x}"], [ALL]),
    ]


def _multiboot(image):
    full = [loader.map_tag(), loader.END_TAG]
    return [
        Lie("a map entry of no bytes", "multiboot1", _mb1(entry_size=0),
            ["An entry of the memory map has a size that cannot be: [0-9a-f]+",
             "The loader told the size of memory only, and no map: [0-9a-f]+"], [ALL]),
        Lie("a map of four thousand million bytes", "multiboot1", _mb1(map_bytes=0xffffffff),
            ["An entry of the memory map has a size that cannot be: [0-9a-f]+"], [ALL]),
        Lie("four thousand million modules", "multiboot1", _mb1(module_count=0xffffffff),
            ["There are too many modules: fffffbff"]),
        Lie("a module over the kernel", "multiboot1", _mb1(modules=[(image, image + MIB)]),
            [f"A module lies over the kernel: {image:x}"], [ALL]),
        Lie("a command line without an end", "multiboot1", _mb1(cmdline=ENDLESS),
            ["The command line is too long or has no end, and is cut: [0-9a-f]+"], [ALL]),
        Lie("a tag of no bytes", "multiboot2", _mb2(loader.map_tag(), loader.tag(3, b"", 0)),
            ["A tag has a size that cannot be: [0-9a-f]+"], [ALL]),
        Lie("tags without an end", "multiboot2", _mb2(loader.map_tag()),
            ["The boot information has no end tag: [0-9a-f]+"], [ALL]),
        Lie("boot information of four thousand million bytes", "multiboot2",
            _mb2(*full, total=0xffffffff),
            ["The boot information claims more than 1 MiB: ffffffff"], [ALL]),
        Lie("map entries too small for what they are", "multiboot2",
            _mb2(loader.sizes_tag(), loader.map_tag(entry_size=8), loader.END_TAG),
            ["The memory map's entries have a size that cannot be: [0-9a-f]+",
             "The loader told the size of memory only, and no map: [0-9a-f]+"], [ALL]),
        Lie("a module that ends before it begins", "multiboot2",
            _mb2(loader.module_tag(FREE + MIB, FREE), *full),
            [f"A module ends before it begins: {FREE + MIB:x}"], [ALL]),
        Lie("a module over the kernel", "multiboot2",
            _mb2(loader.module_tag(image, image + MIB), *full),
            [f"A module lies over the kernel: {image:x}"], [ALL]),
        Lie("a command line without an end", "multiboot2", _mb2(*full, cmdline=ENDLESS),
            ["The command line is too long or has no end, and is cut: [0-9a-f]+"], [ALL]),
        Lie("an ACPI root pointer with a wrong checksum", "multiboot2",
            _mb2(loader.tag(15, _broken(loader.root_pointer(HOLE), 8)), *full),
            ["The ACPI root pointer has a wrong checksum: [0-9a-f]+"], [ALL]),
        Lie("boot information where none can be", "multiboot2", _mb2(*full, align=4),
            fatal="the loader left nothing that can be read"),
    ]


def places(kernels):
    made = loader.Loader(kernels)
    image = made.image_address()
    lies = [*_pvh_maps(), *_pvh_rest(image), *_multiboot(image)]
    return [*(_place(made, lie) for lie in lies), _no_ioapic(made), _hpet_only(made)]


def _place(made, lie):
    label = slug(f"{lie.door} {lie.name}")
    says = [f"# boot: {complaint}" for complaint in lie.says]
    if lie.fatal:
        return Place(f"{lie.door} tells {lie.name}, and the kernel says why it gives up",
                     made.job(label, lie.door, lie.build, tap=False, gives_up=True),
                     [*says, f"fatal: {lie.fatal}"])
    says += [f"vmm      none, entered by {lie.door}"]
    if lie.spans is not None:
        says += [rf"memory   {made.usable_mib(*lie.spans)} MiB for use, \d+ pages free"]
    # Nothing else is complained of.
    kinds = {"# boot: ": len(lie.says)} if lie.spans is not None else {}
    return Place(f"{lie.door} tells {lie.name}, and the boot goes on",
                 made.job(label, lie.door, lie.build), says, kinds)


def _acpi(*tables):
    """Lays out a machine with these ACPI tables; `build` of a job."""
    def build(memory):
        placed = [memory.put(loader.table(*table), 16) for table in tables]
        xsdt = memory.put(loader.table(b"XSDT", struct.pack(f"<{len(placed)}Q", *placed)), 16)
        rsdp = memory.put(loader.root_pointer(xsdt), 16)
        own = loader.BASE & -MIB
        return loader.pvh(memory, TEXT, [LOW, (MIB, own - MIB, RAM), (own, MIB, ACPI),
                                         (own + MIB, TOP - own - MIB, RAM)], rsdp=rsdp)
    return build


# A processor, and no I/O APIC.
MADT = (b"APIC", struct.pack("<IIBBBBI", 0xfee00000, 0, 0, 8, 0, 0, 1))
# IA-PC HPET Specification 1.0a, 3.2.4: in memory, at the usual place.
HPET = (b"HPET", struct.pack("<IBBBBQBHB", 0x8086a201, 0, 64, 0, 0, 0xfed00000, 0, 128, 0))


def _hpet_only(made):
    """No lie: a machine whose tables have no ACPI timer, and without the old interval timer."""
    return Place("without an ACPI timer and a PIT the HPET tells how fast the TSC is",
                 made.job("hpet-only", "pvh", _acpi(MADT, HPET), ["-M", "pit=off"]),
                 ["vmm      none, entered by pvh", r"clock    tsc, tsc [1-9]\d+ kHz",
                  r"ok \d+ - a periodic timer ticks at its period"])


def _no_ioapic(made):
    """No lie: a machine whose MADT names a processor and no I/O APIC."""
    return Place("without an I/O APIC in the MADT the timer ticks, and no line is routed",
                 made.job("no-ioapic", "pvh", _acpi(MADT)),
                 ["vmm      none, entered by pvh",
                  r"ok \d+ - a routed line interrupts, and a masked one does not "
                  r"# SKIP no controller has the line: .*",
                  r"ok \d+ - a periodic timer ticks at its period"])
