# SPDX-License-Identifier: MIT
"""The example kernel's self-tests: on every VMM, and under KVM by every door and on every machine.

Natively the doors are gone through by tests/doors.
"""

import re

from pvrun import Job

from .place import Place

COMMANDS = "info selftest"
# What depends on the door and the machine behind it; the rest is done behind one of them.
AROUND = ("info selftest test=detect+ops+trap+irq+clock+timer+users+cpus+smp+absent+switch+kvm+memory+"
          "shutdown")
# A storm of events lasts ten seconds in one place of PV guests and in one of others, and less where this is said.
SHORT = f"{COMMANDS} storm=3"
# On Xen a guest hears from who starts it what time that is.
WALL = "wall=now"
# What PVH guests of Xen have not: firmware, and devices that are emulated. The rest is the same. For HVM guests of
# Xen, and for those of KVM that imitates it.
HVM_TESTS = "detect+ops+irq+timer+clock+cpus+smp+absent+xen+events+pirq+message+races+switch"
HVM_COMMANDS = f"info selftest test={HVM_TESTS}+unplug+softreset unplug=disks storm=3 softreset"
SECONDS = 300
# VMM, QEMU's machine, door, processors, and what is to be done. Empty: as the runner has it.
RUNS = [
    ("native", "", "pvh", 1),
    ("native", "", "pvh", 2),
    ("xen-dom0-pv", "", "xen-pv", 1, f"{SHORT} {WALL}"),
    ("xen-dom0-pv", "", "xen-pv", 4, f"{COMMANDS} {WALL}"),
    ("xen-dom0-pvh", "", "pvh", 1, f"{COMMANDS} {WALL}"),
    ("kvm", "", "pvh", 1),
    ("kvm", "q35", "pvh", 2, AROUND),
    ("kvm", "microvm", "pvh", 1, AROUND),
    ("kvm", "pc", "multiboot1", 1, AROUND),
    ("kvm", "q35", "multiboot2", 1, AROUND),
    ("xen-domu-pv", "", "xen-pv", 2, f"{SHORT} {WALL}"),
    ("xen-domu-pvh", "", "pvh", 1, f"{SHORT} {WALL}"),
]
# xl stays to do it, and leaves the domain alone otherwise.
SOFT_RESET = ["on_soft_reset = 'soft-reset'", "on_poweroff = 'preserve'",
              "on_crash = 'preserve'", "on_reboot = 'preserve'"]
# A card that interrupts by messages.
CARD = ["-device", "e1000e,romfile="]
# What an HVM guest can ask to go besides: an IDE drive, and a controller of SCSI disks.
DISKS = ["-drive", "if=none,id=gone,driver=null-co,size=1M,read-zeroes=on",
         "-device", "ide-hd,bus=ide.1,drive=gone", "-device", "lsi53c895a"]
# What xl is asked for: as many ports as the self-test wants, of which a guest has a quarter otherwise.
PORTS = "max_event_channels = 4200"
MORE_DEVICES = {"native": CARD,
                "kvm": CARD,
                # Whose lines interrupt: a second serial port.
                "xen-dom0-pv": ["-serial", "null", *CARD],
                "xen-domu-pv": [PORTS],
                "xen-domu-pvh": [PORTS],
                "xen-domu-hvm": [PORTS, f"device_model_args_hvm = {[*CARD, *DISKS]}", *SOFT_RESET]}
# Of event channels, wherever there are two CPUs and queues with priorities.
EVENTS = [
    r"ok \d+ - an event of a higher priority overtakes",
    r"ok \d+ - events neither vanish nor double while an interrupt masks and unmasks them",
    r"ok \d+ - a storm of events leaves time for everything else",
    r"ok \d+ - four thousand ports can be had, and the last one works and costs what one costs",
]
RACES = [
    r"ok \d+ - a storm of events from another CPU leaves time for everything else",
    r"ok \d+ - the clock is one clock, whichever CPU reads it",
    r"ok \d+ - events neither vanish nor double while one CPU sends and another masks",
]
BY_XEN = "# CPU 1 was started by Xen: when it is parked, Xen says that it is down"
TWO_BACKENDS = r"ok \d+ - two backends change places, and everything goes on working"
MADE_BY_TOOLS = r"ok \d+ - an event of another domain's arrives at a port that was there before"
MESSAGE = r"ok \d+ - a device that writes its message interrupts the CPU that was meant"
LEVEL = r"ok \d+ - a line that is up when its interrupt ends comes again, until it is served"
RIGHT_TIME = r"ok \d+ - the wall clock is the one of who started this guest"
CALLBACK = r"ok \d+ - Xen is told of a callback, whichever vector is in force"
MUST_NOT_SKIP = {
    "native": [
        r"ok \d+ - a machine check that the host raises reaches the kernel, which goes on",
        r"ok \d+ - the wall clock is the host's within two seconds",
        MESSAGE,
        LEVEL,
    ],
    "kvm": [MESSAGE, LEVEL],
    "xen-dom0-pv": [
        *EVENTS,
        RIGHT_TIME,
        r"ok \d+ - a device's line interrupts each time, and waits while it is masked",
        LEVEL,
        r"ok \d+ - a device's message interrupts each time, and waits while it is masked",
    ],
    "xen-dom0-pvh": [
        *EVENTS,
        RIGHT_TIME,
        CALLBACK,
        r"ok \d+ - a soft reset is an error value where the VMM has none, or would end the machine",
    ],
    "xen-domu-pv": [*EVENTS, *RACES, MADE_BY_TOOLS, RIGHT_TIME],
    "xen-domu-pvh": [*EVENTS, CALLBACK, MADE_BY_TOOLS, RIGHT_TIME],
    "xen-domu-hvm": [
        *EVENTS,
        *RACES,
        CALLBACK,
        MADE_BY_TOOLS,
        MESSAGE,
        LEVEL,
        BY_XEN,
        TWO_BACKENDS,
        "# before pv_init\\(\\) there were [1-9] SCSI controllers and an IDE drive",
        r"ok \d+ - emulated disks that were there at boot are gone where the command line says so",
        r"ok \d+ - emulated network cards go when they are asked to",
    ],
}
# Under KVM, with the rig's word on what the guest cost: words of the command line, processors, MiB
# of memory that the rig has for it (0: all it wants), and a check that must not be skipped.
OUTSIDE = [
    ("test=exits+clock", 1, 0, "the end of an interrupt costs an exit only where there is no PV end"),
    ("test=vcpus+kvm+stopped", 4, 0,
     "the clock does not go backwards in ten million reads over all CPUs"),
    # KVM's clock is not stable while a CPU has it by the registers of old.
    ("test=vcpus+clock+smp kvm=-kvmclock2,-steal-time", 4, 0,
     "the clock does not go backwards in ten million reads over all CPUs"),
    ("test=exits kvm=-pv-eoi", 1, 0,
     "the end of an interrupt costs an exit only where there is no PV end"),
    ("test=exits kvm=-pv-ipi", 1, 0,
     "the end of an interrupt costs an exit only where there is no PV end"),
    ("test=swap", 2, 80, "a page that the host has to fetch stops a process and not the CPU"),
]


def places(kernels):
    return ([_place(kernels, *run) for run in RUNS]
            + [_place(kernels, "xen-domu-hvm", "", "multiboot2", 2, HVM_COMMANDS)]
            + [_outside(kernels, *run) for run in OUTSIDE])


def _outside(kernels, words, cpus, lent, check):
    name = f"{words} {cpus}cpu{f' {lent}MiB' if lent else ''}"
    job = Job("outside-" + re.sub(r"[^\w.-]+", "-", name), "kvm", kernels.elf("guest"),
              f"info selftest {words}", smp=cpus, timeout=SECONDS, outside=True, lent=lent)
    return Place(f"KVM's features by their effect, seen from outside: {name}", job,
                 [rf"ok \d+ - {re.escape(check)}"], each_check=True,
                 may_skip=None if "kvm=" in words else [])


def _place(kernels, vmm, machine, door, cpus, commands=COMMANDS):
    where = f"{vmm}{' ' + machine if machine else ''} by {door}"
    file, is_disc = kernels.by_door(door, "guest", commands)
    job = Job(f"selftest-{machine or 'default'}-{door}-{cpus}cpu", vmm, file, commands, smp=cpus,
              timeout=SECONDS, disc=is_disc, outside=vmm == "native",
              qemu_args=["-M", machine] if machine else MORE_DEVICES.get(vmm, []))
    must = [] if machine else MUST_NOT_SKIP.get(vmm, [])
    shown = {"native": "none", "kvm": "kvm"}.get(vmm, "xen")
    return Place(f"the example kernel is entered on {where}, {cpus} processor(s)", job,
                 [f"vmm      {shown}, entered by {door}", *must], each_check=True)
