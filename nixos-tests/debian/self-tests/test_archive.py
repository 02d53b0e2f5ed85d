"""The text in which snapshots are kept, there and back."""

import os
import tempfile
import unittest
from pathlib import Path

from rendering.archive import (
    ArchiveError,
    Entry,
    from_text,
    pack,
    read_tree,
    to_text,
    unpack,
)

ODD = {
    "plain": Entry("file", "one\ntwo\n"),
    "empty": Entry("file"),
    "only a newline": Entry("file", "\n"),
    "no newline": Entry("file", "one\ntwo"),
    "newlines at the end": Entry("file", "\none\n\n\n"),
    "white space": Entry("file", "  \n\t\n \n"),
    "space without a newline": Entry("file", "\n "),
    "looks like entries": Entry("file", "file plain\n  one\n\\ no newline at end\nshared plain\n"),
    "looks unfinished": Entry("file", "one\n\\ no newline at end"),
    "other ends of lines": Entry("file", "one\r\ntwo\rthree\x0b\x0cfour\x85five\u2028six\r\n"),
    "not ASCII: grüße": Entry("file", "grüße \U0001f600\n"),
    "bin/program": Entry("program", "#!/bin/sh\n"),
    "bin/empty program": Entry("program"),
    "bin/link": Entry("link", "../plain"),
    "bin/dangling": Entry("link", "/nowhere -> /nor here"),
    "bin/to a directory": Entry("link", "../directory"),
    "directory/empty": Entry("directory"),
}


def make(directory: Path, entries: dict[str, Entry]) -> Path:
    """Without write_tree, which is what is tested."""
    for name, entry in entries.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "directory":
            path.mkdir()
        elif entry.kind == "link":
            os.symlink(entry.content, path)
        else:
            path.write_bytes(entry.content.encode())
            path.chmod(0o755 if entry.kind == "program" else 0o644)
    return directory


def listing(directory: Path) -> dict[str, tuple]:
    """Everything that a tree must get back."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_symlink():
            what = ("link", os.readlink(path))
        elif path.is_dir():
            what = ("directory",)
        else:
            what = ("file", path.read_bytes(), path.stat().st_mode & 0o7777)
        found[str(path.relative_to(directory))] = what
    return found


class ArchiveTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.snapshots = self.scratch / "snapshots"
        self.snapshots.mkdir()

    def tree(self, name, entries):
        return make(self.scratch / name, entries)

    def unpacked(self, name):
        target = self.scratch / f"{name} unpacked"
        unpack(self.snapshots, name, target)
        return listing(target)

    def test_a_tree_comes_back_as_it_was(self):
        tree = self.tree("odd", ODD)
        self.assertEqual(read_tree(tree), ODD)
        pack({"odd": tree}, self.snapshots)
        self.assertEqual(self.unpacked("odd"), listing(tree))

    def test_each_entry_comes_back_wherever_it_stands(self):
        for name, entry in ODD.items():
            for others in ({}, {"zzz": Entry("file", "last\n")}, {" ": Entry("file", "first")}):
                entries = {name: entry, **others}
                with self.subTest(name, others=others):
                    self.assertEqual(from_text(to_text(entries), "text"), entries)

    def test_what_most_trees_have_is_written_once(self):
        common = {"common": Entry("program", "of three\n"), "link": Entry("link", "common")}
        trees = {
            "one": self.tree("one", {**common, "x": Entry("file", "of one\n")}),
            "two": self.tree("two", {**common, "x": Entry("file", "of two\n")}),
            "three": self.tree("three", {**common, "x": Entry("file", "of one\n")}),
            "four": self.tree("four", {"common": Entry("file", "of three\n"), "x": Entry("file", "of four\n")}),
        }
        pack(trees, self.snapshots)
        texts = {path.name: path.read_text() for path in self.snapshots.iterdir()}
        self.assertEqual(texts["shared.txt"], "program common\n  of three\nlink link -> common\n")
        self.assertEqual(texts["one.txt"], "shared common\nshared link\nfile x\n  of one\n")
        self.assertEqual(texts["four.txt"], "file common\n  of three\nfile x\n  of four\n")
        for name, tree in trees.items():
            self.assertEqual(self.unpacked(name), listing(tree), name)

    def test_the_text_depends_on_the_tree_alone(self):
        trees = [self.tree("there", ODD), self.tree("back", dict(reversed(ODD.items())))]
        self.assertEqual(*[to_text(read_tree(tree)) for tree in trees])

    def test_what_a_text_cannot_hold_is_refused(self):
        odd = self.tree("binary", {"plain": Entry("file")})
        (odd / "plain").write_bytes(b"\xff\x00")
        with self.assertRaisesRegex(ArchiveError, "binary/plain: .*not UTF-8"):
            read_tree(odd)
        for name in ("two\nlines", "one -> other", os.fsdecode(b"\xff")):
            with self.assertRaisesRegex(ArchiveError, "rename it"):
                read_tree(self.tree(f"named {len(name)}", {name: Entry("file")}))
        with self.assertRaisesRegex(ArchiveError, "in one line"):
            read_tree(self.tree("link", {"link": Entry("link", "two\nlines")}))
        os.mkfifo(self.scratch / "fifo")
        with self.assertRaisesRegex(ArchiveError, "only files"):
            read_tree(self.scratch)
        with self.assertRaisesRegex(ArchiveError, "choose another"):
            pack({"shared": self.tree("shared", ODD)}, self.snapshots)

    def test_a_malformed_text_is_refused_with_the_line(self):
        for text, line, problem in (
            ("  content\n", 1, "neither an entry"),
            ("\nfile a\n", 1, "neither an entry"),
            ("file a\n<<<<<<< main\n", 2, "neither an entry"),
            ("file a\n b\n", 2, "neither an entry"),
            ("file a\n  b", 2, "cut off"),
            ("file\n", 1, "neither an entry"),
            ("socket a\n", 1, "neither an entry"),
            ("file a\nfile b\nfile a\n", 3, "a second a"),
            ("link a\n", 1, "leads nowhere"),
            ("link a -> b\n  c\n", 2, "no content"),
            ("directory a\n\n", 2, "no content"),
            ("shared a\n  b\n", 2, "no content"),
            ("file a\n\\ no newline at end\n", 2, "no line before it"),
            ("file a\n  b\n\n\\ no newline at end\n", 4, "no line before it"),
            ("file a\n  b\n\\ no newline at end\n  c\n", 3, "neither an entry"),
            ("file /etc/passwd\n", 1, "not a path within"),
            ("file ../a\n", 1, "not a path within"),
            ("file a/../../b\n", 1, "not a path within"),
            ("file a//b\n", 1, "not a path within"),
            ("file ./a\n", 1, "not a path within"),
        ):
            with self.subTest(text):
                with self.assertRaisesRegex(ArchiveError, f"^odd.txt, line {line}: .*{problem}.*render --update"):
                    from_text(text, "odd.txt")

    def test_nothing_is_written_through_a_link(self):
        for text in ("link a -> /etc\nfile a/b\n", "link a -> /etc\nfile a/b/c\n", "file a\nfile a/b\n"):
            with self.subTest(text):
                with self.assertRaisesRegex(ArchiveError, "a/b.* lies in a, which is a (link|file)"):
                    from_text(text, "text")

    def test_snapshots_that_do_not_fit_are_refused(self):
        with self.assertRaisesRegex(ArchiveError, "cannot read .*none.txt: No such file"):
            self.unpacked("none")
        (self.snapshots / "one.txt").write_text("shared a\n")
        with self.assertRaisesRegex(ArchiveError, "cannot read .*shared.txt: No such file"):
            self.unpacked("one")
        for shared in ("file b\n", "shared a\n"):
            (self.snapshots / "shared.txt").write_text(shared)
            with self.assertRaisesRegex(ArchiveError, "one.txt: shared.txt has no a"):
                self.unpacked("one")
        (self.snapshots / "shared.txt").write_bytes(b"file a\n  \xff\n")
        with self.assertRaisesRegex(ArchiveError, "shared.txt is not UTF-8"):
            self.unpacked("one")


if __name__ == "__main__":
    unittest.main()
