def hold(files, name="hold"):
    """From now on, whoever opens one of the files (a word of the shell) is held."""
    machine.succeed(
        f"systemd-run --quiet --unit={name} --property=Type=notify --property=NotifyAccess=all"
        f" python3 /etc/holding/hold.py {files}"
    )


def wait_until_held(name="hold"):
    machine.wait_until_succeeds(f"systemctl show -P StatusText {name} | grep -qx held")


def let_go(name="hold"):
    machine.succeed(f"systemctl stop {name}")


def let_go_to_its_end(unit, program):
    """Lets go of the provider of a unit that was asked to end, not before it knows.

    It is gone, or SIGTERM waits for it to leave the kernel, or it says that it has got it.
    """
    machine.wait_until_succeeds(
        f"run=_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID '{unit}');"
        f" for pid in $(pgrep -u backupservice -x {program} || true); do"
        " grep -qE '^(Sig|Shd)Pnd:.*[4567cdef]...$' /proc/$pid/status"
        " || journalctl --quiet --output=cat $run | grep -q 'signal terminated received'; done"
    )
    let_go()


