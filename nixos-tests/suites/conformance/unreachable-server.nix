# A network on which nobody answers: the run gives up while the rest of the suite runs.
{ provider, ... }:
{
  node.backupservice.instances.unreachable = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/unreachable" ];
    repository = {
      path = provider.unreachable;
      # Nobody is there to be shown them.
      sshKeyFile = "/etc/passwd";
      sshKnownHostsFile = "/etc/passwd";
    };
  };

  first = ''
    machine.succeed(
        "mkdir -p /var/lib/unreachable && echo data > /var/lib/unreachable/file",
        # It is to be looked at once, and later.
        "mkdir -p /run/systemd/system/backupservice-unreachable.service.d",
        "printf '[Service]\nRestartForceExitStatus=\n' > /run/systemd/system/backupservice-unreachable.service.d/once.conf",
        "systemctl daemon-reload",
    )
    start_in_background("unreachable")
  '';

  script = ''
    with case("a run without a network ends within minutes, with status 75 and a remedy"):
        wait_for_run("unreachable", None)
        assert machine.get_unit_property(unit("unreachable"), "ExecMainStatus") == "75"
        record = judged("unreachable", None, "failed")
        tells(record, "cannot be reached")
        machine.log(f"from {record['started']} to {record['finished']}")
        started, ended = (datetime.datetime.fromisoformat(record[at]) for at in ["started", "finished"])
        # Left to itself, restic would try for a quarter of an hour.
        assert ended - started < datetime.timedelta(minutes=10), record
  '';
}
