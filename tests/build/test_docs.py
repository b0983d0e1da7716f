# SPDX-License-Identifier: MIT
"""The manual is made without a warning, and every op and every public function is in it, with its
text; every public function is in the table of what may be called when; and the README's example compiles.

    test_docs.py Doxyfile
"""
import html
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from toolbox import ROOT, SCRATCH, Ops, TestCase, attempt

OPS = Ops()


def text_of(page):
    """A page as a reader sees it, in one line."""
    return ' '.join(html.unescape(re.sub(r'<[^>]*>', ' ', page)).split())


def public_functions():
    """Those that headers declare or define, without those that only wrappers use."""
    found = set()
    for header in (ROOT / 'include/pvops').glob('*.h'):
        code = re.sub(r'/\*.*?\*/|^#.*?(?<!\\)$', '', header.read_text(), flags=re.S | re.M)
        found |= set(re.findall(r'\b(pv_\w+)\([^;{]*\)(?: PV_HIDDEN)?;', code))
        found |= set(re.findall(r'^PV_INLINE [\w *]*?\b(pv_\w+)\(', code, re.M))
    return {name for name in found if not re.match(r'pv_(cpu_count|bound|raw)_', name)}


# Called by a door, and by nobody.
NO_CALLS = {'pv_start', 'pv_op_missing'}

# What the README's kernel has of its own.
KERNEL = """
extern char text_start[], text_end[];
void console_line(const char *line);
void kernel_panic(const char *why);
void *map_text_writable(uintptr_t text, size_t bytes);
void unmap_text(void *alias, size_t bytes);
void *map_device(uint64_t phys, size_t bytes, bool device);
uint64_t physical_address(const volatile void *address);
void scheduler_tick(struct pv_regs *regs);
void protect_text_and_data(void);
void load_trap_table(void);
bool run_ready_threads(void);
void kernel_main(struct pv_boot_info *boot);
"""
STRICT = ['-std=gnu11', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-ffreestanding', '-mno-red-zone',
          '-fsyntax-only', '-I', ROOT / 'include']


class Written(TestCase):
    """README and architecture.md against the headers."""

    def test_every_public_function_is_in_the_table_of_what_may_be_called_when(self):
        text = (ROOT / 'docs/architecture.md').read_text()
        table = text.partition('## What may be called when')[2].partition('\n## ')[0]
        table = table[table.index('| call |'):]
        patterns = []
        for cell in re.findall(r'^\| (`.*?) \|', table, re.M):
            for word in re.findall(r'`([^`]+)`', cell):
                first, *others = word.split('/')
                stem = first.rpartition('_')[0] + '_'
                for name in [first, *(stem + other for other in others)]:
                    name = name if name.startswith('pv_') else f'pv_cpu_{name}'
                    patterns.append(name.replace('*', '.*'))
        known = re.compile('|'.join(patterns))
        names = public_functions() | {f'pv_{op}' for op in OPS.names}
        self.assertGreater(len(names), 100)
        self.assert_none(sorted(name for name in names - NO_CALLS if not known.fullmatch(name)),
                         'functions that are not in the table')
        self.assert_none((pattern for pattern in patterns
                          if not any(re.fullmatch(pattern, name) for name in names)),
                         'functions of the table that are not there')

    def test_the_example_of_the_readme_compiles_with_both_compilers(self):
        block = re.search(r'```c\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)[1]
        include, _, rest = block.partition('\n')
        self.assertEqual(include, '#include <pvops/pvops.h>')
        SCRATCH.mkdir(parents=True, exist_ok=True)
        source = SCRATCH / 'readme.c'
        source.write_text(f'{include}\n{KERNEL}\n{rest}')
        compilers = [name for name in ('gcc', 'clang') if shutil.which(name)]
        self.assertTrue(compilers)
        for compiler in compilers:
            with self.subTest(compiler=compiler):
                passed, said = attempt([compiler, *STRICT, source])
                self.assertTrue(passed, said)


class Manual(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.output = SCRATCH / 'docs'
        cls.output.mkdir(parents=True, exist_ok=True)
        # The last setting counts.
        settings = pathlib.Path(DOXYFILE).read_text() + f'\nOUTPUT_DIRECTORY = "{cls.output}"\n'
        cls.done = subprocess.run(['doxygen', '-'], input=settings, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        pages = {page: page.read_text() for page in (cls.output / 'html').glob('*.html')
                 if not page.name.endswith('_source.html')}
        cls.headers = {page: text_of(text) for page, text in pages.items()
                       if page.name.endswith('_8h.html')}
        cls.text = ' '.join(cls.headers.values())

    def test_there_is_no_warning(self):
        self.assertEqual(self.done.returncode, 0, self.done.stdout[-4000:])

    def test_every_op_has_its_entry(self):
        self.assert_none((op for op in OPS.names if f'pv_{op} (' not in self.text), 'missing ops')

    def test_an_op_is_described_by_what_its_list_says(self):
        for words in ('Interrupts off on this CPU',
                      'Sets the stack that the next entry from user mode on this CPU starts on',
                      'Time since an arbitrary start, in nanoseconds; never goes backwards',
                      'Canonical user address; checked by the caller'):
            with self.subTest(words=words):
                self.assertIn(words, self.text)

    def test_every_public_function_has_its_entry(self):
        declared = public_functions()
        self.assertGreater(len(declared), 20)
        self.assert_none((name for name in declared if f'{name} (' not in self.text),
                         'functions that are not in the manual')

    def test_the_pages_are_there_and_the_readme_is_the_first(self):
        page = text_of((self.output / 'html/index.html').read_text())
        title = re.search(r'^# *(.*)$', (ROOT / 'README.md').read_text(), re.M)[1]
        self.assertIn(title.replace('`', ''), page)
        for source in (ROOT / 'docs').glob('*.md'):
            with self.subTest(page=source.name):
                self.assertTrue(any(path.name.startswith('md_docs_' + re.sub(r'\W', '_', source.stem))
                                    for path in (self.output / 'html').glob('*.html')))


DOXYFILE = sys.argv[1]
if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
