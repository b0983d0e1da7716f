# SPDX-License-Identifier: MIT
"""The manual is made without a warning, and every op and every public function is in it, with its
text.

    test_docs.py Doxyfile
"""
import html
import pathlib
import re
import subprocess
import sys
import unittest

from toolbox import ROOT, SCRATCH, Ops, TestCase

OPS = Ops()


def text_of(page):
    """A page as a reader sees it, in one line."""
    return ' '.join(html.unescape(re.sub(r'<[^>]*>', ' ', page)).split())


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
        declared = set()
        for header in (ROOT / 'include/pvops').glob('*.h'):
            code = re.sub(r'/\*.*?\*/|^#.*?(?<!\\)$', '', header.read_text(), flags=re.S | re.M)
            declared |= set(re.findall(r'\b(pv_\w+)\([^;{]*\)(?: PV_HIDDEN)?;', code))
        # Used by wrappers only, and hidden from the manual like them.
        declared = {name for name in declared if not re.match(r'pv_(cpu_count|bound)_', name)}
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
