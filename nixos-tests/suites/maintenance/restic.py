# As the identity that owns the repository: restic takes locks of others for dead.
restic = (
    "runuser -u backupservice -- env RESTIC_PASSWORD_FILE=/run/password"
    f" restic --no-cache --repo {repository}"
)
# A backup does not mind another's lock.
locks_shut_out_backups = False
remove_by_hand = f"{restic} unlock"


def snapshots(instance):
    """Ids as plain restic lists them, oldest first."""
    listed = machine.succeed(f"{restic} snapshots --json --no-lock --tag instance:{instance}")
    return [snapshot["id"] for snapshot in json.loads(listed)]


def reading(snapshot, path):
    """A command that writes what a snapshot has of a file."""
    return f"{restic} dump --no-lock {snapshot} {path}"


def is_locked():
    return machine.execute(f"ls {repository}/locks | grep .")[0] == 0


def hold_a_lock():
    """restic of a clone in the middle of a backup, as the service's own would be."""
    machine.succeed(
        "systemd-run --collect --unit=holder --uid=backupservice --setenv=RESTIC_PASSWORD_FILE=/run/password"
        f" restic --no-cache --repo {repository} backup --stdin-from-command -- sleep infinity"
    )
    machine.wait_until_succeeds(f"ls {repository}/locks | grep .")
    return machine.succeed("systemctl show -P MainPID holder.service").strip()
