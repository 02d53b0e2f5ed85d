"""Installs what Nix rendered for a node into the root of its container."""

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path

ZEROS = "0" * 32
EXECUTOR = f"{ZEROS}-backupservice"

# Our units see only /nix/store of the system, where NixOS has every program. Here
# the programs are Debian's.
DEBIAN_VIEW = """\
[Service]
BindReadOnlyPaths=/usr /bin /lib /lib64
BindReadOnlyPaths=-/etc/alternatives -/etc/ld.so.cache -/etc/ssl -/etc/ca-certificates
"""

SHARED = {
    "dbus-1/system.d": "etc/dbus-1/system.d",
    "dbus-1/system-services": "usr/local/share/dbus-1/system-services",
    "polkit-1/actions": "usr/share/polkit-1/actions",
}


def install(snapshot: Path, root: Path, name: str, executor: Path) -> None:
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n::1 localhost {name}\n")
    (root / "etc/machine-id").write_text(name.encode().hex().ljust(32, "0")[:32] + "\n")
    (root / "etc/localtime").unlink(missing_ok=True)
    (root / "etc/localtime").symlink_to(f"../usr/share/zoneinfo/{time_zone(time.gmtime().tm_hour)}")
    install_store(snapshot, root, executor)
    install_users(json.loads((snapshot / "users.json").read_text()), root)
    copy(snapshot / "units", root / "etc/systemd/system")
    copy(snapshot / "user-units", root / "etc/systemd/user")
    copy(snapshot / "etc", root / "etc")
    for source, target in SHARED.items():
        copy(snapshot / "share" / source, root / target)
    (root / "etc/tmpfiles.d/nixos.conf").write_text((snapshot / "tmpfiles.conf").read_text())
    view = root / "etc/systemd/system/backupservice-.service.d/10-debian.conf"
    view.parent.mkdir(exist_ok=True)
    view.write_text(DEBIAN_VIEW)
    apply_modes(snapshot / "etc-modes.json", root)


def time_zone(hour: int) -> str:
    """One in which it is day at that hour of UTC: no test is met by what is due at night."""
    return "Etc/UTC" if 6 <= hour < 18 else "Etc/GMT-12"


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def install_store(snapshot: Path, root: Path, executor: Path) -> None:
    store = root / "nix/store"
    copy(snapshot / "store", store)
    for name, links in json.loads((snapshot / "packages.json").read_text()).items():
        (store / name).mkdir()
        for link, target in links.items():
            (store / name / link).symlink_to(target)
        if name == EXECUTOR:
            (store / name / "bin").unlink()
            (store / name / "bin").mkdir()
            shutil.copy(executor, store / name / "bin/backupservice")
    for package in json.loads((snapshot / "path.json").read_text()):
        directory = root / package.removeprefix("/") / "bin"
        if directory.is_symlink():
            link_missing(Path(directory.readlink()), root)
        elif directory.is_dir():
            for program in directory.iterdir():
                (root / "usr/local/bin" / program.name).symlink_to(f"{package}/bin/{program.name}")


def link_missing(directory: Path, root: Path) -> None:
    """Puts the programs of a Debian directory that is not in PATH there."""
    if directory == Path("/usr/bin"):
        return
    for program in (root / directory.relative_to("/")).iterdir():
        link = root / "usr/local/bin" / program.name
        if not link.is_symlink():
            link.symlink_to(directory / program.name)


def install_users(accounts: dict, root: Path) -> None:
    script = ["set -euo pipefail"]
    for name, group in accounts["groups"].items():
        number = f"-g {group['gid']}" if group["gid"] is not None else ""
        script.append(f"getent group {name} >/dev/null || groupadd --system {number} {name}")
    for name, user in accounts["users"].items():
        script += add_user(name, user)
    for name, group in accounts["groups"].items():
        for member in group["members"]:
            script.append(f"! getent passwd {member} >/dev/null || usermod -aG {name} {member}")
    shell = ["chroot", str(root), "/bin/bash", "-s"]
    subprocess.run(shell, input="\n".join(script), text=True, check=True)


def add_user(name: str, user: dict) -> list[str]:
    number = f"--uid {user['uid']}" if user["uid"] is not None else ""
    home = shlex.quote(user["home"])
    options = f"{number} --gid {user['group']} --home-dir {home} --shell {user['shell']}"
    kind = "" if user["isNormalUser"] else "--system"
    commands = [f"getent passwd {name} >/dev/null || useradd {kind} --no-create-home {options} {name}"]
    if user["createHome"]:
        mode = f"-m {user['homeMode']} -o {name} -g {user['group']}"
        commands += [f"mkdir -p $(dirname {home})", f"install -d {mode} {home}"]
    if user["keys"]:
        keys = shlex.quote("\n".join(user["keys"]))
        commands += [
            "mkdir -p /etc/ssh/authorized_keys.d",
            f"printf '%s\\n' {keys} >/etc/ssh/authorized_keys.d/{name}",
        ]
    return commands


def apply_modes(modes: Path, root: Path) -> None:
    """Makes files of those entries of /etc that are not to be links."""
    if not modes.exists():
        return
    script = ["set -euo pipefail"]
    for name, wanted in json.loads(modes.read_text()).items():
        path = shlex.quote(f"/etc/{name}")
        owner = f"{wanted['user']}:{wanted['group']}".replace("+", "")
        script += [
            f"cp --remove-destination $(readlink {path}) {path}",
            f"chown {owner} {path}",
            f"chmod {wanted['mode']} {path}",
        ]
    shell = ["chroot", str(root), "/bin/bash", "-s"]
    subprocess.run(shell, input="\n".join(script), text=True, check=True)
