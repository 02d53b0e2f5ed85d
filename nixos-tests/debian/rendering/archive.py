"""A tree of files as a text that can be read and compared, and back, exactly.

An entry begins at the start of a line; the lines of its content follow, indented:

    file etc/greeting
      Hello

      world
    program bin/greet
      #!/bin/sh
    link bin/hello -> greet
    directory var/empty
    file etc/word
      without a newline
    \\ no newline at end

A program is a file that can be executed. Directories are named only if they are empty.
A line that is empty stays so, whatever it belongs to. README.md says where such texts
are kept; what most of them have is in one of their own, and there only named:

    shared etc/greeting
"""

import os
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

INDENT = "  "
NO_NEWLINE = "\\ no newline at end"
HEADER = re.compile(r"(file|program|link|directory|shared) (.+)")
ARROW = " -> "
# Where the entries are that most trees have.
SHARED = "shared"


class ArchiveError(Exception):
    pass


@dataclass(frozen=True)
class Entry:
    kind: str
    # Of a file or program; of a link, where it leads.
    content: str = ""


Entries = dict[str, Entry]


def read_tree(directory: Path) -> Entries:
    entries = {}
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = Path(parent, name)
            relative = str(path.relative_to(directory))
            if not relative.isprintable() or ARROW in relative:
                raise ArchiveError(f"{path!r}: rename it: a snapshot cannot name it in one line")
            if path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
                entries[relative] = read_entry(path)
    return entries


def read_entry(path: Path) -> Entry:
    if path.is_symlink():
        target = os.readlink(path)
        if not target.isprintable():
            raise ArchiveError(f"{path} leads to {target!r}: a snapshot cannot hold that in one line")
        return Entry("link", target)
    if path.is_dir():
        return Entry("directory")
    if not path.is_file():
        raise ArchiveError(f"{path}: a snapshot holds only files, links and directories")
    try:
        content = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path}: a snapshot holds only text, and this is not UTF-8: {error}") from None
    return Entry("program" if path.stat().st_mode & 0o111 else "file", content)


def write_tree(entries: Entries, directory: Path) -> None:
    directory.mkdir(parents=True)
    for relative, entry in entries.items():
        path = directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "link":
            path.symlink_to(entry.content)
        elif entry.kind == "directory":
            path.mkdir()
        else:
            path.write_bytes(entry.content.encode())
            path.chmod(0o755 if entry.kind == "program" else 0o644)


def to_text(entries: Entries) -> str:
    return "".join(entry_text(path, entry) for path, entry in sorted(entries.items()))


def entry_text(path: str, entry: Entry) -> str:
    if entry.kind == "link":
        return f"link {path}{ARROW}{entry.content}\n"
    lines = entry.content.split("\n")
    unfinished = lines.pop()
    if unfinished:
        lines.append(unfinished)
    content = "".join(f"{INDENT}{line}\n" if line else "\n" for line in lines)
    return f"{entry.kind} {path}\n{content}" + (f"{NO_NEWLINE}\n" if unfinished else "")


def from_text(text: str, source: object) -> Entries:
    """Of what to_text made; source is named in errors."""
    lines = text.split("\n")
    if lines.pop():
        raise malformed(source, len(lines) + 1, "the last line is cut off")
    headers = {index: match for index, line in enumerate(lines) if (match := HEADER.fullmatch(line))}
    if lines and 0 not in headers:
        raise malformed(source, 1, "neither an entry nor the content of one")
    entries: Entries = {}
    for start, end in pairwise([*headers, len(lines)]):
        kind, path = headers[start].groups()
        content = read_content(kind, lines[start + 1 : end], source, start + 2)
        if kind == "link":
            path, _, content = path.partition(ARROW)
            if not content:
                raise malformed(source, start + 1, "a link that leads nowhere")
        if path in entries:
            raise malformed(source, start + 1, f"a second {path}")
        if not is_inside(path):
            raise malformed(source, start + 1, f"{path} is not a path within the tree")
        entries[path] = Entry(kind, content)
    for path in entries:
        for parent in map(str, PurePosixPath(path).parents):
            if parent in entries:
                raise ArchiveError(f"{source}: {path} lies in {parent}, which is a {entries[parent].kind}")
    return entries


def read_content(kind: str, lines: list[str], source: object, number: int) -> str:
    """The content of an entry, whose first line has this number."""
    unfinished = lines[-1:] == [NO_NEWLINE]
    if unfinished:
        lines = lines[:-1]
        if not lines or not lines[-1]:
            raise malformed(source, number + len(lines), "no line before it that could lack a newline")
    for number, line in enumerate(lines, number):
        if line and not line.startswith(INDENT):
            raise malformed(source, number, "neither an entry nor the content of one")
        if kind not in ("file", "program"):
            raise malformed(source, number, f"a {kind} has no content")
    return "\n".join(line.removeprefix(INDENT) for line in lines) + ("\n" if lines and not unfinished else "")


def malformed(source: object, number: int, problem: str) -> ArchiveError:
    return ArchiveError(f"{source}, line {number}: {problem}; write it anew with render --update")


def is_inside(path: str) -> bool:
    return path == str(PurePosixPath("/", path).relative_to("/")) and not {".", ".."} & set(path.split("/"))


def pack(trees: dict[str, Path], output: Path) -> None:
    """Writes OUTPUT/NAME.txt for each tree, and what more than half of them have once."""
    if SHARED in trees:
        raise ArchiveError(f"'{SHARED}' is the name of what the others share: choose another")
    read = {name: read_tree(directory) for name, directory in trees.items()}
    counts: dict[tuple[str, Entry], int] = {}
    for entries in read.values():
        for item in entries.items():
            counts[item] = counts.get(item, 0) + 1
    # Of one path, only one content can be in more than half of them.
    shared = dict(item for item, count in counts.items() if 2 * count > len(read) > 1)
    write_text(output / f"{SHARED}.txt", to_text(shared))
    for name, entries in read.items():
        named = {
            path: Entry("shared") if shared.get(path) == entry else entry for path, entry in entries.items()
        }
        write_text(output / f"{name}.txt", to_text(named))


def write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def unpack(snapshots: Path, name: str, directory: Path) -> None:
    """Writes the tree of that name into a directory that does not exist yet."""
    source = snapshots / f"{name}.txt"
    entries = load(source)
    shared = load(snapshots / f"{SHARED}.txt")
    for path, entry in entries.items():
        if entry.kind == "shared":
            if path not in shared or shared[path].kind == "shared":
                problem = f"{SHARED}.txt has no {path}"
                raise ArchiveError(f"{source}: {problem}; write both anew with render --update")
            entries[path] = shared[path]
    write_tree(entries, directory)


def load(path: Path) -> Entries:
    try:
        return from_text(path.read_bytes().decode(), path)
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not UTF-8: {error}; write it anew with render --update") from None
    except OSError as error:
        problem = f"cannot read {path}: {error.strerror}"
        raise ArchiveError(f"{problem}; write it anew with render --update") from None
