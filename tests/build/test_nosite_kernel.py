# SPDX-License-Identifier: MIT
"""The proof of nosite.py for the whole example kernel: from its own stubs for vectors 2, 3 and 18
through its entry code into the library and back.

Cut, besides what test_nosite.py cuts: trap_declined(), what the kernel does with a trap that the
library has declined. It stops the machine, ends a user process, or is the kernel's own debugger.

    test_nosite_kernel.py guest-kernel.elf
"""
import sys
import unittest

from nosite import Walk
from test_nosite import CUTS, through
from toolbox import TestCase

STUB_BYTES = 16
VECTORS = {'NMI': 2, 'breakpoint': 3, 'machine check': 18}


class ExampleKernel(TestCase):
    def walk(self, vector):
        walk = Walk(KERNEL, [*CUTS, 'trap_handle_anywhere:trap_declined'], through())
        walk.walk([f'trap_stubs+{vector * STUB_BYTES}'])
        return walk

    def test_no_site_is_reached(self):
        for name, vector in VECTORS.items():
            with self.subTest(trap=name):
                walk = self.walk(vector)
                self.assert_none(walk.problems, 'problems')
                self.assert_none((f'{walk.name_of(site.address)}, reached by {why}'
                                  for site, why in walk.sites()), 'sites')

    def test_nor_from_where_xen_enters_a_pv_guest(self):
        for name in ('NMI', 'breakpoint'):
            with self.subTest(trap=name):
                entry = VECTORS[name] * STUB_BYTES
                walk = Walk(KERNEL, [*CUTS, 'trap_handle_anywhere:trap_declined'], through())
                # The stub returns to the kernel's own, whose address it pushed.
                walk.walk([f'pv_xen_pv_stubs+{entry}', f'trap_stubs+{entry}'])
                self.assertIn('go_on', walk.reached_names())
                self.assert_none(walk.problems, 'problems')
                self.assert_none(walk.sites(), 'sites')
                self.assertIn('pv_frame_return', walk.reached_names())

    def test_the_walk_goes_through_the_kernel_into_the_library(self):
        reached = self.walk(VECTORS['breakpoint']).reached_names()
        for name in ('trap_anywhere', 'trap_handle_anywhere', 'pv_trap', 'pv_live_breakpoint'):
            self.assertIn(name, reached)

    def test_the_same_walk_from_the_timer_finds_sites(self):
        walk = Walk(KERNEL, ['*:pv_panic'], through())
        walk.walk([f'trap_stubs+{0x40 * STUB_BYTES}'])
        self.assertNotEqual(walk.sites(), [])


KERNEL = sys.argv[1]
if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
