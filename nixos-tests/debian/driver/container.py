"""One container: a thin copy of the Debian tree, booted by systemd-nspawn."""

import os
import signal
import subprocess
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin",
    "TERM": "dumb",
    "USER": "root",
}


class Container:
    """Mounts are private to the driver's mount namespace and end with it."""

    def __init__(self, name: str, tree: Path, directory: Path, memory: int | None = None):
        self.name = name
        self.memory = memory
        self.directory = directory
        self.root = directory / "root"
        self._nspawn: subprocess.Popen | None = None
        self._leader = 0
        # Of this driver and machine alone; containers would share one otherwise.
        self._group = group_prefix(directory.parent.name) + name
        self._mount(tree)

    def _mount(self, tree: Path) -> None:
        upper, work = self.directory / "upper", self.directory / "work"
        for path in (upper, work, self.root):
            path.mkdir(parents=True)
        options = f"lowerdir={tree},upperdir={upper},workdir={work}"
        overlay = ["mount", "-t", "overlay", "overlay", "-o", options, self.root]
        if subprocess.run(overlay, capture_output=True, check=False).returncode != 0:
            subprocess.run(["cp", "-aT", "--reflink=auto", tree, self.root], check=True)

    @property
    def running(self) -> bool:
        return self._nspawn is not None and self._nspawn.poll() is None

    def boot(self, timeout: float) -> None:
        """Boots it and waits until systemd answers."""
        unified = CGROUPS / "unified"
        group = (unified if unified.is_dir() else CGROUPS) / self._group
        group.mkdir(exist_ok=True)
        groups = {group} if self.memory is None else {group, self._limit_memory(group)}
        with (self.directory / "console.log").open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    # In a process namespace that dies with the driver, however that dies.
                    *["setpriv", "--pdeathsig=KILL"],
                    *["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
                    "systemd-nspawn",
                    "--quiet",
                    f"--directory={self.root}",
                    f"--machine={self.name}",
                    "--boot",
                    "--register=no",
                    "--keep-unit",
                    "--console=pipe",
                    "--private-network",
                    "--resolv-conf=off",
                    "--timezone=off",
                    "--link-journal=no",
                    # Without bpf, IPAddressDeny= is silently inert; tests hold programs by fanotify.
                    "--capability=CAP_BPF",
                    "--system-call-filter=bpf fanotify_init fanotify_mark",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                preexec_fn=lambda: [(one / "cgroup.procs").write_text(str(os.getpid())) for one in groups],
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.running:
            self._leader = self._find_leader()
            if self._leader and self._answers():
                return
            time.sleep(0.05)
        self.kill()
        console = (self.directory / "console.log").read_text(errors="replace")
        raise TimeoutError(f"{self.name} did not boot; its console says:\n{console[-4000:]}")

    def _limit_memory(self, group: Path) -> Path:
        """The control group that limits it: the container's own, or one of version 1."""
        limit = group / "memory.max"
        if not limit.exists():
            limit = CGROUPS / "memory" / self._group / "memory.limit_in_bytes"
            if not limit.parent.parent.is_dir():
                raise RuntimeError(f"{self.name} would use up this machine's memory: no controller limits it")
            limit.parent.mkdir(exist_ok=True)
        limit.write_text(str(self.memory))
        return limit.parent

    def _find_leader(self) -> int:
        for nspawn in children(self._nspawn.pid):
            return next(iter(children(nspawn)), 0)
        return 0

    def _answers(self) -> bool:
        try:
            state = self.run(
                "systemctl is-system-running || true", timeout=10, stderr=subprocess.DEVNULL
            ).stdout
        except subprocess.TimeoutExpired:
            return False
        return state.strip() in (b"starting", b"running", b"degraded")

    def run(
        self, command: str, timeout: float | None, stdin: bytes | None = None, stderr: int | None = None
    ) -> subprocess.CompletedProcess:
        """Runs a shell command as root in the container."""
        arguments = [*self.enter(), "/bin/bash", "-c", f"set -euo pipefail\n{command}"]
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=ENVIRONMENT,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(stdin, timeout)
        except BaseException:
            # The command itself: a container whose processes lost the nsenter that
            # waits for them would never end.
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
            process.wait(30)
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def enter(self) -> list[str]:
        """The command line that runs what follows it in the container."""
        namespaces = ["-m", "-u", "-i", "-n", "-p", "-C"]
        return ["nsenter", "-t", str(self._leader), *namespaces, "--wdns=/root", "--"]

    def power_off(self, timeout: float) -> None:
        os.kill(self._leader, signal.SIGRTMIN + 4)
        try:
            self._nspawn.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._forget()

    def kill(self) -> None:
        """Like a power failure: nothing in it gets to run another instruction."""
        if self.running:
            os.kill(self._find_leader() or self._nspawn.pid, signal.SIGKILL)
            self._nspawn.wait(30)
        self._forget()

    def remove(self) -> None:
        self.kill()
        subprocess.run(["umount", "--lazy", self.root], capture_output=True, check=False)

    def _forget(self) -> None:
        self._nspawn = None
        remove_groups(self._group)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def group_prefix(run: str) -> str:
    """How the control groups of a run's containers begin."""
    return f"backupservice-{run}-"


def remove_groups(pattern: str) -> None:
    for hierarchy in (CGROUPS, CGROUPS / "unified", CGROUPS / "systemd", CGROUPS / "memory"):
        for top in hierarchy.glob(pattern):
            for group, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(group)
                except OSError:
                    pass  # still emptying: an empty group left behind harms nobody
