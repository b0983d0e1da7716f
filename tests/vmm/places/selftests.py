# SPDX-License-Identifier: MIT
"""The example kernel's self-tests: on every VMM, and under KVM by every door and on every machine.

Natively the doors are gone through by tests/doors.
"""

from pvrun import Job

from .place import Place

COMMANDS = "info selftest"
SECONDS = 300
# VMM, QEMU's machine, door, processors. Empty: as the runner has it.
RUNS = [
    ("native", "", "pvh", 1),
    ("native", "", "pvh", 2),
    ("xen-dom0-pv", "", "xen-pv", 1),
    ("xen-dom0-pv", "", "xen-pv", 4),
    ("xen-dom0-pvh", "", "pvh", 1),
    ("kvm", "", "pvh", 1),
    ("kvm", "q35", "pvh", 2),
    ("kvm", "microvm", "pvh", 1),
    ("kvm", "pc", "multiboot1", 1),
    ("kvm", "q35", "multiboot2", 1),
    ("xen-domu-pv", "", "xen-pv", 2),
    ("xen-domu-pvh", "", "pvh", 1),
]


def places(kernels):
    return [_place(kernels, *run) for run in RUNS]


def _place(kernels, vmm, machine, door, cpus):
    where = f"{vmm}{' ' + machine if machine else ''} by {door}"
    file, is_disc = kernels.by_door(door, "guest", COMMANDS)
    job = Job(f"selftest-{machine or 'default'}-{door}-{cpus}cpu", vmm, file, COMMANDS, smp=cpus,
              timeout=SECONDS, disc=is_disc, qemu_args=["-M", machine] if machine else [])
    shown = {"native": "none", "kvm": "kvm"}.get(vmm, "xen")
    return Place(f"the example kernel is entered on {where}, {cpus} processor(s)", job,
                 [f"vmm      {shown}, entered by {door}"], each_check=True)
