"""Boots the nodes of a rendered test and runs its script."""

import argparse
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .container import Container
from .install import install
from .machine import Machine


@contextmanager
def subtest(name: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"FAILED  {name}", flush=True)
        raise
    print(f"ok      {name} ({time.monotonic() - start:.1f} s)", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="driver")
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--executor", type=Path, required=True)
    parser.add_argument("snapshot", type=Path)
    arguments = parser.parse_args()

    # In memory, and in this process's own mount namespace: it cannot be left behind.
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", arguments.scratch], check=True
    )
    script = arguments.snapshot / "test-script.py"
    containers = []
    names: dict[str, Any] = {"subtest": subtest}
    for node in sorted(path for path in arguments.snapshot.iterdir() if path.is_dir()):
        container = Container(node.name, arguments.tree, arguments.scratch)
        install(node, container.root, arguments.executor)
        containers.append(container)
        names[node.name] = Machine(container)
    machines = [value for value in names.values() if isinstance(value, Machine)]
    names["machines"] = machines
    names["start_all"] = lambda: [machine.start() for machine in machines]
    if len(machines) == 1:
        names["machine"] = machines[0]

    try:
        exec(compile(script.read_text(), script, "exec"), names)  # noqa: S102
    except Exception:
        traceback.print_exc(limit=-3)
        return 1
    finally:
        for container in containers:
            container.kill()
    return 0


sys.exit(main())
