# SPDX-License-Identifier: MIT
"""What became better or worse since an older run."""

from dataclasses import dataclass

from figures import MORE

# Counted instructions are exact; what a host's own timer adds to a long row is not ours.
COUNTED_PERCENT = 1.0
# Below KVM is L1's Linux, whose timers are elsewhere as soon as anything of the guest changes.
ABOVE_LINUX_PERCENT = 10.0
# What a Linux beside a Linux dom0 needs differs between runs by so much: docs/benchmarks-linux.md.
LINUX_ON_XEN_PERCENT = 3.0
# Of what the host counts it is figures.MORE.
LEAST_DIFFERENCE = 0.5


@dataclass
class Change:
    figure: object
    before: object

    @property
    def comparable(self):
        return self.figure.versions == self.before.versions

    @property
    def percent(self):
        if self.before.value == 0:
            return 100.0 if self.figure.value else 0.0
        return 100.0 * (self.figure.value / self.before.value - 1)

    @property
    def allowed(self):
        """In percent: of cycles, what the middle half of the runs had between them."""
        if self.figure.guest == "linux" and self.figure.machine.startswith("xen"):
            return LINUX_ON_XEN_PERCENT
        if self.figure.scope == "all" and self.figure.machine == "kvm":
            return ABOVE_LINUX_PERCENT
        if self.figure.scope != "cycles":
            return COUNTED_PERCENT
        return max(COUNTED_PERCENT, 200 * max(self.figure.spread, self.before.spread))

    @property
    def same(self):
        apart = abs(self.figure.value - self.before.value)
        return (abs(self.percent) <= self.allowed or apart < LEAST_DIFFERENCE
                or apart <= MORE.get(self.figure.scope, 0))


def changes(old, new):
    before = {figure.key: figure for figure in old}
    return [Change(figure, before[figure.key]) for figure in new if figure.key in before]


def name(figure):
    size = f", {figure.size:,}" if figure.size else ""
    by = f" by {figure.backend}" if figure.backend else ""
    return f"{figure.row}{size} [{figure.machine}{by}, {figure.mode}, {figure.scope}]"


def text(old, new):
    found = changes(old, new)
    apart = [change for change in found if not change.comparable]
    differ = [change for change in found if change.comparable and not change.same]
    lines = []
    for words, wanted in (("worse", lambda c: c.percent > 0), ("better", lambda c: c.percent < 0)):
        some = sorted(filter(wanted, differ), key=lambda c: -abs(c.percent))
        if some:
            lines.append(f"{words}:")
            lines += [f"  {name(c.figure)}: {c.before.value:g} -> {c.figure.value:g} "
                      f"({c.percent:+.1f} %)" for c in some]
    if apart:
        versions = {f"{key} {c.before.versions.get(key, 'none')} -> "
                    f"{c.figure.versions.get(key, 'none')}" for c in apart
                    for key in {*c.before.versions, *c.figure.versions}
                    if c.before.versions.get(key) != c.figure.versions.get(key)}
        lines.append(f"not comparable: {len(apart)} figures ({'; '.join(sorted(versions))})")
    keys = {figure.key for figure in old}, {figure.key for figure in new}
    for words, some in (("only before", keys[0] - keys[1]), ("only now", keys[1] - keys[0])):
        if some:
            lines.append(f"{words}: {len(some)} figures")
    lines.append(f"{len(found) - len(apart)} figures compared, {len(differ)} differ")
    return "\n".join(lines)


def worse(old, new):
    return [c for c in changes(old, new) if c.comparable and not c.same and c.percent > 0]
