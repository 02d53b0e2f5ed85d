"""A machine as a testScript knows it: the method names of the NixOS test driver."""

import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .container import Container


class CommandFailed(Exception):
    """A command did not do what the test expects; says which and what it printed."""

    def __init__(self, machine: str, problem: str, command: str, output: str = ""):
        super().__init__(f"{machine}: {problem}: {command}" + (f"\n{output}" if output else ""))


class Machine:
    def __init__(self, container: Container):
        self.name = container.name
        self._container = container

    # Power

    def start(self, allow_reboot: bool = False) -> None:
        if not self._container.running:
            self._container.boot(timeout=120)

    def is_up(self) -> bool:
        return self._container.running

    def shutdown(self) -> None:
        if self._container.running:
            self._container.power_off(timeout=120)

    def crash(self) -> None:
        self._container.kill()

    def reboot(self) -> None:
        self.shutdown()
        self.start()

    # Commands

    def execute(
        self,
        command: str,
        check_return: bool = True,
        check_output: bool = True,
        timeout: float | None = 900,
    ) -> tuple[int, str]:
        """Runs a shell command; returns its status and standard output."""
        self.start()
        result = self._container.run(command, timeout)
        return result.returncode if check_return else -2, result.stdout.decode(errors="replace")

    def succeed(self, *commands: str, timeout: float | None = None) -> str:
        return "".join(self._expect(command, True, timeout) for command in commands)

    def fail(self, *commands: str, timeout: float | None = None) -> str:
        return "".join(self._expect(command, False, timeout) for command in commands)

    def _expect(self, command: str, success: bool, timeout: float | None) -> str:
        self.start()
        try:
            result = self._container.run(command, timeout or 900, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(self.name, f"timed out after {error.timeout} s", command) from None
        output = result.stdout.decode(errors="replace")
        if (result.returncode == 0) != success:
            printed = output + result.stderr.decode(errors="replace")
            problem = f"failed with status {result.returncode}" if success else "succeeded"
            raise CommandFailed(self.name, problem, command, printed)
        return output

    # Waiting

    def wait_until_succeeds(self, command: str, timeout: float = 900) -> str:
        return self._wait_for(command, lambda status: status == 0, timeout)

    def wait_until_fails(self, command: str, timeout: float = 900) -> str:
        return self._wait_for(command, lambda status: status != 0, timeout)

    def _wait_for(self, command: str, done: Callable[[int], bool], timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while True:
            status, output = self.execute(f"{{ {command}\n}} 2>&1", timeout=timeout)
            if done(status):
                return output
            if time.monotonic() > deadline:
                problem = f"still has status {status} after {timeout} s"
                raise CommandFailed(self.name, problem, command, output)
            time.sleep(0.2)

    def wait_for_unit(self, unit: str, user: str | None = None, timeout: float = 900) -> None:
        if user is not None:
            raise NotImplementedError("units of users")
        deadline = time.monotonic() + timeout
        while (state := self.get_unit_property(unit, "ActiveState")) != "active":
            if state == "failed":
                raise self._unit_error(unit, "has failed")
            if state == "inactive" and not self._has_jobs():
                if self.get_unit_property(unit, "ActiveState") == "inactive":
                    raise self._unit_error(unit, "is inactive and there are no pending jobs")
            if time.monotonic() > deadline:
                raise self._unit_error(unit, f"is {state} after {timeout} s")
            time.sleep(0.1)

    def _has_jobs(self) -> bool:
        return "No jobs" not in self.systemctl("list-jobs --full")[1]

    def _unit_error(self, unit: str, problem: str) -> CommandFailed:
        status = self.systemctl(f"status {shlex.quote(unit)} --lines=30")[1]
        return CommandFailed(self.name, f"unit {problem}", unit, status)

    def wait_for_file(self, filename: str, timeout: float = 900) -> None:
        self.wait_until_succeeds(f"test -e {shlex.quote(filename)}", timeout)

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: float = 900) -> None:
        self.wait_until_succeeds(f"exec 3<>/dev/tcp/{addr}/{port}", timeout)

    def wait_for_closed_port(self, port: int, addr: str = "localhost", timeout: float = 900) -> None:
        self.wait_until_fails(f"exec 3<>/dev/tcp/{addr}/{port}", timeout)

    def sleep(self, secs: float) -> None:
        time.sleep(secs)

    # Units

    def systemctl(self, q: str, user: str | None = None) -> tuple[int, str]:
        if user is not None:
            raise NotImplementedError("units of users")
        return self.execute(f"systemctl --no-pager {q} 2>&1")

    def get_unit_info(self, unit: str) -> dict[str, str]:
        lines = self.succeed(f"systemctl --no-pager show {shlex.quote(unit)}").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def get_unit_property(self, unit: str, property: str) -> str:
        show = f"systemctl --no-pager show -P {shlex.quote(property)} {shlex.quote(unit)}"
        return self.succeed(show).removesuffix("\n")

    def require_unit_state(self, unit: str, require_state: str = "active") -> None:
        state = self.get_unit_property(unit, "ActiveState")
        if state != require_state:
            raise self._unit_error(unit, f"is {state}, not {require_state}")

    def start_job(self, jobname: str) -> tuple[int, str]:
        return self.systemctl(f"start {jobname}")

    def stop_job(self, jobname: str) -> tuple[int, str]:
        return self.systemctl(f"stop {jobname}")

    # Files and logs

    def copy_from_host(self, source: str, target: str) -> None:
        self.start()
        path, goal = Path(source), Path(target)
        pack = ["tar", "-C", str(path.parent), f"--transform=s,^{path.name},{goal.name},", "-c", path.name]
        archive = subprocess.run(pack, capture_output=True, check=True).stdout
        unpack = f"mkdir -p {shlex.quote(str(goal.parent))} && tar -C {shlex.quote(str(goal.parent))} -x"
        self._container.run(unpack, 900, stdin=archive).check_returncode()

    def journal(self, lines: int = 40) -> str:
        return self.execute(f"journalctl -b --no-pager --quiet -n {lines} 2>&1", timeout=30)[1]

    def log(self, msg: str) -> None:
        print(f"{self.name}: {msg}", flush=True)

    def shell_interact(self) -> None:
        """A shell of the person who runs the test."""
        self.start()
        subprocess.run([*self._container.enter(), "/bin/bash", "-i"], check=False)
