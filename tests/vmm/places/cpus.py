# SPDX-License-Identifier: MIT
"""More CPUs than one: natively and under KVM, with and without what their local APICs can do beyond
the oldest, all of them or as many as asked for; and on Xen, started by it or by messages.
"""

from dataclasses import dataclass, field

from pvrun import Job

from .faces import XEN
from .place import Place

EACH_CPU = "info selftest test=smp+busy+irq+timer+clock"
# Of Xen, and of KVM that imitates it.
EVENTS = "info selftest test=smp+irq+timer+clock+xen"
SECONDS = 300


@dataclass
class Cpus:
    name: str
    vmm: str
    count: int
    words: str = EACH_CPU
    qemu: list = field(default_factory=list)
    up: int = 0
    says: list = field(default_factory=list)


CPUS = [
    Cpus("four CPUs on a bare machine", "native", 4),
    Cpus("eight CPUs on a bare machine", "native", 8),
    Cpus("eight CPUs on a machine of another kind", "native", 8, qemu=["-M", "q35"],
         words="info selftest test=smp"),
    Cpus("two CPUs of four, as asked for", "native", 4, f"{EACH_CPU} maxcpus=2", up=2),
    Cpus("one CPU of four, as asked for", "native", 4, "info selftest test=smp maxcpus=1", up=1),
    Cpus("four CPUs under KVM, with timers that wait for the TSC", "kvm", 4,
         says=["features .*x2apic, tsc-deadline"]),
    Cpus("two CPUs under KVM whose local APICs lie in memory and count", "kvm", 2,
         qemu=["-cpu", "host,-x2apic,-tsc-deadline"], says=["features kvmclock, kvmclock-stable"]),
    Cpus("three CPUs under KVM that are driven as bare ones", "kvm", 3, f"{EACH_CPU} nopv",
         says=["backend  native: asked for on the command line"]),
    Cpus("three CPUs as a PV guest of Xen, which race to the end", "xen-dom0-pv", 3,
         "info selftest test=races long", says=["features .*events-fifo.*"]),
    Cpus("four CPUs that Xen starts, as its PVH guest, which race to the end", "xen-dom0-pvh", 4,
         "info selftest test=smp+races long",
         says=["features .*upcall-vector, events-fifo.*event-ipi.*"]),
    Cpus("two CPUs that are started by messages, as a PVH guest of Xen", "xen-domu-pvh", 2,
         f"{EVENTS} smp=sipi", says=["features .*upcall-vector, events-fifo.*"]),
    Cpus("one CPU whose upcalls come by the domain's vector and in two levels", "xen-dom0-pvh", 1,
         "info selftest test=irq+timer+clock upcall=domain events=2l",
         says=["features .*callback-vector, events-2-level.*"]),
    Cpus("two CPUs under KVM that imitates Xen", "kvm", 2, f"{EVENTS}+events+switch", qemu=XEN,
         says=["features .*upcall-vector, events-2-level.*"]),
]


def places(kernels):
    guest = kernels.elf("guest")
    return [_place(guest, number, cpus) for number, cpus in enumerate(CPUS)]


def _place(guest, number, cpus):
    job = Job(f"cpus-{number}", cpus.vmm, guest, cpus.words, smp=cpus.count, qemu_args=cpus.qemu,
              timeout=SECONDS)
    up = cpus.up or cpus.count
    return Place(f"the example kernel runs {cpus.name}", job,
                 [f"cpus     {up} of {cpus.count} that are listed", *cpus.says], each_check=True)
