# SPDX-License-Identifier: MIT
"""Just enough of ELF64 (System V gABI, chapters 4 and 5) and of objdump's listing for the build
tests: sections, symbols, relocations, bytes by address, and instructions with their lengths."""
import re
import struct
import subprocess
from collections import namedtuple

Section = namedtuple('Section', 'name type flags address offset size link info entry_size index')
Symbol = namedtuple('Symbol', 'name value size type binding section')
Relocation = namedtuple('Relocation', 'section offset type symbol addend')
Instruction = namedtuple('Instruction', 'address length mnemonic operands text')

SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_WRITE, SHF_ALLOC, SHF_EXEC, SHF_TLS = 1, 2, 4, 0x400
STT_FUNC, STT_SECTION = 2, 3
SHN_UNDEF, SHN_ABS = 0, 0xfff1


class Elf:
    def __init__(self, path):
        self.path = path
        with open(path, 'rb') as file:
            self.data = file.read()
        if self.data[:6] != b'\x7fELF\x02\x01':
            raise ValueError(f'{path}: not a little-endian ELF64 file')
        self.type = struct.unpack_from('<H', self.data, 16)[0]
        self.sections = self._sections()
        self.symbols = self._symbols()
        self.by_name = {symbol.name: symbol for symbol in self.symbols if symbol.name}

    def _sections(self):
        offset, = struct.unpack_from('<Q', self.data, 40)
        size, count, names = struct.unpack_from('<HHH', self.data, 58)
        raw = [struct.unpack_from('<IIQQQQIIQQ', self.data, offset + i * size)
               for i in range(count)]
        return [Section(self._string(raw[names][4] + r[0]), *r[1:8], r[9], i)
                for i, r in enumerate(raw)]

    def _string(self, offset):
        return self.data[offset:self.data.index(b'\0', offset)].decode()

    def _symbols(self):
        symbols = []
        for table in self.sections:
            if table.type != SHT_SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, 24):
                name, info, _, section, value, size = struct.unpack_from('<IBBHQQ', self.data, at)
                symbols.append(Symbol(self._string(strings + name), value, size, info & 15,
                                      info >> 4, section))
        return symbols

    def section(self, name):
        return next((s for s in self.sections if s.name == name), None)

    def section_at(self, address):
        return next((s for s in self.sections if s.flags & SHF_ALLOC and not s.flags & SHF_TLS and
                     s.address <= address < s.address + s.size), None)

    def is_text(self, address):
        section = self.section_at(address)
        return section is not None and bool(section.flags & SHF_EXEC)

    def bytes_at(self, address, size):
        section = self.section_at(address)
        if section is None or section.type == SHT_NOBITS:
            return b''
        start = section.offset + address - section.address
        return self.data[start:start + size]

    def value(self, name):
        return self.by_name[name].value

    def relocations(self):
        for table in self.sections:
            if table.type != SHT_RELA:
                continue
            for at in range(table.offset, table.offset + table.size, 24):
                offset, info, addend = struct.unpack_from('<QQq', self.data, at)
                yield Relocation(self.sections[table.info], offset, info & 0xffffffff,
                                 self.symbols[info >> 32], addend)


LINE = re.compile(r'^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t?(.*)$')
PREFIXES = {'cs', 'ds', 'es', 'ss', 'fs', 'gs', 'data16', 'addr32', 'lock', 'rep', 'repz', 'repnz',
            'notrack', 'bnd', 'rex', 'rex.W'}


def disassemble(path):
    """Instructions of all executable sections, in the order of their addresses."""
    listing = subprocess.run(['objdump', '-dw', path], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    found = []
    for line in listing.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        words = match[3].split(None)
        while words and words[0] in PREFIXES:
            words.pop(0)
        operands = ' '.join(words[1:]).split('#')[0].strip()
        found.append(Instruction(int(match[1], 16), len(match[2].split()),
                                 words[0] if words else '', operands, match[3]))
    return found


Site = namedtuple('Site', 'address op length zero')


def records(elf):
    """What section pv_sites says (struct pv_site of pvops/site.h)."""
    start = elf.by_name.get('__start_pv_sites')
    if start is None:
        return []
    size = elf.value('__stop_pv_sites') - start.value
    data = elf.bytes_at(start.value, size)
    found = []
    for at in range(0, size, 8):
        offset, op, length, zero = struct.unpack_from('<iHBB', data, at)
        found.append(Site(start.value + at + offset, op, length, zero))
    return found
