#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What call sites really hold in a running kernel: a memory dump, decoded on the host.

    sites.py [KERNEL]        natively: QEMU writes the guest's memory to a file
    sites.py --xen-pv        as PV dom0 of Xen, whose memory is scattered: the guest prints its sites

Finds every site through the records in the kernel file, disassembles it with objdump, and compares
the instructions with the ones written down here by hand. The kernel's own checker takes no part.
Prints TAP.
"""

import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvrun import Job, native, run_jobs  # noqa: E402
from pvrun.elf import Elf  # noqa: E402
from pvrun.process import Child, TimeOut  # noqa: E402

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = SOURCE / "build"

# What a kernel author would write for each op on a machine of his own, with the argument in rdi
# (rsi) and the result in rax. "call NAME": a function of the native backend does it. An empty list:
# nothing is to be done, and the site is prefixes of the instruction behind it, or one NOP.
BY_HAND = {
    "cpu_relax": ["pause"],
    "cpu_kernel_stack_set": [r"mov %gs:0x48,%rax", r"mov %rdi,\(%rax\)"],
    "cpu_tls_set": ["mov %edi,%eax", "mov %rdi,%rdx", r"shr \$0x20,%rdx", r"mov \$0xc0000100,%ecx",
                    "wrmsr"],
    "cr2_read": ["mov %cr2,%rax"],
    "cr3_read": ["mov %cr3,%rax"],
    "cr3_write": ["mov %rdi,%cr3"],
    "tlb_invlpg": [r"invlpg \(%rdi\)"],
    "tlb_flush": ["mov %cr3,%rax", "mov %rax,%cr3"],
    "pte_get": [r"mov \(%rdi\),%rax"],
    "pte_set": [r"mov %rsi,\(%rdi\)"],
    "pte_clear": [r"movq \$0x0,\(%rdi\)"],
    "paging_batch_open": [],
    "paging_batch_close": [],
    "paging_table_add": ["xor %eax,%eax"],
    "paging_table_remove": [],
    "irq_disable": ["cli"],
    "irq_enable": ["sti"],
    "irq_save": ["pushf", "pop %rax", "cli"],
    "irq_restore": [r"bt \$0x9,%edi", "jae .*", "sti"],
    "irq_flags": ["pushf", "pop %rax"],
    "irq_enable_halt": ["sti", "hlt"],
    "irq_eoi": [r"mov .*\(%rip\),%rax.*", r"movl \$0x0,\(%rax\)"],
    "clock_ns": ["call pv_native_clock_ns"],
    "timer_set": ["call pv_native_timer_set"],
    "smp_ipi": ["call pv_native_smp_ipi"],
    "vcpu_is_preempted": ["xor %eax,%eax"],
    "lock_acquire": ["xor %eax,%eax", r"mov \$0x1,%ecx", r"lock cmpxchg %ecx,\(%rdi\)", "je .*",
                     "call pv_lock_acquire_slow"],
    "lock_release": [r"movb \$0x0,\(%rdi\)"],
    "lock_wait": ["pause"],
    "lock_kick": [],
}

# The same for a PV guest of Xen. Interrupts are a byte of this CPU's block; what needs Xen is a
# function of the backend, called directly.
MASK = "%gs:0x141"
XEN_PV = {
    **{op: [f"call pv_xen_pv_{op}"] for op in BY_HAND},
    "irq_disable": [rf"movb \$0x1,{MASK}"],
    "irq_save": [rf"movzbl {MASK},%eax", rf"movb \$0x1,{MASK}", "dec %eax"],
    "irq_flags": [rf"movzbl {MASK},%eax", "dec %eax"],
    "irq_eoi": [],
    "clock_ns": ["call pv_pvclock_ns"],
    "timer_set": ["call pv_xen_timer_set"],
    **{op: BY_HAND[op] for op in ("cpu_relax", "lock_acquire")},
    # What all kinds of Xen's domains share. A lock that nobody sleeps on is given back by one step.
    **{op: [f"call pv_xen_{op}"] for op in ("smp_ipi", "vcpu_is_preempted", "lock_wait", "lock_kick")},
    "lock_release": [r"lock decb \(%rdi\)", "je .*", "call pv_lock_release_marked"],
}

# Prefixes that mean nothing, as a site with nothing to do.
PREFIXES = re.compile(rb"\x26+")
INSTRUCTION_MAX = 15
# What may be behind such a site: registers, numbers, the stack, and what is called or jumped to.
TAKER = re.compile(r"((add|or|and|sub|xor|cmp|test|mov|imul|shl|shr|sar)[bwlq]? [^()]*|lea .*|(push|pop) %.*|"
                   r"(mov(s|abs)\w*|movslq) [^()]*|(cltq|cqto|cltd|cwtl|ret)|(call|jmp) [^*]*)")

# What ring 3 may not execute, or executes without effect (Intel SDM vol. 2; POPF: IF stays).
PRIVILEGED = re.compile(r"(cli|sti|hlt|popf|pushf|iret|swapgs|wrmsr|rdmsr|invlpg|lgdt|lidt|ltr|clts|"
                        r"in|out|rdpmc|wbinvd|invd|vmcall|vmmcall)\b|.*%(cr|db)[0-9]")


def site_records(elf):
    """(site, op number, length) of every record."""
    start, stop = elf.symbols["__start_pv_sites"], elf.symbols["__stop_pv_sites"]
    for at in range(start, stop, 8):
        offset, op, length, _ = struct.unpack("<iHBB", elf.bytes_at(at, 8))
        yield at + offset, op, length


def op_names():
    """The ops in the order of their numbers, from the lists themselves."""
    listing = subprocess.run(
        ["cc", "-E", "-P", f"-I{SOURCE}/include", "-DPV_OP(k,c,l,s,t,name,p,a)=@name@", "-x", "c",
         str(SOURCE / "include/pvops/ops/all.h")], check=True, capture_output=True, text=True)
    return re.findall(r"@\s*(\w+)\s*@", listing.stdout)


def qmp(path, *commands, deadline):
    """Says commands to QEMU's monitor; every answer must be a good one."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(max(1, deadline - time.monotonic()))
        monitor.connect(str(path))
        answers = monitor.makefile("rw")
        answers.readline()
        for command in ({"execute": "qmp_capabilities"}, *commands):
            answers.write(json.dumps(command) + "\n")
            answers.flush()
            while True:
                answer = json.loads(answers.readline())
                if "error" in answer:
                    raise RuntimeError(answer["error"]["desc"])
                if "return" in answer:
                    break


def dump(kernel, start, size, timeout=60):
    """`size` bytes of guest memory from physical address `start`, once the shell is up."""
    deadline = time.monotonic() + timeout
    with tempfile.TemporaryDirectory() as folder:
        monitor, memory = Path(folder) / "qmp", Path(folder) / "memory"
        job = Job("dump", "native", kernel, "info shell",
                  qemu_args=["-qmp", f"unix:{monitor},server=on,wait=off"])
        with Child(native.emulated(job)) as guest:
            try:
                while "type help" not in (guest.line(deadline) or ""):
                    pass
            except TimeOut:
                raise RuntimeError("the guest kernel did not reach its shell") from None
            qmp(monitor, {"execute": "stop"},
                {"execute": "pmemsave",
                 "arguments": {"val": start, "size": size, "filename": str(memory)}},
                deadline=deadline)
            return memory.read_bytes()


def disassemble(blobs):
    """For each blob of code: [(offset, bytes, text)], decoded alone, so that none helps another."""
    room = 32
    if not blobs:
        return []  # objdump takes no empty file
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(blob + b"\x90" * (room - len(blob)) for blob in blobs))
        file.flush()
        listing = subprocess.run(
            ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-w", file.name], check=True,
            capture_output=True, text=True).stdout
    decoded = [[] for _ in blobs]
    for at, code, text in re.findall(r"^\s*([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$", listing, re.M):
        index, offset = divmod(int(at, 16), room)
        if index < len(blobs) and offset < len(blobs[index]):
            decoded[index].append((offset, bytes.fromhex(code), plain(text)))
    return decoded


def plain(text):
    """An instruction without its padding prefixes and objdump's remarks."""
    text = re.sub(r"#.*", "", text)
    text = re.sub(r"^((cs|es|gs|data16) )+", "", text.strip())
    text = re.sub(r"^rex\S* ", "", text)
    return re.sub(r"\s+", " ", text).strip()


def call_target(elf, site, offset, code):
    """The function that a direct call at site + offset reaches, by name."""
    end = site + offset + len(code)
    target = (end + struct.unpack("<i", code[-4:])[0]) & (2**64 - 1)
    for name, value in elf.symbols.items():
        if target in (value, value + 4) and name.startswith("pv_"):
            return f"call {name}"
    return f"call {target:#x}"


def instructions(elf, site, length, decoded):
    """What the site executes, one text an instruction; None if it does not end at its end."""
    if not decoded or decoded[-1][0] + len(decoded[-1][1]) != length:
        return None
    texts = []
    for offset, code, text in decoded:
        texts.append(call_target(elf, site, offset, code) if text.startswith("call ") else text)
    return texts


def wrong(expected, length, found):
    """What is wrong with the instructions of a site; None if nothing."""
    if found is None:
        return "an instruction reaches over the end of the site"
    body = found
    if length > 15 and len(found) == len(expected) + 1 and found[0].startswith("nop"):
        body = found[1:]
    if not expected:
        return None if len(found) == 1 and found[0].startswith("nop") else f"holds {found}"
    if len(body) != len(expected):
        return f"{len(body)} instructions where {len(expected)} do: {found}"
    for have, want in zip(body, expected):
        if not re.fullmatch(want, have):
            return f"holds '{have}' where '{want}' is meant"
    return None


def dumped_sites(kernel, elf, records):
    """The bytes of each site and of what may be behind it, from a dump of memory."""
    low = min(elf.physical(site) for site, _, _ in records)
    high = max(elf.physical(site) + length for site, _, length in records) + INSTRUCTION_MAX
    memory = dump(kernel, low, high - low)
    return [memory[elf.physical(site) - low:][:length + INSTRUCTION_MAX]
            for site, _, length in records]


def parts_of_what_follows(sites):
    """Of (code, length) of each site of prefixes, decoded with what is behind it: what is wrong, or None."""
    whole = disassemble([code for code, _ in sites])
    alone = disassemble([code[length:] for code, length in sites])
    return [wrong_part(length, with_site[0], without[0])
            for (_, length), with_site, without in zip(sites, whole, alone)]


def wrong_part(length, whole, alone):
    (at, code, text), (_, behind, behind_text) = whole, alone
    if at != 0 or len(code) != length + len(behind) or text.split()[0] != behind_text.split()[0]:
        return f"prefixes and what follows are not one instruction: '{text}', '{behind_text}'"
    if len(code) > INSTRUCTION_MAX or not TAKER.fullmatch(text):
        return f"prefixes before '{text}'"
    return None


def printed_sites(kernel, records):
    """The bytes of each site, as the guest prints them on Xen."""
    result = run_jobs([Job("sites", "xen-dom0-pv", kernel, "sites", timeout=120, tap=False)])[0]
    if not result.ok:
        raise RuntimeError(result.reason)
    printed = {int(at, 16): bytes.fromhex(code)
               for at, code in re.findall(r"^site ([0-9a-f]+) ([0-9a-f]+)\r?$",
                                          "\n".join(result.lines), re.M)}
    lost = [f"{site:#x}" for site, _, _ in records if site not in printed]
    if lost:
        raise RuntimeError(f"the guest prints nothing about {len(lost)} sites, {lost[0]} the first")
    return [printed[site] for site, _, _ in records]


def check(kernel, expected):
    elf, names = Elf(kernel), op_names()
    records = list(site_records(elf))
    on_xen = expected is XEN_PV
    codes = printed_sites(kernel, records) if on_xen else dumped_sites(kernel, elf, records)
    faults = {name: [] for name in expected}
    seen = dict.fromkeys(expected, 0)
    privileged, part = [], []
    blobs = [code[:length] for code, (_, _, length) in zip(codes, records)]
    for (site, number, length), code, decoded in zip(records, codes, disassemble(blobs)):
        op = names[number]
        seen[op] += 1
        if not expected[op] and PREFIXES.fullmatch(code[:length]):
            part.append((op, site, code, length))
            continue
        found = instructions(elf, site, length, decoded)
        fault = wrong(expected[op], length, found)
        if fault:
            faults[op].append(f"{site:#x}: {fault}")
        privileged += [f"{site:#x}: {op} holds '{text}'" for _, _, text in decoded
                       if PRIVILEGED.match(text)]
    checked = parts_of_what_follows([(code, length) for _, _, code, length in part])
    for (op, site, _, _), fault in zip(part, checked):
        if fault:
            faults[op].append(f"{site:#x}: {fault}")
    return seen, faults, privileged, [op for op, *_ in part]


def report(number, good, sentence, details):
    print(f"{'ok' if good else 'not ok'} {number} - {sentence}")
    for line in details[:5]:
        print(f"# {line}")
    return not good


def nothing_of(op, expected, seen, part):
    """How many of the sites of an op with nothing to do are part of what follows."""
    return "" if expected[op] else f": {part.count(op)} nothing, {seen[op] - part.count(op)} one NOP"


def main():
    words = sys.argv[1:]
    expected = XEN_PV if "--xen-pv" in words else BY_HAND
    files = [word for word in words if not word.startswith("-")]
    kernel = Path(files[0]) if files else BUILD / "examples/guest-kernel/guest-kernel.elf"
    print("TAP version 13")
    try:
        seen, faults, privileged, part = check(kernel, expected)
    except (OSError, RuntimeError, KeyError, subprocess.SubprocessError) as error:
        print(f"Bail out! {type(error).__name__}: {error}")
        return 1
    where = "for a PV guest" if expected is XEN_PV else "by hand"
    failed = 0
    for number, op in enumerate(expected, 1):
        details = faults[op] or ([] if seen[op] else ["no site of this op in the kernel"])
        failed += report(number, not details, f"the {seen[op]} sites of {op} hold what a kernel "
                         f"author would write {where}{nothing_of(op, expected, seen, part)}", details)
    if expected is XEN_PV:
        failed += report(len(expected) + 1, not privileged,
                         "no site still holds a privileged instruction", privileged)
    if expected is not XEN_PV:
        failed += report(len(expected) + 1, part, f"{len(part)} sites cost nothing at all", [])
    print(f"1..{len(expected) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
