"""What check-docs finds in a page, and what record puts into one."""

import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

HARNESS = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    loader = SourceFileLoader(name, str(HARNESS / name))
    module = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


check_docs = script("check-docs")
record = script("record")

PAGE = """# Back up `nextcloud`, now
See [the other
page](other.md#a-b), `[not](this)`, ![a picture](picture.svg).
```nix
[neither](this)
# Not a heading
```
## Again
## Again
"""


class CheckDocs(unittest.TestCase):
    def test_finds_links_with_their_lines(self):
        self.assertEqual(check_docs.links(PAGE), [(3, "other.md#a-b"), (3, "picture.svg")])

    def test_makes_the_anchors_that_mdbook_and_github_make(self):
        self.assertEqual(check_docs.anchors(PAGE), {"back-up-nextcloud-now", "again", "again-1"})


class Record(unittest.TestCase):
    def test_writes_below_each_command_what_it_printed(self):
        page = "```console\n# one \\\n    more\nold\n# two\n```\ntext\n```console\n# one \\\n    more\n```\n"
        output = "ok one\n# one \\\n    more\n  first\n\n# two\n# one \\\n    more\n  second\n  line\n\nok two\n"
        expected = (
            "```console\n# one \\\n    more\nfirst\n# two\n```\ntext\n"
            "```console\n# one \\\n    more\nsecond\nline\n```\n"
        )
        self.assertEqual(record.renewed(page, output), expected)

    def test_leaves_alone_what_is_not_for_root(self):
        page = "```console\n$ make demo\n```\n```nix\n# a comment\n```\n"
        self.assertEqual(record.renewed(page, ""), page)

    def test_fails_on_a_command_that_was_not_run(self):
        with self.assertRaisesRegex(SystemExit, "did not run # other"):
            record.renewed("```console\n# other\n```\n", "# one\n  first\n")

    def test_shortens_pauses_and_shows_each_line_long_enough(self):
        lines = [(10.0, ""), (10.0, ""), (100.0, ""), (101.0, "")]
        expected = [record.LINE, 2 * record.LINE, 2 * record.LINE + record.PAUSE]
        expected.append(expected[-1] + 1)
        for shown, at in zip(record.schedule(lines), expected, strict=True):
            self.assertAlmostEqual(shown, at)

    def test_escapes_and_cuts_lines(self):
        picture = record.picture([(0.0, "<&>"), (0.1, "x" * 200)])
        self.assertIn(">&lt;&amp;&gt;</text>", picture)
        self.assertIn(f">{'x' * (record.COLUMNS - 1)}…</text>", picture)
