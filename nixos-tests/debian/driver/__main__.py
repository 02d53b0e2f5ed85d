"""Runs one test: python3 -m driver TEST SNAPSHOTS TREE EXECUTOR SCRATCH [--shell]."""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from rendering.archive import ArchiveError, unpack

from .container import Container, group_prefix, remove_groups
from .install import install
from .machine import CommandFailed, Machine


class Report:
    """One line for each subtest, and the count of those that failed."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def subtest(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        except Exception:
            self.failed += 1
            print(f"FAILED {name} ({time.monotonic() - start:.1f} s)", flush=True)
            raise
        self.passed += 1
        print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)


@contextlib.contextmanager
def scratch_directory(parent: Path, test: str) -> Iterator[Path]:
    """A directory of this run. Those of runs that were killed are removed first."""
    parent.mkdir(parents=True, exist_ok=True)
    for stale in parent.iterdir():
        with contextlib.suppress(OSError), locked(stale):
            remove_groups(group_prefix(stale.name) + "*")
            shutil.rmtree(stale)
    directory = Path(tempfile.mkdtemp(prefix=f"{test}-", dir=parent))
    directory.chmod(0o755)
    with locked(directory):
        try:
            yield directory
        finally:
            shutil.rmtree(directory)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def run(test: str, snapshots: Path, tree: Path, executor: Path, scratch: Path, shell: bool) -> int:
    report = Report()
    machines: list[Machine] = []
    with scratch_directory(scratch, test) as directory, contextlib.ExitStack() as stack:
        snapshot = directory / ".snapshot"
        unpack(snapshots, test, snapshot)
        script = (snapshot / "test-script.py").read_text()
        for node in sorted(node.name for node in snapshot.iterdir() if node.is_dir()):
            memory = snapshot / node / "memory"
            limit = int(memory.read_text()) << 20 if memory.exists() else None
            container = Container(node, tree, directory / node, limit)
            stack.callback(container.remove)
            install(snapshot / node, container.root, node, executor)
            machines.append(Machine(container))
        succeeded = execute(script, machines, report)
        if shell:
            machines[0].shell_interact()
    print(f"{test}: {report.passed} ok, {report.failed} failed", flush=True)
    return 0 if succeeded else 1


def execute(script: str, machines: list[Machine], report: Report) -> bool:
    def start_all() -> None:
        for machine in machines:
            machine.start()

    names = {machine.name.replace("-", "_"): machine for machine in machines}
    if len(machines) == 1:
        names["machine"] = machines[0]
    names |= {"machines": machines, "start_all": start_all, "subtest": report.subtest}
    try:
        exec(compile(script, "test-script.py", "exec"), names)
    except Exception as error:
        report.failed = report.failed or 1
        explain(error, script, machines)
        return False
    return True


def explain(error: Exception, script: str, machines: list[Machine]) -> None:
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == "test-script.py":
            line = script.splitlines()[frame.lineno - 1].strip()
            print(f"test-script.py, line {frame.lineno}: {line}")
    print(error if isinstance(error, CommandFailed) else f"{type(error).__name__}: {error}")
    for machine in machines:
        if machine.is_up():
            print(f"--- last lines of the journal of {machine.name}\n{machine.journal()}", flush=True)


def terminated(*_: object) -> None:
    # Once: cleaning up is not to be interrupted.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TimeoutError("terminated; the test took too long")


def main() -> int:
    signal.signal(signal.SIGTERM, terminated)
    arguments = [argument for argument in sys.argv[1:] if argument != "--shell"]
    test, *paths = arguments
    return run(test, *map(Path, paths), shell="--shell" in sys.argv)


try:
    sys.exit(main())
except ArchiveError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit("interrupted")
