#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Contents of call sites, decoded by somebody else.

Theory: the encoder says of each content how long it is, how many instructions it has and where its
rel32 lies; the tables of sequences say the same of theirs, by hand. objdump knows nothing of
either. What it finds must end where the content ends, have no instruction beyond 15 bytes, and
agree in every number. What a sequence of convention SAVE writes must be rax and the flags alone.

A site with nothing to do may become prefixes of the instruction behind it. That must be one of those
listed here by hand, short enough, without an operand in memory that a kernel could expect to fault, and
never the first one of another site, whatever that holds.

usage: test_contents.py PROGRAM-THAT-LISTS-THEM
"""
import re
import subprocess
import sys
import tempfile

SLOT = 64  # bytes between two contents; the rest is NOPs
LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*(?:\t(.*))?$")
PREFIX = re.compile(r"^(?:(?:cs|gs|fs|ds|es|ss|lock|rex\.?\w*|data16|notrack)\s+)+")
PREFIXES = {"cs", "gs", "repz", "repnz", "data16", "lock"}
RAX = {"%rax", "%eax", "%ax", "%al"}
RCX = {"%rcx", "%ecx", "%cx", "%cl"}
ONLY_READS = {"push", "pushf", "pushfq", "bt", "btw", "btl", "cmp", "cmpb", "test", "nop", "nopw",
              "nopl", "pause", "cli", "sti", "hlt", "invlpg", "wrmsr", "vmcall", "vmmcall",
              "call", "ud2"}


def disassemble(pieces):
    """The instructions of each piece, as (offset, length, text); objdump decodes them all at once."""
    blob = b"".join(piece.ljust(SLOT, b"\x90") for piece in pieces)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(blob)
        file.flush()
        listing = subprocess.run(
            ["objdump", "-D", "-w", "-b", "binary", "-m", "i386:x86-64", "--insn-width=16",
             file.name], check=True, capture_output=True, text=True).stdout
    found = [[] for _ in pieces]
    for line in listing.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        address, length, text = int(match[1], 16), len(match[2].split()), (match[3] or "").strip()
        slot = found[address // SLOT]
        if slot and slot[-1][3]:  # objdump puts 14 prefixes on a line of their own
            at, before, prefixes, _ = slot.pop()
            slot.append((at, before + length, f"{prefixes} {text}", False))
        else:
            slot.append((address % SLOT, length, text, set(text.split()) <= PREFIXES))
    return [[instruction[:3] for instruction in slot] for slot in found]


def within(instructions, end):
    return [i for i in instructions if i[0] < end]


def core(text):
    """Mnemonic and operands without prefixes."""
    words = PREFIX.sub("", text).split(None, 1)
    operands = re.sub(r"\s*[#<].*", "", words[1]) if len(words) > 1 else ""
    return words[0] if words else "", operands.strip()


def written(text):
    """The register that an instruction changes, or None."""
    mnemonic, operands = core(text)
    if mnemonic in ONLY_READS or mnemonic.startswith("j") or mnemonic.startswith("cmpxchg"):
        return "%rax" if mnemonic.startswith("cmpxchg") else None
    last = re.split(r",(?![^(]*\))", operands)[-1] if operands else ""
    return last if last.startswith("%") and not last.startswith("%cr") and ":" not in last else None


# What may take prefixes: its operands in registers, or numbers; or on the stack.
TAKERS = re.compile(r"(add|or|adc|sbb|and|sub|xor|cmp|test|mov|movs?lq|movslq|imul|rol|ror|rcl|rcr|shl|shr|"
                    r"sar)[bwlq]?|mov(s|abs)\w*|push|pop|lea[lq]?|cltq|cwtl|cltd|cqto|ret|call|jmp|xbegin")


class Checks:
    def __init__(self):
        self.results = []

    def add(self, name, wrong):
        self.results.append((name, wrong))

    def report(self):
        print(f"TAP version 13\n1..{len(self.results)}")
        for number, (name, wrong) in enumerate(self.results, 1):
            print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
            for line in wrong[:20]:
                print(f"# {line}")
        return any(wrong for _, wrong in self.results)


def check_contents(checks, rows):
    ends, long, counts, fixups, forms = [], [], [], [], []
    pieces = [bytes.fromhex(row[-1]) for row in rows]
    for row, piece, listing in zip(rows, pieces, disassemble(pieces)):
        name, length, count, fixup = row[0], int(row[1]), int(row[2]), int(row[3])
        label = f"{name} in {length} bytes: {piece.hex()}"
        inside = within(listing, length)
        if len(piece) != length or sum(i[1] for i in inside) != length:
            ends.append(label)
        if any(i[1] > 15 or "(bad)" in i[2] for i in inside):
            long.append(label)
        if len(inside) != count:
            counts.append(f"{label}: {len(inside)}, not {count}")
        if length <= 15 and ":" not in name and len(inside) != 1:
            forms.append(label)
        if fixup and not any(i[0] < fixup and fixup + 4 <= i[0] + i[1] for i in inside):
            fixups.append(label)
    checks.add("every content ends where its site ends", ends)
    checks.add("no instruction is longer than 15 bytes", long)
    checks.add("every content has the instructions that it says", counts)
    checks.add("calls of 15 bytes or less are one instruction", forms)
    checks.add("every rel32 lies within one instruction", fixups)


def check_sequences(checks, rows, lengths):
    sums, counts, firsts, lost, calls = [], [], [], [], []
    longest = {}
    pieces = [bytes.fromhex(row[-1]) if len(row) == 9 else b"" for row in rows]
    for row, piece, listing in zip(rows, pieces, disassemble(pieces)):
        backend, op, convention, _, length, first, count, fixup = row[:8]
        length, first, count, fixup = int(length), int(first), int(count), int(fixup)
        label = f"{backend}:{op}"
        longest[op] = max(longest.get(op, 6), length)
        inside = within(listing, length)
        if len(piece) != length or sum(i[1] for i in inside) != length:
            sums.append(label)
        if len(inside) != count:
            counts.append(f"{label}: {len(inside)}, not {count}")
        if (inside[0][1] if inside else 0) != first:
            firsts.append(f"{label}: {inside[0][1] if inside else 0}, not {first}")
        changed = {written(i[2]) for i in inside} - {None} - RAX
        if convention == "KEEP":
            changed -= RCX
        if convention != "CALL" and changed:
            lost.append(f"{label} changes {', '.join(sorted(changed))}")
        for at, size, text in inside:
            if core(text)[0] == "call" and (at + size != length or fixup != at + 1):
                calls.append(f"{label}: {text}")
    checks.add("every sequence ends with an instruction", sums)
    checks.add("the column `count` is right", counts)
    checks.add("the column `first` is right", firsts)
    checks.add("sequences of convention SAVE change nothing but rax and flags, of KEEP nor but rcx", lost)
    checks.add("a call in a sequence is its last instruction, and fixed up", calls)
    checks.add("no sequence is longer than its op's sites",
               [f"{op}: {longest[op]} > {lengths[op]}" for op in longest
                if longest[op] > lengths[op]])
    return longest


def check_takers(checks, takers, prefixes):
    """`takers`: instructions that the library puts prefixes in front of, and bytes behind them."""
    not_one, long, strange, memory = [], [], [], []
    site = max(prefixes, key=len)
    alone = disassemble(takers)
    for piece, with_site, without in zip(takers, disassemble([site + piece for piece in takers]), alone):
        (_, length, text), (at, whole, same) = without[0], with_site[0]
        label = f"{piece.hex()}: {text}"
        if "(bad)" in text:  # lea of a register; what is no instruction alone is none with prefixes
            continue
        if at != 0 or whole != len(site) + length or core(same)[0] != core(text)[0]:
            not_one.append(f"{label}; with prefixes {whole} bytes: {same}")
        if whole > 15 or "(bad)" in same:
            long.append(label)
        mnemonic, operands = core(text)
        mnemonic = mnemonic.split(",")[0]
        if not TAKERS.fullmatch(mnemonic) or "*" in operands:
            strange.append(label)
        if "(" in operands and not mnemonic.startswith("lea"):
            memory.append(label)
    checks.add(f"each of {len(takers)} instructions is one with a site's prefixes in front of it",
               not_one if len(takers) > 1000 else ["too few"])
    checks.add("... of 15 bytes at most", long)
    checks.add("... and of a kind that is listed by hand", strange)
    checks.add("... without an operand in memory", memory)
    checks.add("a site of prefixes is ES prefixes, which no padding has",
               [piece.hex() for piece in prefixes if set(piece) != {0x26}])


def check_begins(checks, rows, lengths):
    """Other than in its own length a sequence lies at no site."""
    begin = [f"{name} in {length} bytes" for name, length, takes in rows
             if takes != "0" and (":" not in name or int(length) == lengths[name.split(":")[1]])]
    checks.add("no site of any backend begins with an instruction that takes prefixes", begin)
    checks.add("a sequence without padding could begin with one",
               [] if any(takes != "0" for _, _, takes in rows) else ["none does"])


def main():
    listing = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    lengths = {row[1]: int(row[2]) for row in rows if row[0] == "op"}
    checks = Checks()
    check_contents(checks, [row[1:] for row in rows if row[0] == "content"])
    longest = check_sequences(
        checks, [row[1:] for row in rows if row[0] == "sequence" and row[1] != "beta"], lengths)
    check_sequences(checks, [row[1:] for row in rows if row[0] == "sequence" and row[1] == "beta"],
                    lengths)
    check_takers(checks, [bytes.fromhex(row[1]) for row in rows if row[0] == "taker"],
                 [bytes.fromhex(row[3]) for row in rows if row[0] == "prefixes"])
    begins = [row[1:] for row in rows if row[0] == "begins"]
    check_begins(checks, begins, lengths)
    # One byte more, where the longest would begin with what takes prefixes.
    takes = {(name.split(":")[1], int(length)) for name, length, takes in begins
             if ":" in name and takes != "0"}
    needed = {op: max(6, longest.get(op, 6)) for op in lengths}
    needed = {op: length + ((op, length) in takes) for op, length in needed.items()}
    checks.add("the length of an op is that of the longest sequence, at least 6, or a byte more for "
               "what it begins with", [f"{op}: {length}, not {needed[op]}"
                                       for op, length in lengths.items() if length != needed[op]])
    return 1 if checks.report() else 0


if __name__ == "__main__":
    sys.exit(main())
