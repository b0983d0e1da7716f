# SPDX-License-Identifier: MIT
"""Bochs: a PC emulated by other people than QEMU's, with processors that QEMU's emulation has not (PCID,
INVPCID, TSC deadlines). It has no -kernel: a guest is always on a disc, behind GRUB.

The guest ends as everywhere, by a byte to port 0xf4 and then by ACPI. Bochs has no device at that port,
and can be told to write down what nobody takes; a power-off ends it. That is where the status is from.
"""

import re
import shutil
from pathlib import Path

from . import disc

NAME = "bochs"
FIRMWARE = Path("/usr/share/bochs")
# Its usual screen is a graphical one; this one waits for a viewer, for no time at all.
CONFIG = """config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file={firmware}/BIOS-bochs-latest
vgaromimage: file={firmware}/VGABIOS-lgpl-latest
megs: {mem}
cpu: model={model}, count={cpus}, ips={speed}, reset_on_triple_fault=0
clock: sync=none, time0=utc
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={disc}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=/dev/fd/3
speaker: enabled=1, mode=none
log: {log}
panic: action=fatal
error: action=ignore
info: action=report
debug: action=ignore, unmapped=report
"""
# Instructions that are a second of its clock: fewer of them, and a guest that waits is done sooner.
SPEED = 20000000
MODEL = "corei7_haswell_4770"
ENDED = re.compile(r"\[UNMAP *\] unmapped: 8-bit write to 00f4 = ([0-9a-f]+)")
# Its own words go to a file, and the guest's to what the runner reads.
SHELL = 'exec 3>&1 >"$1" 2>&1; shift; exec "$@"'


def missing():
    """What is needed and not here."""
    found = [] if shutil.which("bochs") else ["bochs"]
    if not list(Path("/usr/lib").glob("**/bochs/plugins/libbx_rfb_gui.so")):
        found.append("its rfb plugin")
    return found + disc.missing()


def command(job, kernel, base):
    """argv for one guest; its files have names that begin with `base`."""
    if job.icount or job.initrd or job.qemu_args:
        raise ValueError("Bochs counts no instructions, and takes no initrd and no QEMU arguments")
    config, script = base.with_suffix(".bochsrc"), base.with_suffix(".bochs-script")
    config.parent.mkdir(parents=True, exist_ok=True)
    medium = kernel if job.disc else disc.make(base.with_suffix(".iso"), kernel, job.cmdline, __file__)
    log(base).unlink(missing_ok=True)
    config.write_text(CONFIG.format(firmware=FIRMWARE, mem=job.mem, model=MODEL, speed=SPEED,
                                    cpus=f"{job.smp}:1:1", disc=medium, log=log(base)))
    script.write_text("continue\n")  # Debian's is built with the debugger, which waits otherwise
    return ["sh", "-c", SHELL, "sh", str(base.with_suffix(".bochs-words")),
            "bochs", "-q", "-f", str(config), "-rc", str(script)]


def log(base):
    return base.with_suffix(".bochs.log")


def status(base):
    """As QEMU's isa-debug-exit would have it, from what Bochs wrote down; 0: the guest left no result."""
    try:
        results = ENDED.findall(log(base).read_text(errors="replace"))
    except FileNotFoundError:
        return 1
    return int(results[-1], 16) << 1 | 1 if results else 0
