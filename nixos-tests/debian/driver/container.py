"""A container: a thin copy of the Debian tree, booted with systemd-nspawn."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

# What the NixOS driver does to commands: a failure anywhere is a failure.
STRICT = "set -euo pipefail; "

ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "SYSTEMD_COLORS": "0",
    "TERM": "dumb",
    "USER": "root",
}


class Container:
    """Keeps its disk from one boot to the next."""

    def __init__(self, name: str, tree: Path, scratch: Path) -> None:
        self.name = name
        self.root = scratch / name / "root"
        self.console = scratch / name / "console"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        layers = {part: scratch / name / part for part in ("upper", "work")}
        for directory in (self.root, *layers.values()):
            directory.mkdir(parents=True)
        options = f"lowerdir={tree},upperdir={layers['upper']},workdir={layers['work']}"
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True
        )

    @property
    def running(self) -> bool:
        return self._nspawn is not None and self._nspawn.poll() is None

    def boot(self) -> None:
        """Starts it, and returns when systemd answers."""
        with self.console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    "systemd-nspawn",
                    f"--directory={self.root}",
                    f"--machine={self.name}",
                    "--boot",
                    "--register=no",
                    "--keep-unit",
                    "--console=pipe",
                    "--private-network",
                    # Without these, IPAddressDeny= is silently inert.
                    "--capability=CAP_BPF",
                    "--system-call-filter=bpf",
                ],
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.running:
            self._leader = self._find_leader()
            if self._leader:
                state = self.run("systemctl is-system-running", timeout=10)[1].strip()
                if state in ("running", "degraded", "starting"):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not boot:\n{self.console.read_text()}")

    def run(self, command: str, timeout: float | None) -> tuple[int, str]:
        """Exit status and output (both streams' order is not kept: stderr is shown)."""
        result = subprocess.run(
            [
                *("nsenter", "-t", str(self._leader)),
                *("-m", "-u", "-i", "-n", "-p", "-C", "--"),
                *("/bin/bash", "-c", STRICT + command),
            ],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
        return result.returncode, result.stdout.decode(errors="replace")

    def kill(self) -> None:
        """Ends it as a power failure would."""
        if self.running and self._leader:
            os.kill(self._leader, signal.SIGKILL)
        if self._nspawn is not None:
            self._nspawn.wait(timeout=30)
        self._leader = 0

    def power_off(self) -> None:
        """Shuts it down in order."""
        self.run("systemctl poweroff", timeout=60)
        if self._nspawn is not None:
            self._nspawn.wait(timeout=120)
        self._leader = 0

    def _find_leader(self) -> int:
        """The container's first process: the child of nspawn that is in another root."""
        if self._nspawn is None:
            return 0
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        for child in children.read_text().split():
            try:
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
            except OSError:
                continue
        return 0


def quote(*words: object) -> str:
    """One shell command of these words."""
    return shlex.join(str(word) for word in words)
