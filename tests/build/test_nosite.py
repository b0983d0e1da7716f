# SPDX-License-Identifier: MIT
"""The library's part of the breakpoint, NMI and machine check paths contains no call site; and the
checker that says so finds a site that was planted.

Edges that are cut: pv_trap() goes to pv_irq_dispatch() for vectors of 32 and above only, and
pv_xen_pv_trap() to pv_xen_pv_report_fault() and pv_kvm_trap() to pv_kvm_page_fault() for page
faults only, which none of these traps is. pv_panic() is cut because it is the end of the machine.
"""
import re
import unittest

from elf import Elf
from nosite import Walk
from toolbox import HERE, ROOT, SCRATCH, TestCase, Variant, compile_cached

CUTS = ['pv_trap:pv_irq_dispatch', 'pv_xen_pv_trap:pv_xen_pv_report_fault',
        'pv_kvm_trap:pv_kvm_page_fault', '*:pv_panic']


def hooks():
    """Where pv_trap() finds trap hooks: one member of one constant for each backend."""
    source = SCRATCH / 'trap_hook.c'
    SCRATCH.mkdir(parents=True, exist_ok=True)
    source.write_text('#include "lib/backend.h"\n'
                      'const unsigned long offset = offsetof(struct pv_backend, trap);\n')
    target = Elf(compile_cached('hooks', 'gcc', ['-mno-red-zone'], source, 'trap_hook'))
    data = target.section('.rodata')
    offset = int.from_bytes(target.data[data.offset:data.offset + 8], 'little')
    names = re.findall(r'&(pv_backend_\w+)', (ROOT / 'lib/backends.c').read_text())
    return ','.join(f'@{name}+{offset}' for name in names)


def through():
    """The KVM backend writes registers by ops that are functions: of the native backend."""
    return ['exception:' + hooks(), 'pv_kvm_take_back:pv_native_cpu_msr_write',
            'pv_kvm_clock_remove:pv_native_cpu_msr_write']


class Paths(TestCase):
    def walk(self, variant, roots, cuts=(), through=()):
        objects = [variant.object(HERE / name) for name in ('consumer.c', 'planted.c')]
        walk = Walk(variant.link(objects, 'nosite'), cuts, through)
        walk.walk(roots)
        return walk

    def test_pv_trap_reaches_no_site_for_breakpoints_nmis_and_machine_checks(self):
        for compiler in ('gcc', 'clang'):
            for lto in (False, True):
                with self.subTest(compiler=compiler, lto=lto):
                    walk = self.walk(Variant(compiler, lto=lto), ['pv_trap'], CUTS, through())
                    self.assert_none(walk.problems, 'problems')
                    self.assert_none(walk.sites(), 'sites')
                    self.assertIn('pv_live_breakpoint', walk.reached_names())

    def test_the_hooks_of_all_backends_are_followed(self):
        walk = self.walk(Variant('gcc'), ['pv_trap'], CUTS, through())
        for name in ('pv_native_trap', 'pv_kvm_take_back', 'pv_native_cpu_msr_write'):
            self.assertIn(name, walk.reached_names())

    def test_without_the_cut_the_site_in_the_dispatcher_is_found(self):
        walk = self.walk(Variant('gcc'), ['pv_irq_dispatch'], ['*:pv_panic'],
                         ['pv_irq_dispatch:'])
        self.assertNotEqual(walk.sites(), [])

    def test_a_site_two_calls_deep_is_found_with_the_way_to_it(self):
        walk = self.walk(Variant('gcc'), ['planted_deep'])
        (site, why), = walk.sites()
        self.assertEqual(why, 'planted_deep > calls_on')
        self.assertEqual(walk.name_of(site.address), 'holds_a_site')

    def test_a_handler_without_a_site_passes(self):
        walk = self.walk(Variant('gcc'), ['planted_clean'])
        self.assertEqual((walk.problems, walk.sites()), ([], []))

    def test_a_call_to_nobody_knows_where_is_a_problem(self):
        walk = self.walk(Variant('gcc'), ['planted_behind_a_pointer'])
        self.assertRegex(walk.problems[0], 'leads nobody knows where')

    def test_a_site_behind_a_pointer_is_found_when_told_where_it_leads(self):
        walk = self.walk(Variant('gcc'), ['planted_behind_a_pointer'], [],
                         ['planted_behind_a_pointer:holds_a_site'])
        self.assertEqual(len(walk.sites()), 1)

    def test_a_cut_that_cuts_nothing_is_a_problem(self):
        walk = self.walk(Variant('gcc'), ['planted_clean'], ['planted_clean:nobody'])
        self.assertRegex(walk.problems[0], 'cuts nothing')


if __name__ == '__main__':
    unittest.main()
