# SPDX-License-Identifier: MIT
"""A loader that says what a test wants: the structures of each door, laid out in guest memory.

QEMU puts the unchanged kernel file and these structures into memory (-device loader), and starts
probe/loader.S, which sets the registers and enters the kernel by its door.

ABI: xen/include/public/arch-x86/hvm/start_info.h; Multiboot Specification 0.6.96, 3.2 and 3.3;
Multiboot2 Specification 2.0, 3.3 and 3.6; ACPI 6.5, 5.2.5.3, 5.2.6, 5.2.8, 5.2.12.
"""

import struct

from pvrun import Job, probe
from pvrun.elf import Elf

# ORDERS in probe/loader.S: EAX, EBX, where to jump. The structures follow.
BASE = 0x5000000
ORDERS = struct.Struct("<III4x")
MIB = 1 << 20
# EAX at entry. PVH's loaders say nothing there.
REGISTER = {"pvh": 0, "multiboot1": 0x2badb002, "multiboot2": 0x36d76289}
RAM, RESERVED, ACPI = 1, 2, 3

# What the machine below has, but for the top, where its firmware keeps ACPI's tables.
MACHINE = ["-M", "pc"]
MACHINE_MIB = 128
LOWER_KIB, TOP = 639, 124 * MIB
LOW = (0, LOWER_KIB << 10, RAM)
TRUE_MAP = [LOW, (MIB, TOP - MIB, RAM)]


class Memory:
    """Pieces laid out one behind the other from BASE on; put() tells the address of each."""

    def __init__(self):
        self._bytes = bytearray(ORDERS.size)

    def put(self, data, align=8):
        self._bytes += bytes(-len(self._bytes) % align)
        self._bytes += data
        return BASE + len(self._bytes) - len(data)

    def fill(self, address, data):
        """Writes what put() made room for."""
        self._bytes[address - BASE:address - BASE + len(data)] = data

    def image(self, *orders):
        return ORDERS.pack(*orders) + bytes(self._bytes[ORDERS.size:])


def pvh(memory, cmdline, ranges=TRUE_MAP, modules=(), rsdp=0, magic=0x336ec578, map_at=None,
        map_entries=None):
    """A start_info. A module is its first byte, its size and its text; a text ends with NUL if it
    is to end."""
    texts = [memory.put(text) for _, _, text in modules]
    listed = memory.put(b"".join(struct.pack("<QQQQ", start, size, text, 0)
                                 for (start, size, _), text in zip(modules, texts)))
    words = memory.put(cmdline)
    count = len(ranges) if map_entries is None else map_entries
    start_info = memory.put(bytes(56), 0x1000)
    # Last, so that what an absurd count calls entries is what follows: nothing.
    table = memory.put(b"".join(struct.pack("<QQII", *entry, 0) for entry in ranges))
    memory.fill(start_info, struct.pack(
        "<IIIIQQQQII", magic, 1, 0, len(modules), listed, words, rsdp,
        table if map_at is None else map_at, count, 0))
    return start_info


def tag(kind, content, size=None):
    """A multiboot2 tag with its padding; `size`: what it claims."""
    data = struct.pack("<II", kind, 8 + len(content) if size is None else size) + content
    return data + bytes(-len(data) % 8)


def map_tag(ranges=TRUE_MAP, entry_size=24):
    return tag(6, struct.pack("<II", entry_size, 0)
               + b"".join(struct.pack("<QQII", *entry, 0) for entry in ranges))


def module_tag(start, end, text=b"\0"):
    return tag(3, struct.pack("<II", start, end) + text)


def sizes_tag():
    return tag(4, struct.pack("<II", LOWER_KIB, (TOP - MIB) >> 10))


END_TAG = tag(0, b"")


def multiboot2(memory, cmdline, *tags, total=None, align=8):
    """Boot information with the command line and these tags; `total`: the size it claims."""
    body = b"".join([tag(1, cmdline), *tags])
    size = 8 + len(body) if total is None else total
    start = memory.put(bytes(align % 8) + struct.pack("<II", size, 0) + body)
    return start + align % 8


def multiboot1(memory, cmdline, ranges=TRUE_MAP, entry_size=20, map_bytes=None, modules=(),
               module_count=None):
    """The information structure with sizes, command line, modules and map."""
    words = memory.put(cmdline)
    listed = memory.put(b"".join(struct.pack("<IIII", *module, 0, 0) for module in modules))
    table = b"".join(struct.pack("<IQQI", entry_size, *entry) for entry in ranges)
    at = memory.put(table)
    flags = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6
    return memory.put(struct.pack(
        "<7I16x8I", flags, LOWER_KIB, (TOP - MIB) >> 10, 0, words,
        len(modules) if module_count is None else module_count, listed,
        len(table) if map_bytes is None else map_bytes, at, 0, 0, 0, 0, 0, 0), 0x1000)


def summed(data, at, upto=None):
    """ACPI's checksum in byte `at`: the first `upto` bytes add up to nothing."""
    part = data[:upto]
    return data[:at] + bytes([-(sum(part) - part[at]) % 256]) + data[at + 1:]


def table(signature, content):
    """An ACPI table with its header."""
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(content), 1, 0, b"PVOPS ",
                       b"LOADER  ", 1, b"PVOP", 1)
    return summed(head + content, 9)


def root_pointer(xsdt, revision=2):
    data = struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"PVOPS ", revision, 0, 36, xsdt, 0)
    return summed(summed(data, 8, 20), 32)


class Loader:
    """Makes jobs that boot the example kernel with structures of a test's own."""

    def __init__(self, kernels):
        self._kernel = kernels.elf("guest")
        self._folder = kernels.made
        self._elf = Elf(self._kernel)
        self._start = probe.guest(kernels.build, "loader")

    def job(self, name, door, build, machine=(), **settings):
        """`build(memory)` lays the structures out and tells the address for EBX. `machine`: more words
        for QEMU."""
        memory = Memory()
        address = build(memory)
        self._folder.mkdir(parents=True, exist_ok=True)
        said = self._folder / f"{name}.bin"
        said.write_bytes(memory.image(REGISTER[door], address, self._door(door)))
        return Job(name, "native", self._start, "", mem=MACHINE_MIB, timeout=60, qemu_args=[
            *MACHINE, *machine, "-device", f"loader,file={self._kernel}",
            "-device", f"loader,file={said},addr={BASE:#x},force-raw=on"], **settings)

    def usable_mib(self, *spans):
        """MiB that the kernel should find in ranges of RAM above 1 MiB, itself left out."""
        first = self.image_address()
        last = first + self._elf.symbols["image_end"] - self._elf.symbols["image_start"]
        return sum(end - start - max(0, min(end, last) - max(start, first))
                   for start, end in spans) // MIB

    def image_address(self):
        return self._elf.symbols["image_start"] - self._elf.symbols["pv_kernel_base"]

    def _door(self, door):
        return self._elf.symbols[f"pv_door_{door}"] - self._elf.symbols["pv_kernel_base"]
