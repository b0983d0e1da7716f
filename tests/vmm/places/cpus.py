# SPDX-License-Identifier: MIT
"""More CPUs than one: natively and under KVM, with and without what their local APICs can do beyond
the oldest, all of them or as many as asked for; and on Xen, as PV guests with and without a processor
for each, as dom0 and as domU, and as others, started by Xen or by messages.
"""

from dataclasses import dataclass, field

from pvrun import Job

from .faces import XEN
from .place import Place
from .selftests import CARD, HVM_TESTS, LEVEL, MESSAGE

EACH_CPU = "info selftest test=cpus+smp+irq+timer+clock"
# Of Xen.
EVENTS = "info selftest test=cpus+smp+irq+timer+clock+xen"
XEN_PV = "cpus+smp+debugger+batch+xen+stress+tables+users"
# Of a domU, in which two CPUs do all there is (selftests.py).
XEN_DOMU = f"{XEN_PV}+memory+shutdown+ldt+assist"
WAITED = [r"ok \d+ - a CPU that waits for a processor is seen to, and one that blocks is not",
          r"ok \d+ - a segment that is gone when its CPU is resumed is empty, and the CPU goes on"]
# Where CPUs share one processor.
YIELDED = r"ok \d+ - a CPU that offers its processor lets another one run, each time"
MACHINE_CHECK = (r"ok \d+ - a machine check that Xen passes on reaches each CPU, and names this "
                 "machine's page")
MORE_LATER = r"ok \d+ - a machine takes more memory than it began with"
ASSISTED = [
    r"ok \d+ - a plain write to a page table faults, and is carried out only if that is asked for",
    r"ok \d+ - a table that users get maps the machine's frames no more, unless that is not asked for",
    r"ok \d+ - Xen says while it writes a record of time, unless that is not asked for"]
BY_XEN = "# CPU 1 was started by Xen: when it is parked, Xen says that it is down"
BY_MESSAGES = "# CPU 1 was started by messages: when it is parked, Xen says that it is down"
RACED = [r"ok \d+ - events neither vanish nor double while one CPU sends and another masks",
         r"ok \d+ - events neither vanish nor double while another masks them, and neither has the port",
         r"ok \d+ - events neither vanish nor double while the CPU of their port goes"]
# A thread for each CPU: only where nobody changes text that others run without a pause (docs/vmms.md).
PARALLEL = ["-accel", "tcg,thread=multi"]
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
    seconds: int = SECONDS
    newer: bool = False


CPUS = [
    Cpus("four CPUs on a bare machine, which are busy while text is changed", "native", 4,
         "info selftest test=busy"),
    Cpus("four CPUs on a bare machine", "native", 4, qemu=PARALLEL),
    Cpus("eight CPUs on a bare machine", "native", 8, qemu=PARALLEL),
    Cpus("eight CPUs on a machine of another kind", "native", 8, qemu=["-M", "q35"],
         words="info selftest test=cpus+smp"),
    Cpus("two CPUs of four, as asked for", "native", 4, f"{EACH_CPU} maxcpus=2", up=2, qemu=PARALLEL),
    Cpus("one CPU of four, as asked for", "native", 4, "info selftest test=cpus+smp maxcpus=1", up=1),
    Cpus("two CPUs of another emulation, with identifiers of address spaces", "bochs", 2,
         "info selftest test=pcid+trap+irq+timer+clock+cpus+smp",
         says=["features tsc-deadline, pcid, invpcid", "vmm      none, entered by multiboot2",
               r"ok \d+ - another CPU drops what belongs to all its identifiers"]),
    Cpus("four CPUs under KVM, with timers that wait for the TSC", "kvm", 4,
         qemu=["-M", "pc,kernel-irqchip=split"],
         says=["features .*msi-ext-dest-id, x2apic, tsc-deadline"]),
    Cpus("four CPUs under KVM with none of its features", "kvm", 4,
         "info selftest test=cpus+smp+switch+clock+timer kvm=-all",
         says=["backend  kvm: .*", "features x2apic, tsc-deadline"]),
    Cpus("two CPUs under KVM whose local APICs lie in memory and count", "kvm", 2,
         EACH_CPU, qemu=["-cpu", "host,-x2apic,-tsc-deadline"],
         says=["features (?!.*(x2apic|tsc-deadline)).*kvmclock.*"]),
    Cpus("four CPUs under KVM that are driven as bare ones, and change", "kvm", 4, f"{EACH_CPU}+busy nopv",
         says=["backend  native: asked for on the command line",
               r"ok \d+ - two backends change places 1,000 times while all other CPUs are busy"]),
    Cpus("eight CPUs of a PV guest of Xen", "xen-dom0-pv", 8,
         "info selftest test=cpus+smp+batch+xen+stress stress=5"),
    Cpus("four CPUs of a PV guest of Xen on two processors", "xen-dom0-pv", 4,
         f"info selftest test={XEN_PV} stress=8", qemu=["-smp", "2"],
         says=WAITED),
    Cpus("two CPUs of a PV guest of Xen on one processor", "xen-dom0-pv", 2,
         f"info selftest test={XEN_PV} stress=1", qemu=["-smp", "1"], says=[*WAITED, YIELDED]),
    Cpus("three CPUs of a PV guest of Xen", "xen-dom0-pv", 3,
         f"info selftest test={XEN_PV} stress=1"),
    Cpus("two CPUs of a PV guest of a newer Xen on a processor of Intel's", "xen-dom0-pv", 2,
         "info selftest test=mce+users+batch+tables", newer=True, says=[MACHINE_CHECK]),
    Cpus("one CPU of a PV guest of Xen that is not its dom0", "xen-domu-pv", 1,
         f"info selftest test={XEN_DOMU} stress=3"),
    Cpus("three CPUs of a PV guest of Xen that is not its dom0", "xen-domu-pv", 3,
         f"info selftest test={XEN_DOMU} stress=1", qemu=["maxmem = 192"],
         says=[*WAITED, YIELDED, MORE_LATER,
               "# the VMM's map names 65536 KiB of RAM more than this machine began with"]),
    Cpus("four CPUs of a PV guest of Xen that is not its dom0", "xen-domu-pv", 4,
         f"info selftest test={XEN_DOMU}+races stress=3", says=WAITED + ASSISTED + RACED),
    Cpus("three CPUs as a PV guest of Xen, which race to the end", "xen-dom0-pv", 3,
         "info selftest test=races long", says=["features .*events-fifo.*", *RACED]),
    Cpus("three CPUs as a PV guest of Xen, whose events come in two levels", "xen-dom0-pv", 3,
         "info selftest test=events+xen+races+irq+timer+shutdown events=2l storm=2",
         says=["features .*events-2-level.*", *RACED,
               r"ok \d+ - nor of a CPU that merely stands still then"]),
    Cpus("four CPUs as a PV guest of Xen, to which a device's interrupts go", "xen-dom0-pv", 4,
         "info selftest test=pirq", qemu=["-serial", "null", *CARD],
         says=[r"ok \d+ - a device interrupts the CPU that has routed it", LEVEL]),
    Cpus("one CPU of a PVH guest of Xen that has the devices, behind an IOMMU", "xen-dom0-pvh", 1,
         "info selftest test=irq+pirq+message", qemu=["-M", "q35", "-device", "amd-iommu,intremap=on", *CARD],
         says=[LEVEL, MESSAGE]),
    Cpus("two CPUs as a PVH guest of Xen, which are busy while text and backends are changed", "xen-dom0-pvh",
         2, "info selftest test=busy",
         says=[r"ok \d+ - two backends change places 1,000 times while all other CPUs are busy"]),
    Cpus("four CPUs that Xen starts, as its PVH guest, which race to the end", "xen-dom0-pvh", 4,
         "info selftest test=cpus+smp+xen+switch+races long",
         says=["features .*upcall-vector, events-fifo.*event-ipi.*", BY_XEN,
               r"ok \d+ - two backends change places, and everything goes on working"]),
    Cpus("three CPUs that are started by messages, as a PVH guest of Xen, and race", "xen-domu-pvh", 3,
         f"{EVENTS}+races smp=sipi",
         says=["features .*upcall-vector, events-fifo.*", BY_MESSAGES,
               r"ok \d+ - events neither vanish nor double while the CPU of their port goes"]),
    Cpus("two CPUs as a PVH guest of Xen that has the processor's own counter", "xen-domu-pvh", 2,
         "info selftest test=timer+clock", qemu=["tsc_mode = 'native'"],
         says=["features .*tsc-native.*xen-clock.*"]),
    Cpus("two CPUs as a PVH guest of Xen whose counter is Xen's", "xen-domu-pvh", 2,
         "info selftest test=timer+clock+events events=2l storm=3",
         qemu=["tsc_mode = 'always_emulate'"], says=["features .*events-2-level, tsc-emulated.*xen-clock.*"]),
    Cpus("four CPUs whose upcalls come by the domain's vector and in two levels", "xen-dom0-pvh", 4,
         "info selftest test=cpus+smp+irq+timer+clock+xen upcall=domain events=2l vcpu-info=own",
         says=["features .*callback-vector, events-2-level.*own-vcpu-info.*",
               "# Xen has 2[0-9a-f]+ for the callback, which is the domain's vector"]),
    # On two processors QEMU 10 sometimes stands still with so many (docs/vmms-xen.md).
    Cpus("33 CPUs on one processor, one more than Xen's shared page has places", "xen-dom0-pvh", 33,
         "info selftest test=cpus", qemu=["-smp", "1"],
         says=["features .*upcall-vector, events-fifo.*own-vcpu-info.*"]),
    Cpus("four CPUs under KVM that imitates Xen", "kvm", 4,
         f"info selftest test={HVM_TESTS} storm=1", qemu=XEN,
         says=["features .*upcall-vector, events-2-level.*"]),
]
# What ./check does in fifteen seconds, for as long as it is meant to be done.
MINUTE = Cpus("four CPUs of a PV guest of Xen that change address spaces for a minute", "xen-dom0-pv", 4,
              "info selftest test=stress stress=60")
# A million events in a race, a hundred thousand in another, ten million looks at the clock or 100,000, and ten seconds
# of storm, where ./check has less.
LONG_WORDS = "info selftest test=events+races long million"
MILLION = r"# 1000000 events were sent by another CPU while their port was masked and unmasked \d+ times"
HUNDRED_THOUSAND = r"# 100000 events were sent to a CPU whose port others masked and unmasked \d+ times"
MORE_PORTS = "max_event_channels = 4200"
NATIVE_TSC = [MORE_PORTS, "tsc_mode = 'native'"]
# Three CPUs of a domU in ring 0 share the rig's one processor, and pass on some 300 events a second, or 60, and those of
# a nested KVM not many more: a million would take more than an hour.
FEWER_WORDS = "info selftest test=events+races long"
TEN_THOUSAND = [MILLION.replace("1000000", "10000"), HUNDRED_THOUSAND.replace("100000", "10000")]


def _long(name, vmm, words=LONG_WORDS, qemu=(), raced=(MILLION, HUNDRED_THOUSAND)):
    return Cpus(f"three CPUs {name}, for as long as it takes", vmm, 3, words, qemu=list(qemu),
                says=[*raced, *RACED], seconds=1800)


LONG = [
    _long("as a PV guest of Xen that is not its dom0", "xen-domu-pv", qemu=NATIVE_TSC),
    _long("as a PVH guest of Xen that is not its dom0", "xen-domu-pvh", FEWER_WORDS, [MORE_PORTS], TEN_THOUSAND),
    _long("as an HVM guest of Xen", "xen-domu-hvm", FEWER_WORDS, [MORE_PORTS], TEN_THOUSAND),
    _long("as a PVH guest of Xen", "xen-dom0-pvh"),
    _long("as a PV guest of Xen in two levels of events", "xen-dom0-pv", f"{LONG_WORDS} events=2l"),
    _long("under KVM that imitates Xen", "kvm", FEWER_WORDS, XEN, TEN_THOUSAND),
]


def places(kernels):
    return [_place(kernels, number, cpus) for number, cpus in enumerate(CPUS)]


def minute(kernels):
    return [_place(kernels, "minute", MINUTE)]


def long(kernels):
    return [_place(kernels, f"long-{number}", cpus) for number, cpus in enumerate(LONG)]


def _place(kernels, number, cpus):
    # Of firmware's a guest is on a disc.
    door = "multiboot2" if cpus.vmm == "xen-domu-hvm" else "pvh"
    file, is_disc = kernels.by_door(door, "guest", cpus.words)
    job = Job(f"cpus-{number}", cpus.vmm, file, cpus.words, smp=cpus.count, qemu_args=cpus.qemu,
              timeout=cpus.seconds, disc=is_disc, newer=cpus.newer)
    up = cpus.up or cpus.count
    return Place(f"the example kernel runs {cpus.name}", job,
                 [f"cpus     {up} of {cpus.count} that are listed", *cpus.says], each_check=True)
