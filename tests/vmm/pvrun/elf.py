# SPDX-License-Identifier: MIT
"""Kernel files as the tests look at them."""

import struct
from pathlib import Path


class Elf:
    """Just enough of an ELF64 file: sections, symbols, where it is loaded."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        header = struct.unpack_from("<16sHHIQQQIHHHHHH", self.data)
        shoff, shentsize, shnum, shstrndx = header[6], header[11], header[12], header[13]
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * shentsize)
               for i in range(shnum)]
        names = raw[shstrndx]
        self.sections = {self._string(names[4] + s[0]): s for s in raw}
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, header[5] + i * header[9])
                         for i in range(header[10])]
        self.symbols = dict(self._symbols())

    def _string(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode()

    def _symbols(self):
        table, strings = self.sections[".symtab"], self.sections[".strtab"]
        for at in range(table[4], table[4] + table[5], 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
            if name:
                yield self._string(strings[4] + name), value

    def physical(self, address):
        for kind, _, _, vaddr, paddr, _, memsz, _ in self.segments:
            if kind == 1 and vaddr <= address < vaddr + memsz:
                return paddr + address - vaddr
        raise ValueError(f"no segment holds {address:#x}")

    def bytes_at(self, address, size):
        for kind, _, offset, vaddr, _, filesz, _, _ in self.segments:
            if kind == 1 and vaddr <= address and address + size <= vaddr + filesz:
                return self.data[offset + address - vaddr:][:size]
        raise ValueError(f"no segment holds {address:#x}")
