"""A machine of a test, with the names that the NixOS test driver has."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .container import Container, quote

TIMEOUT = 900


class MachineError(Exception):
    """A command or a wait did not do what the test says."""


class Machine:
    def __init__(self, container: Container) -> None:
        self.name = container.name
        self._container = container

    def start(self) -> None:
        if not self._container.running:
            self._container.boot()

    def crash(self) -> None:
        """A power failure: nothing is told to anybody."""
        self._container.kill()

    def shutdown(self) -> None:
        self._container.power_off()

    def log(self, message: str) -> None:
        print(f"  {self.name}: {message}", flush=True)

    def execute(
        self, command: str, check_return: bool = True, timeout: float | None = TIMEOUT
    ) -> tuple[int, str]:
        """Exit status (-1 if it is not asked for) and standard output."""
        self.start()
        status, output = self._container.run(command, timeout)
        return (status if check_return else -1), output

    def succeed(self, *commands: str, timeout: float | None = TIMEOUT) -> str:
        return self._all(commands, timeout, lambda status: status == 0, "failed")

    def fail(self, *commands: str, timeout: float | None = TIMEOUT) -> str:
        return self._all(commands, timeout, lambda status: status != 0, "succeeded unexpectedly")

    def wait_until_succeeds(self, command: str, timeout: int = TIMEOUT) -> str:
        return self._until(command, lambda status: status == 0, timeout)

    def wait_until_fails(self, command: str, timeout: int = TIMEOUT) -> str:
        return self._until(command, lambda status: status != 0, timeout)

    def wait_for_file(self, path: str, timeout: int = TIMEOUT) -> None:
        self.wait_until_succeeds(quote("test", "-e", path), timeout)

    def wait_for_open_port(
        self, port: int, addr: str = "localhost", timeout: int = TIMEOUT
    ) -> None:
        self.wait_until_succeeds(f"(: < /dev/tcp/{addr}/{port}) 2> /dev/null", timeout)

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: int = TIMEOUT) -> None:
        """Waits until it is active; one that has failed, or that nothing starts, raises."""
        if user is not None:
            raise NotImplementedError("wait_for_unit for a user's units")

        def is_active() -> bool:
            info = self.get_unit_info(unit)
            if info["ActiveState"] == "failed":
                raise MachineError(f"{unit} has failed\n{self._journal(unit)}")
            if info["ActiveState"] == "inactive" and info.get("Job") in (None, "", "0"):
                pending = self.execute("systemctl list-jobs --no-legend")[1].strip()
                if not pending and self.get_unit_info(unit)["ActiveState"] == "inactive":
                    raise MachineError(f"{unit} is inactive and nothing starts it")
            return info["ActiveState"] == "active"

        _wait(is_active, timeout, f"{unit} is active")

    def systemctl(self, query: str, user: str | None = None) -> tuple[int, str]:
        if user is not None:
            raise NotImplementedError("systemctl for a user's units")
        return self.execute(f"systemctl {query}")

    def get_unit_info(self, unit: str, user: str | None = None) -> dict[str, str]:
        status, output = self.systemctl(f"--no-pager show {quote(unit)}", user)
        if status != 0:
            raise MachineError(f"systemctl show {unit} failed with status {status}")
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)

    def get_unit_property(self, unit: str, property: str) -> str:
        return self.get_unit_info(unit)[property]

    def copy_from_host(self, source: str, target: str) -> None:
        destination = self._container.root / target.lstrip("/")
        destination.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", Path(source), destination], check=True)

    def _all(
        self,
        commands: tuple[str, ...],
        timeout: float | None,
        wanted: Callable[[int], bool],
        complaint: str,
    ) -> str:
        output = ""
        for command in commands:
            status, printed = self.execute(command, timeout=timeout)
            if not wanted(status):
                raise MachineError(
                    f"command `{command}` {complaint} (status {status})\n{printed}{self._journal()}"
                )
            output += printed
        return output

    def _until(self, command: str, wanted: Callable[[int], bool], timeout: int) -> str:
        output = ""

        def holds() -> bool:
            nonlocal output
            status, output = self.execute(command)
            return wanted(status)

        _wait(holds, timeout, f"`{command}`")
        return output

    def _journal(self, unit: str | None = None) -> str:
        which = f"--unit {quote(unit)}" if unit else ""
        if not self._container.running:
            return "\n(the machine is not running)"
        lines = self._container.run(f"journalctl --no-pager --lines 40 {which}", 60)[1]
        return f"\n--- the journal's end ---\n{lines}"


def _wait(condition: Callable[[], bool], timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise MachineError(f"waited {timeout} s in vain until {what}")
        time.sleep(0.2)
