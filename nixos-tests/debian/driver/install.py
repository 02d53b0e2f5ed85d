"""Puts what Nix rendered for a node into a Debian root file system."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

# On Debian programs live in /usr, which the units' private view does not have.
DEBIAN_PROGRAMS = """\
[Service]
BindReadOnlyPaths=/usr -/bin -/lib -/lib64
"""


def install(node: Path, root: Path, executor: Path) -> None:
    """Installs the snapshot `node` with `executor` as the program backupservice."""
    _install_store(node, root)
    program = root / "usr/local/bin/backupservice"
    shutil.copy2(executor, program)
    program.chmod(0o755)
    _install_users(json.loads((node / "users.json").read_text()), root)
    _copy_tree(node / "etc", root / "etc")
    if (node / "tmpfiles.conf").exists():
        shutil.copyfile(node / "tmpfiles.conf", root / "etc/tmpfiles.d/nixos.conf")
    _install_units(node / "units", root)
    (root / "etc/hostname").write_text(f"{node.name}\n")


def _install_store(node: Path, root: Path) -> None:
    store = root / "nix/store"
    _copy_tree(node / "store", store)
    packages: dict[str, str] = json.loads((node / "packages.json").read_text())
    for name, target in packages.items():
        (store / name).symlink_to(target)


def _install_users(accounts: dict[str, Any], root: Path) -> None:
    present = {
        kind: {line.split(":")[0] for line in (root / f"etc/{kind}").read_text().splitlines()}
        for kind in ("passwd", "group")
    }
    for name, group in accounts["groups"].items():
        if name not in present["group"]:
            number = [] if group["gid"] is None else ["--gid", str(group["gid"])]
            _chroot(root, "groupadd", "--system", *number, name)
    for name, user in accounts["users"].items():
        options = ["--gid", user["group"] or "nogroup"]
        if user["uid"] is not None:
            options += ["--uid", str(user["uid"])]
        if user["extraGroups"]:
            options += ["--groups", ",".join(user["extraGroups"])]
        if user["isSystemUser"]:
            options += ["--system", "--no-create-home", "--home-dir", user["home"]]
        else:
            options += ["--create-home", "--shell", "/bin/bash"]
        if name not in present["passwd"]:
            _chroot(root, "useradd", *options, name)


def _install_units(units: Path, root: Path) -> None:
    directory = root / "etc/systemd/system"
    _copy_tree(units, directory)
    drop_in = directory / "backupservice-.service.d/10-debian.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(DEBIAN_PROGRAMS)
    enabled = [unit.name for unit in sorted(units.iterdir()) if _has_install_section(unit)]
    if enabled:
        subprocess.run(
            ["systemctl", f"--root={root}", "--quiet", "enable", *enabled], check=True
        )


def _has_install_section(unit: Path) -> bool:
    return unit.is_file() and "[Install]" in unit.read_text().splitlines()


def _copy_tree(source: Path, destination: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, destination, symlinks=True, dirs_exist_ok=True)
        # Git keeps no modes but the executable bit; the umask must not add to that.
        for directory, _, files in os.walk(destination):
            for file in files:
                path = Path(directory) / file
                if not path.is_symlink() and (source / path.relative_to(destination)).exists():
                    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def _chroot(root: Path, *command: str) -> None:
    subprocess.run(["chroot", root, *command], check=True)
