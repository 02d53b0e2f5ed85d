# A network on which nobody answers: the run gives up while the rest of the suite runs.
{ provider, ... }:
{
  node.backupservice.instances.dead = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/dead" ];
    repository.path = provider.dead;
  };

  first = ''
    machine.succeed(
        "mkdir -p /var/lib/dead && echo data > /var/lib/dead/file",
        # It is to be looked at once, and later.
        "mkdir -p /run/systemd/system/backupservice-dead.service.d",
        "printf '[Service]\nRestartForceExitStatus=\n' > /run/systemd/system/backupservice-dead.service.d/once.conf",
        "systemctl daemon-reload",
    )
    start_in_background("dead")
  '';

  script = ''
    with case("a run without a network ends within minutes, with status 75 and a remedy"):
        wait_for_run("dead", None)
        assert machine.get_unit_property(unit("dead"), "ExecMainStatus") == "75"
        record = judged("dead", None, "failed")
        tells(record, "cannot be reached")
        machine.log(f"from {record['started']} to {record['finished']}")
        started, ended = (datetime.datetime.fromisoformat(record[at]) for at in ["started", "finished"])
        assert ended - started < datetime.timedelta(minutes=3), record
  '';
}
