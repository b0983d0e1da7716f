# SPDX-License-Identifier: MIT
"""Traps of compilers and linkers that have broken call sites, one class each. Where it can be
shown, a counterexample proves that the trap is real and that the test would notice it.

    test_traps.py CLASS...
"""
import re
import shutil
import unittest

from elf import disassemble
from toolbox import (FLAGS, FREESTANDING, HERE, INCLUDES, MODEL, ROOT, SCRATCH, STACK, Image, Ops,
                     TestCase, Variant, attempt, compile_cached, run)

OPS = Ops()
COMPILERS = ('gcc', 'clang')
CPLUSPLUS = {'g++': 'gcc', 'clang++': 'clang'}


class InlineFunctionsOfCplusplusKeepTheirRecords(TestCase):
    """Section flag `?`: without it the linker refuses a record of a discarded copy."""

    def image(self, compiler, standard, model, optimisation):
        family = CPLUSPLUS[compiler]
        variant = Variant(family, model)
        flags = [*FREESTANDING, optimisation, *MODEL[model], *STACK[family], f'-std={standard}',
                 '-fno-exceptions', '-fno-rtti', '-fcf-protection=branch', '-Wall', '-Wextra',
                 '-Wconversion', '-Wold-style-cast', '-Werror', '-isystem', HERE.parent.parent /
                 'include']
        folder = f'cplusplus-{compiler}-{standard}-{model}{optimisation}'
        units = [compile_cached(folder, compiler, flags, HERE / f'inline_sites_{unit}.cpp')
                 for unit in ('first', 'second')]
        consumer = variant.object(HERE / 'consumer.c')
        return variant.link([*units, consumer], folder)

    def check(self, compiler, standard, model, optimisation):
        image = Image(self.image(compiler, standard, model, optimisation), OPS)
        self.assert_none(image.complaints_about_records(), 'wrong records')
        recorded = {record.address + record.length for record in image.records}
        self.assertEqual(len(recorded), len(image.records), 'two records of one site')
        self.assertEqual(recorded, image.calls_through_hot_slots())
        holders = [image.function_at(record.address) for record in image.records]
        for function in ('wait_for', 'later'):
            self.assertTrue(any(function in holder for holder in holders), function)

    def test_without_the_flag_the_record_of_a_discarded_copy_stops_the_linker(self):
        headers = SCRATCH / 'no-group-flag'
        shutil.copytree(ROOT / 'include', headers, dirs_exist_ok=True)
        site = headers / 'pvops/site.h'
        text = site.read_text()
        self.assertEqual(text.count('\\"a?\\"'), 1)
        site.write_text(text.replace('\\"a?\\"', '\\"a\\"'))
        units = []
        for unit in ('first', 'second'):
            units.append(headers / f'{unit}.o')
            run(['g++', '-I', headers, *FREESTANDING, '-O2', *MODEL['kernel'], '-std=c++17', '-fno-exceptions',
                 '-fno-rtti', '-c', HERE / f'inline_sites_{unit}.cpp', '-o', units[-1]])
        linked, said = attempt(['ld', '--unresolved-symbols=ignore-all', *units, '-o', headers / 'linked'])
        self.assertFalse(linked)
        self.assertRegex(said, "pv_sites.*discarded section")

    def test_with_each_compiler_and_standard(self):
        for compiler in CPLUSPLUS:
            for standard in ('c++11', 'c++14', 'c++17', 'c++20'):
                with self.subTest(compiler=compiler, standard=standard):
                    self.check(compiler, standard, 'kernel', '-O2')

    def test_in_pie_and_without_optimisation(self):
        for compiler in CPLUSPLUS:
            for model, optimisation in (('pie', '-O2'), ('kernel', '-O0'), ('pie', '-Os')):
                with self.subTest(compiler=compiler, model=model, optimisation=optimisation):
                    self.check(compiler, 'c++17', model, optimisation)


class SlotsAreOperands(TestCase):
    """Link-time optimisation drops a table that it sees no reference to."""

    def test_a_slot_named_only_in_the_text_of_an_asm_is_lost(self):
        variant = Variant('gcc', lto=True)
        objects = [compile_cached('named-slot', 'gcc', [*variant.code, '-flto'], HERE / name)
                   for name in ('named_slot.c', 'named_table.c')]
        with self.assertRaisesRegex(AssertionError, 'named_table'):
            variant.link(objects, 'named-slot', library=False)


class EveryOptimisationLevelMakesTheSameSites(TestCase):
    """A kernel is also compiled for debugging, for size, and with everything on."""

    def check(self, compiler, level):
        variant = Variant(compiler)
        consumer = variant.object(HERE / 'consumer.c', [level, '-g'], f'consumer{level}')
        image = Image(variant.link([consumer], f'level{level}'), OPS)
        self.assert_none(image.complaints_about_records(), 'wrong records')
        self.assertEqual({record.address + record.length for record in image.records},
                         image.calls_through_hot_slots())

    def test_from_none_to_most(self):
        for compiler in COMPILERS:
            for level in ('-O0', '-Og', '-Os', '-O3'):
                with self.subTest(compiler=compiler, level=level):
                    self.check(compiler, level)


class DefaultVisibilityInPieDoesNotReachTheTable(TestCase):
    """Who compiles a PIE with default visibility gets `call *(%reg)` for a visible table."""

    def test_whatever_visibility_the_command_line_asks_for(self):
        for compiler in COMPILERS:
            for visibility in ('default', 'hidden', 'protected'):
                for model in (['-fPIE'], ['-fPIC'], ['-fPIC', '-fno-plt']):
                    with self.subTest(compiler=compiler, visibility=visibility, model=model):
                        self.check(compiler, visibility, model)

    def test_a_visible_table_by_another_operand_is_reached_through_a_register(self):
        for compiler, model in (('clang', '-fPIE'), ('gcc', '-fPIC'), ('clang', '-fPIC')):
            for visibility, through_register in (('default', True), ('hidden', False)):
                # Hidden by the source, as the library's table is: the command line is for definitions.
                source = (HERE / 'visible_table.c').read_text()
                if visibility == 'hidden':
                    source = source.replace('extern struct', '__attribute__((visibility("hidden"))) extern struct')
                folder = SCRATCH / 'visible-table'
                folder.mkdir(parents=True, exist_ok=True)
                changed = folder / f'{compiler}{model}-{visibility}.c'
                changed.write_text(source)
                made = changed.with_suffix('.o')
                run([compiler, '-O2', model, '-mno-red-zone', '-c', changed, '-o', made])
                calls = [i.text for i in disassemble(made) if i.mnemonic.startswith('call')]
                with self.subTest(compiler=compiler, model=model, visibility=visibility):
                    self.assertEqual(len(calls), 1)
                    self.assertEqual('(%rip)' not in calls[0], through_register, calls[0])

    def check(self, compiler, visibility, model):
        variant = Variant(compiler, 'pie')
        flags = [*model, f'-fvisibility={visibility}']
        consumer = variant.object(HERE / 'consumer.c', flags, 'consumer' + ''.join(flags))
        image = Image(variant.link([consumer], 'visibility' + ''.join(flags)), OPS)
        self.assert_none(image.complaints_about_records(), 'wrong records')
        got = image.elf.section('.got')
        self.assertTrue(got is None or got.size == 0, 'the GOT is not empty')


class TheRedZoneIsOff(TestCase):
    """A site pushes a return address that the compiler knows nothing of."""

    BELOW = re.compile(r'-0x[0-9a-f]+\(%rsp\)')

    def uses_red_zone(self, compiler, flags):
        plain = [flag for flag in FREESTANDING if flag != '-mno-red-zone']
        name = 'leaf' + ''.join(flags)
        target = compile_cached(f'red-zone-{compiler}', compiler,
                                ['-std=gnu11', *plain, *MODEL['kernel'], *flags],
                                HERE / 'leaf.c', re.sub(r'\W', '_', name))
        return any(self.BELOW.search(instruction.text) for instruction in disassemble(target))

    def test_the_exported_flags_turn_it_off(self):
        self.assertIn('-mno-red-zone', FLAGS)

    def test_with_the_exported_flags_a_leaf_function_keeps_its_locals_above_the_stack_pointer(self):
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                self.assertFalse(self.uses_red_zone(compiler, FLAGS))

    def test_without_them_the_site_would_overwrite_locals(self):
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                self.assertTrue(self.uses_red_zone(compiler, ['-mred-zone']))


class TheStackProtectorsCanaryIsNotCovered(TestCase):
    """Compilers read the canary at %gs:0x28: PV_CONFIG_CPU_OFFSET must keep clear of it."""

    def compiles(self, compiler, offset):
        return attempt([compiler, *INCLUDES, '-std=gnu11', '-fsyntax-only', '-mno-red-zone',
                        f'-DPV_CONFIG_CPU_OFFSET={offset}', '-x', 'c', HERE / 'consumer.c'])

    def test_an_offset_that_covers_it_does_not_compile(self):
        for compiler in COMPILERS:
            for offset in ('0', '0x20', '0x28', '0x2f', '(-64)'):
                with self.subTest(compiler=compiler, offset=offset):
                    passed, text = self.compiles(compiler, offset)
                    self.assertFalse(passed)
                    self.assertIn('struct pv_cpu must keep clear of the stack protector', text)

    def test_an_offset_clear_of_it_compiles(self):
        for compiler in COMPILERS:
            for offset in ('0x30', '64', '4096', '(-4096)'):
                with self.subTest(compiler=compiler, offset=offset):
                    passed, text = self.compiles(compiler, offset)
                    self.assertTrue(passed, text)


class PagingOpsCanBeLeftOut(TestCase):
    """-Dpaging_ops=false: who has no Xen PV pays nothing for page-table writes."""

    def test_no_paging_site_is_made(self):
        paging = set(OPS.domain('paging'))
        self.assertIn('pte_set', paging)
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                # The library's table is the same; its own files write no page tables by sites.
                variant = Variant(compiler)
                consumer = variant.object(HERE / 'consumer.c', ['-DPV_CONFIG_PAGING_OPS=0'],
                                          'consumer-no-paging')
                image = Image(variant.link([consumer], 'no-paging'), OPS)
                self.assert_none(image.complaints_about_records(), 'wrong records')
                present = {OPS.names[record.op] for record in image.records}
                self.assertEqual(present, set(OPS.hot) - paging)
                self.assertEqual({record.address + record.length for record in image.records},
                                 image.calls_through_hot_slots())


class TheNativeBackendCanBeBound(TestCase):
    """-Dbind=native: hot ops are bare instructions."""

    def test_no_site_and_no_record_is_made(self):
        for compiler in COMPILERS:
            for model in ['kernel'] if compiler == 'gcc' else ['pie']:
                with self.subTest(compiler=compiler, model=model):
                    extra = ['-DPV_CONFIG_BIND_HEADER="backends/native/bind.h"']
                    image = Image(Variant(compiler, model, extra=extra, tag='bound').image(), OPS)
                    self.assertEqual(image.records, [])
                    self.assertEqual(image.calls_through_hot_slots(), set())


if __name__ == '__main__':
    unittest.main()
