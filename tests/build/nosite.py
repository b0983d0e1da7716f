# SPDX-License-Identifier: MIT
"""Proves that the paths of breakpoints, NMIs and machine checks contain no call site.

    nosite.py ELF --root SYMBOL... [--cut CALLER:CALLEE...] [--through CALLER:CALLEE,CALLEE...]

While a site is being rewritten, another CPU may meet a breakpoint in it, and an NMI or a machine
check may come at any time. What runs then must not itself run into a site. This walks the code of a
linked kernel from the entry points of those traps, along every branch and direct call, and fails
when what it reaches holds a site of section pv_sites, or when it cannot tell where a call leads.

  --root      entry points, by symbol. A number behind a plus is an offset: trap_stubs+0x30.
  --cut       an edge that is not taken on these paths, and why that is so must be written down where
              this is called. `*:CALLEE` cuts every call of a function.
  --through   where an indirect call in a function leads: those functions. @DATA+OFFSET means the one
              that the pointer at this place of initialised data points to; none if it is NULL.
  --list      prints what was reached.

Reached code is taken generously: as soon as one instruction of a function is reached, all of it
is. Code without a sized symbol (assembly) is followed instruction by instruction.
"""
import argparse
import bisect
import re
import sys
from collections import namedtuple

from elf import STT_FUNC, Elf, disassemble, records

ENDS = {'ret', 'retq', 'iretq', 'iret', 'ud2', 'sysretq', 'sysret', 'jmp', 'jmpq'}
# Retpolines that are functions: what goes to one goes where a register says.
THUNKS = ('__llvm_retpoline_', '__x86_indirect_thunk_')
Edge = namedtuple('Edge', 'caller target is_call')


class Walk:
    def __init__(self, path, cuts=(), through=()):
        self.elf = Elf(path)
        self.listing = disassemble(path)
        self.addresses = [instruction.address for instruction in self.listing]
        self.functions = sorted((s.value, s.value + s.size, s.name) for s in self.elf.symbols
                                if s.type == STT_FUNC and s.size and s.section)
        labels = {}
        for symbol in self.elf.symbols:
            if symbol.name and symbol.section and self.elf.is_text(symbol.value):
                labels.setdefault(symbol.value, symbol.name)
        self.labels = sorted(labels.items())
        self.cuts = {tuple(cut.split(':')) for cut in cuts}
        self.through = {}
        for rule in through:
            caller, callees = rule.split(':')
            self.through.setdefault(caller, []).extend(callees.split(','))
        self.unused_cuts = set(self.cuts)
        self.reached = {}
        self.problems = []

    def address_of(self, name):
        symbol, _, offset = name.partition('+')
        if symbol not in self.elf.by_name:
            raise SystemExit(f'nosite: there is no symbol {symbol} in {self.elf.path}')
        return self.elf.value(symbol) + int(offset or '0', 0)

    def function_of(self, address):
        i = bisect.bisect_right(self.functions, (address, 1 << 65, '')) - 1
        if i >= 0 and self.functions[i][0] <= address < self.functions[i][1]:
            return self.functions[i]
        return None

    def name_of(self, address):
        function = self.function_of(address)
        if function:
            return re.sub(r'\.(part|cold|constprop|isra|lto_priv|llvm|\d+)\b.*', '', function[2])
        i = bisect.bisect_right(self.labels, (address, '\x7f')) - 1
        return self.labels[i][1] if i >= 0 else '?'

    def instruction_at(self, address):
        i = bisect.bisect_left(self.addresses, address)
        if i == len(self.addresses) or self.addresses[i] != address:
            return None
        return self.listing[i]

    def instructions_in(self, start, end):
        first = bisect.bisect_left(self.addresses, start)
        last = bisect.bisect_left(self.addresses, end)
        return self.listing[first:last]

    def is_cut(self, caller, callee):
        for cut in ((caller, callee), ('*', callee)):
            if cut in self.cuts:
                self.unused_cuts.discard(cut)
                return True
        return False

    def pointed_to_by(self, place):
        """The function that a pointer in initialised data points to, in a list of one or none."""
        value = int.from_bytes(self.elf.bytes_at(self.address_of(place), 8), 'little')
        return [value] if value else []

    def indirect_targets(self, caller, instruction):
        # With branch protection a table of jumps inside one function is marked as such, and all of
        # that function is reached anyway.
        if instruction.text.startswith('notrack jmp'):
            return
        if caller not in self.through:
            self.problems.append(f'{caller}: `{instruction.text.strip()}` at '
                                 f'{instruction.address:#x} leads nobody knows where')
            return
        for callee in self.through[caller]:
            if callee.startswith('@'):
                yield from self.pointed_to_by(callee[1:])
            elif callee:
                yield self.address_of(callee)

    def is_inline_thunk(self, instruction):
        """A retpoline in place goes by a `ret` to what it has just put on the stack."""
        i = bisect.bisect_left(self.addresses, instruction.address)
        return (instruction.mnemonic.startswith('ret') and i > 0
                and re.match(r'mov\s+%\w+,\(%rsp\)', self.listing[i - 1].text) is not None)

    def targets(self, instruction):
        """Where an instruction may lead besides the next one."""
        inline_thunk = self.is_inline_thunk(instruction)
        if (instruction.mnemonic[:4] not in ('call', 'loop') and instruction.mnemonic[:1] != 'j'
                and not inline_thunk):
            return
        caller = self.name_of(instruction.address)
        if inline_thunk or instruction.operands.startswith('*'):
            candidates = self.indirect_targets(caller, instruction)
        else:
            match = re.match(r'([0-9a-f]+)\b', instruction.operands)
            candidates = [int(match[1], 16)] if match else []
            if candidates and self.name_of(candidates[0]).startswith(THUNKS):
                candidates = self.indirect_targets(caller, instruction)
        for target in candidates:
            callee = self.name_of(target)
            if callee == caller or not self.is_cut(caller, callee):
                yield target

    def walk(self, roots):
        pending = [(self.address_of(root), root) for root in roots]
        while pending:
            address, why = pending.pop()
            if address in self.reached:
                continue
            function = self.function_of(address)
            if function:
                body = self.instructions_in(function[0], function[1])
            else:
                instruction = self.instruction_at(address)
                body = [instruction] if instruction else []
            if not body:
                self.problems.append(f'{why} leads to {address:#x}, which is no code')
                continue
            for instruction in body:
                self.reached[instruction.address] = why
                here = f'{why} > {self.name_of(instruction.address)}'
                if here.endswith(f'> {why.rsplit("> ", 1)[-1]}'):
                    here = why
                pending += [(target, here) for target in self.targets(instruction)
                            if target not in self.reached]
            last = body[-1]
            end = last.address + last.length
            if not function and last.mnemonic not in ENDS and end not in self.reached:
                pending.append((end, why))
        for caller, callee in sorted(self.unused_cuts):
            self.problems.append(f'--cut {caller}:{callee} cuts nothing')

    def sites(self):
        return [(site, self.reached[site.address]) for site in records(self.elf)
                if site.address in self.reached]

    def reached_names(self):
        return sorted({self.name_of(address) for address in self.reached})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('elf')
    parser.add_argument('--root', action='extend', nargs='+', required=True)
    parser.add_argument('--cut', action='extend', nargs='+', default=[])
    parser.add_argument('--through', action='extend', nargs='+', default=[])
    parser.add_argument('--list', action='store_true')
    arguments = parser.parse_args()
    walk = Walk(arguments.elf, arguments.cut, arguments.through)
    walk.walk(arguments.root)
    if arguments.list:
        print('\n'.join(walk.reached_names()))
    for problem in walk.problems:
        print(f'nosite: {problem}')
    found = walk.sites()
    for site, why in found:
        print(f'nosite: a site of op {site.op} at {site.address:#x} in '
              f'{walk.name_of(site.address)}, reached by {why}')
    total = len(records(walk.elf))
    print(f'nosite: {len(walk.reached)} instructions of {len(walk.reached_names())} functions '
          f'reached, {len(found)} of {total} sites among them')
    if total == 0:
        print('nosite: there is no site at all: nothing has been proved')
    return 1 if found or walk.problems or total == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
