#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Costs that are read from machine code: the instructions of a hypercall's wrapper and of a
page-table entry that waits for one, and the bytes of the library's text.

    costs.py BUILD      prints them for ./bench: figure NAME VALUE
"""
import pathlib
import re
import shutil
import subprocess
import sys

from elf import SHF_EXEC, Elf
from toolbox import ROOT, SCRATCH, run

WRAPPERS = {
    "hypercall_wrapper_inline": ("backends/xen/pv/hypercall.h", "pv_xen_pv_call(17, a, b, c, 0)"),
    "hypercall_wrapper_shared": ("backends/xen/hypercall.h",
                                 "pv_xen_hypercall(17, a, b, c, 0, 0)"),
}
FLAGS = ["-O2", "-mno-red-zone", "-ffreestanding", "-fno-pic", "-fno-pie", "-mcmodel=kernel",
         "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-mgeneral-regs-only",
         f"-I{ROOT}/include", f"-I{ROOT}"]
CORE = ("lib", "backends_native", "backends_kvm")


# ---- instructions ---------------------------------------------------------------------------------

def listing(made):
    return subprocess.run(["objdump", "-d", "-w", "--no-show-raw-insn", made], check=True,
                          capture_output=True, text=True).stdout.replace(":\t", ":\t\t")


def function(text, name):
    """The instructions of a function, as texts."""
    body = re.search(rf"<{name}>:\n((?:.+\n)+)", text).group(1)
    return [line.split("\t")[2].strip() for line in body.splitlines() if line.count("\t") >= 2]


def compiled(compiler, header, call):
    """The instructions of a function that makes one hypercall."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    source, made = SCRATCH / "hypercall.c", SCRATCH / "hypercall.o"
    source.write_text(f'#include "{header}"\nint64_t probe(uint64_t a, uint64_t b, uint64_t c);\n'
                      f"int64_t probe(uint64_t a, uint64_t b, uint64_t c)\n{{ return {call}; }}\n")
    subprocess.run([compiler, *FLAGS, "-c", source, "-o", made], check=True)
    return function(listing(made), "probe")


def assembled(source, name):
    made = SCRATCH / "assembled.o"
    SCRATCH.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-c", f"-I{ROOT}/include", f"-I{ROOT}", ROOT / source, "-o", made],
                   check=True)
    return function(listing(made), name)


def taken_by_pv(gate):
    """Those of the gate that run in a PV guest: the first jump is taken."""
    jump = next(i for i, text in enumerate(gate) if text.startswith("ja"))
    return gate[:jump + 1] + gate[gate.index("syscall"):gate.index("syscall") + 2]


def added_by_wrapper(compiler, name):
    """All that stands between having the arguments in the registers of C and the `syscall`, and
    behind it; not the `ret` of the function that is compiled for the purpose."""
    made = compiled(compiler, *WRAPPERS[name])
    if any(text.startswith("call") for text in made):
        made += taken_by_pv(assembled("backends/xen/hypercall.S", "pv_xen_hypercall_gate"))
    if made.count("syscall") != 1:
        raise ValueError(f"no wrapper of one hypercall: {made}")
    # Arguments that are constants here: they are the caller's, not the wrapper's.
    added = [text for text in made if text != "syscall"
             and not re.match(r"(xor|mov +\$0x0).*%(r8|r10)", text)]
    added.remove(next(text for text in added if text.startswith("ret")))
    return added


def queued_entry(op):
    """Of a page-table op in a batch: its routine, but for the call. No jump of it is taken; a direct
    call goes behind the endbr64."""
    path = assembled("backends/xen/pv/ops.S", f"pv_xen_pv_{op}")
    return path[path.index("endbr64") + 1:path.index("ret") + 1]


# ---- bytes ----------------------------------------------------------------------------------------

def members(archive):
    """The objects of an archive; none if they are not machine code yet (link-time optimisation)."""
    folder = SCRATCH / "members"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    # What meson makes by default is thin: the names of its members are paths.
    names = run(["ar", "t", archive]).split()
    if not any("/" in name for name in names):
        run(["ar", "x", archive], cwd=folder)
        names = [folder / name for name in names]
    try:
        objects = [Elf(name) for name in names]
    except ValueError:
        return []
    return [elf for elf in objects if "__gnu_lto_slim" not in elf.by_name]


def text_sizes(objects):
    """Part of the library -> bytes that can be executed."""
    sizes = {}
    for elf in objects:
        part = re.search(r"(lib_doors|lib_boot|lib|backends_\w+?)_",
                         str(elf.path).rsplit("/", 1)[1])[1]
        sizes[part] = sizes.get(part, 0) + sum(s.size for s in elf.sections if s.flags & SHF_EXEC)
    return sizes


def core_native_kvm(sizes):
    return sum(sizes[part] for part in CORE)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
    for name in WRAPPERS:
        print("figure", name, max(len(added_by_wrapper(compiler, name)) for compiler in compilers))
    archive = pathlib.Path(sys.argv[1]).resolve() / "libpvops.a"
    print("figure text_core_native_kvm", core_native_kvm(text_sizes(members(archive))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
