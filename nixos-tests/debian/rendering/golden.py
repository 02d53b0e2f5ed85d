"""Writes what a person reviews: the units, rules and scripts of a few configurations.

The first, BASE, is shown whole, in BASE.txt what belongs to its instance and in
machine.txt the rest. Of the others, what BASE lacks is shown whole, and of what differs
only the lines that do, so that a change of what all have shows once. Store paths are
without their hashes, and JSON is on more than one line.
"""

import difflib
import json
import re
from pathlib import Path

from .archive import Entries, Entry, entry_text, read_tree, write_text

BASE = "local-restic"
OF_INSTANCE = re.compile(r"\bapp\b")
HASH = "0" * 32 + "-"
DIRECTORIES = ("units/", "user-units/", "etc/", "store/")
FILES = ("tmpfiles.conf", "users.json")
# Copies of committed files, and what only tells NixOS that they have changed.
COPIES = ("store/backupservice.catalog", "store/org.backupservice1.", "store/X-Restart-Triggers-")


def write_golden(nodes: Path, output: Path) -> None:
    shown = {node.name: show(read_tree(node)) for node in nodes.iterdir() if node.is_dir()}
    base = shown.pop(BASE)
    instance = {path: entry for path, entry in base.items() if OF_INSTANCE.search(path)}
    machine = {path: entry for path, entry in base.items() if path not in instance}
    write(output / f"{BASE}.txt", instance)
    write(output / "machine.txt", machine)
    for name, entries in shown.items():
        write(output / f"{name}.txt", compare(base, entries))


def write(path: Path, entries: Entries) -> None:
    write_text(path, "".join(entry_text(*item) for item in sorted(entries.items())))


def show(entries: Entries) -> Entries:
    shown = {}
    for path, entry in entries.items():
        path, content = path.replace(HASH, ""), entry.content.replace(HASH, "")
        if not path.startswith(COPIES) and (path.startswith(DIRECTORIES) or path in FILES):
            if path.endswith(".json") and entry.kind == "file":
                content = json.dumps(json.loads(content), indent=2, ensure_ascii=False) + "\n"
            shown[path] = Entry(entry.kind, content)
    return shown


def compare(base: Entries, entries: Entries) -> Entries:
    compared = {path: Entry("missing") for path in base.keys() - entries.keys()}
    for path, entry in entries.items():
        if path not in base:
            compared[path] = entry
        elif base[path] != entry:
            compared[path] = Entry("differs", changed_lines(base[path], entry))
    return compared


def changed_lines(old: Entry, new: Entry) -> str:
    # With the kind, which may be what differs.
    contents = (f"{entry.kind}\n{entry.content}".splitlines() for entry in (old, new))
    changes = list(difflib.unified_diff(*contents, n=0, lineterm=""))[2:]
    return "".join(f"{line}\n" for line in changes if not line.startswith("@@"))
