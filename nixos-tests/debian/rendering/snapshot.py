"""Writes what Nix rendered as text, the same on every machine.

Runs inside the Debian tree: python3 -m rendering.snapshot RENDERED OUTPUT, where
RENDERED is the result of default.nix. OUTPUT/snapshots/TEST.txt then holds (see
archive.py) test-script.py, and for each NODE the files

    units/          what goes into /etc/systemd/system, links included
    user-units/     what goes into /etc/systemd/user, if anything
    etc/            what goes into /etc, as links into the store
    share/          D-Bus services and polkit actions
    store/          the files and directories that the above refer to
    packages.json   the stand-in packages referred to, and where they lead
    users.json      users and groups
    tmpfiles.conf   rules for systemd-tmpfiles
    path.json       packages whose programs are in PATH
    memory          so many MiB of it, if that is limited

with every hash of a store path replaced by zeros. OUTPUT/golden holds what golden.py
makes of the nodes of the test `golden`.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from .archive import ArchiveError, pack
from .golden import write_golden

STORE_PATH = re.compile(rb"/nix/store/[0-9a-df-np-sv-z]{32}-")
ZEROS = b"/nix/store/" + b"0" * 32 + b"-"
DEBIAN_UNITS = Path("/usr/lib/systemd/system")
SHARED = ("dbus-1/system.d", "dbus-1/system-services", "polkit-1/actions")


def normalise(text):
    if isinstance(text, str):
        return normalise(text.encode()).decode()
    return STORE_PATH.sub(ZEROS, text)


def copy(source, target):
    """Copies a file, link or directory with every hash replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        place(target, lambda path: path.symlink_to(normalise(os.readlink(source))))
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        for child in source.iterdir():
            copy(child, target / child.name)
    else:

        def write(path):
            path.write_bytes(normalise(source.read_bytes()))
            path.chmod(0o755 if os.access(source, os.X_OK) else 0o644)

        place(target, write)


def place(target, write):
    """Writes the target once; a second time it must have the same content."""
    if not os.path.lexists(target):
        write(target)
        return
    other = target.with_name(target.name + ".other")
    write(other)
    if content(other) != content(target):
        sys.exit(f"two different contents for {target}: give one of them another name in Nix")
    other.unlink()


def content(path):
    if path.is_symlink():
        return os.readlink(path)
    return (path.read_bytes(), path.stat().st_mode)


def write_units(units, directory):
    directory.mkdir()
    for name, unit in units.items():
        path = directory / name
        strategy = unit["overrideStrategy"]
        if strategy == "asDropin" or (
            strategy == "asDropinIfExists" and unit["enable"] and (DEBIAN_UNITS / name).exists()
        ):
            path = directory / f"{name}.d" / "overrides.conf"
            path.parent.mkdir()
        if unit["enable"]:
            path.write_text(normalise(unit["text"]))
        else:
            path.symlink_to("/dev/null")
        for alias in unit["aliases"]:
            (directory / alias).symlink_to(name)
        for kind in ("wanted", "required", "upheld"):
            suffix = {"wanted": "wants", "required": "requires", "upheld": "upholds"}[kind]
            for parent in unit[f"{kind}By"]:
                link = directory / f"{parent}.{suffix}" / name
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(f"../{name}")


def write_etc(files, directory):
    modes = {}
    for name, file in files.items():
        link = directory / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(normalise(file["source"]))
        if file["mode"] != "symlink":
            modes[name] = {key: file[key] for key in ("mode", "user", "group")}
    if modes:
        write_json(directory.with_name("etc-modes.json"), modes)


def write_store(closure, output):
    packages = {}
    for path in map(Path, closure):
        name = os.path.basename(normalise(str(path)))
        if (path / "nix-support/stand-in").exists():
            links = {link.name: os.readlink(link) for link in path.iterdir() if link.is_symlink()}
            if packages.setdefault(name, links) != links:
                sys.exit(f"two different packages are called {name}")
        elif not path.name.endswith("-manifest.json"):
            copy(path, output / "store" / name)
    write_json(output / "packages.json", packages)


def write_shared(packages, directory):
    for package in map(Path, packages):
        if (package / "nix-support/stand-in").exists():
            continue
        for part in SHARED:
            for file in sorted((package / "share" / part).glob("*")):
                copy(file.resolve(), directory / part / file.name)


def write_tmpfiles(manifest, path):
    lines = list(manifest["tmpfiles"])
    for package in map(Path, manifest["tmpfilesPackages"]):
        for file in sorted((package / "lib/tmpfiles.d").glob("*.conf")):
            lines += file.read_text().splitlines()
    path.write_text(normalise("".join(f"{line}\n" for line in lines)))


def write_json(path, value):
    path.write_text(normalise(json.dumps(value, indent=2, sort_keys=True)) + "\n")


def write_node(rendered, output):
    manifest = json.loads((rendered / "manifest.json").read_text())
    output.mkdir(parents=True)
    write_units(manifest["units"], output / "units")
    if manifest["userUnits"]:
        write_units(manifest["userUnits"], output / "user-units")
    write_etc(manifest["etc"], output / "etc")
    write_store((rendered / "closure").read_text().splitlines(), output)
    write_shared(manifest["dbusPackages"] + manifest["systemPackages"], output / "share")
    write_tmpfiles(manifest, output / "tmpfiles.conf")
    write_json(output / "users.json", {key: manifest[key] for key in ("users", "groups")})
    write_json(output / "path.json", sorted(set(map(normalise, manifest["systemPackages"]))))
    if manifest["memory"] is not None:
        write_json(output / "memory", manifest["memory"])


def write_test(rendered, output):
    output.mkdir()
    for part in rendered.iterdir():
        if part.is_dir():
            write_node(part, output / part.name)
        else:
            shutil.copyfile(part, output / part.name)


def main(rendered, output):
    with tempfile.TemporaryDirectory() as scratch:
        trees = {test.name: Path(scratch, test.name) for test in rendered.iterdir()}
        for name, tree in trees.items():
            write_test(rendered / name, tree)
        for part in ("snapshots", "golden"):
            (output / part).mkdir()
        try:
            write_golden(trees.pop("golden"), output / "golden")
            pack(trees, output / "snapshots")
        except ArchiveError as error:
            sys.exit(f"render: {error}")


main(Path(sys.argv[1]), Path(sys.argv[2]))
