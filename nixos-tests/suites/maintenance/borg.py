borg = "runuser -u backupservice -- env BORG_PASSCOMMAND='cat /run/password' BORG_BASE_DIR=/tmp/borg borg"
# A backup waits for whoever has the repository for itself.
locks_shut_out_backups = True
remove_by_hand = f"{borg} break-lock {repository}"


def archives(instance):
    listed = json.loads(machine.succeed(f"{borg} --bypass-lock list --json {repository}"))["archives"]
    return [archive for archive in listed if archive["name"].startswith(f"{instance}@machine-20")]


def snapshots(instance):
    """Ids as plain borg lists them, oldest first."""
    return [archive["id"] for archive in archives(instance)]


def reading(snapshot, path):
    """A command that writes what a snapshot has of a file."""
    (name,) = (archive["name"] for archive in archives("few") if archive["id"] == snapshot)
    return f"{borg} extract --stdout {repository}::{name} {path.lstrip('/')}"


def is_locked():
    return machine.execute(f"test -e {repository}/lock.exclusive")[0] == 0


def hold_a_lock():
    """borg on a clone, with the repository for itself, as the service's own would be."""
    machine.succeed(
        "systemd-run --collect --unit=holder --uid=backupservice --setenv=BORG_BASE_DIR=/tmp/borg"
        " --setenv=BORG_PASSCOMMAND='cat /run/password'"
        " --setenv=BORG_HOST_ID=few@machine-0123456789abcdef"
        f" borg with-lock {repository} sleep infinity",
    )
    machine.wait_until_succeeds(f"test -e {repository}/lock.exclusive")
    return machine.succeed("systemctl show -P MainPID holder.service").strip()
