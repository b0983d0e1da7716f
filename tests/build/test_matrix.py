# SPDX-License-Identifier: MIT
"""The build matrix: {gcc, clang} x {kernel code model, PIE} x {LTO, none} x {endbr64, none} x
{retpolines, none}. In each, the library and a kernel that uses every op are compiled, linked and
decoded, and the same rules must hold.

    test_matrix.py COMPILER MODEL        eight variants; all arguments: the variant's own words
"""
import sys
import unittest

from toolbox import Image, Ops, TestCase, every_variant

OPS = Ops()


class Rules:
    variant = None

    @classmethod
    def setUpClass(cls):
        cls.image = Image(cls.variant.image(), OPS)

    def test_every_record_names_a_call_through_its_ops_slot(self):
        self.assert_none(self.image.complaints_about_records(), 'wrong records')

    def test_every_hot_op_has_a_site(self):
        present = {OPS.names[record.op] for record in self.image.records}
        self.assert_none(set(OPS.hot) - present, 'hot ops without a site')

    def test_there_are_as_many_records_as_calls_through_hot_slots(self):
        recorded = {record.address + record.length for record in self.image.records}
        called = self.image.calls_through_hot_slots()
        self.assertEqual(len(recorded), len(self.image.records), 'two records of one site')
        self.assertEqual({hex(end) for end in recorded}, {hex(end) for end in called})

    def test_no_site_lies_in_the_text_that_must_not_contain_one(self):
        start = self.image.elf.value('pv_nosite_start')
        end = self.image.elf.value('pv_nosite_end')
        self.assertGreater(end, start)
        self.assert_none((f'{OPS.names[r.op]} in {self.image.function_at(r.address)}'
                          for r in self.image.records
                          if start < r.address + r.length and r.address < end), 'sites')

    def test_every_possible_target_of_an_indirect_call_begins_with_endbr64(self):
        if self.variant.protection != 'branch':
            self.skipTest('not asked for')
        taken = self.image.indirect_targets()
        self.assertGreater(len(taken), len(OPS.names) // 2)
        self.assert_none((name for address, name in taken.items()
                          if self.image.at[address].text.split()[0] != 'endbr64'), 'without endbr64')

    def test_no_indirect_branch_is_left_but_for_sites(self):
        if not self.variant.retpolines:
            self.skipTest('not asked for')
        self.assert_none((f'{i.text} in {self.image.function_at(i.address)}'
                          for i in self.image.indirect_branches()), 'indirect branches')

    def test_no_relocation_is_left_for_a_dynamic_linker_to_resolve_by_name(self):
        self.assertIsNone(self.image.elf.section('.plt'))
        self.assert_none((r for r in self.image.elf.relocations()
                          if r.section.name == 'pv_sites' and r.type != 2), 'absolute records')


def load_tests(loader, standard, pattern):
    words = set(WORDS)
    suite = unittest.TestSuite()
    for variant in every_variant():
        named = {variant.compiler, variant.model, variant.protection,
                 'lto' if variant.lto else 'nolto',
                 'retpolines' if variant.retpolines else 'plain'}
        if words <= named:
            name = variant.name.replace('-', '_')
            case = type(name, (Rules, TestCase), {'variant': variant})
            suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


WORDS = sys.argv[1:]
if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
