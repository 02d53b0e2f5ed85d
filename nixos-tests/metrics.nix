# Metrics: valid, complete, and read by a real node_exporter; alerts and dashboard ask for
# nothing that is not there.
{ pkgs, lib, ... }:
{
  name = "metrics";

  nodes.machine =
    { ... }:
    {
      imports = [ ../modules ];

      backupservice.instances = lib.genAttrs [ "app" "broken" ] (name: {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/${name}";
        hooks.beforeBackup = lib.optional (name == "broken") "false";
      });
      backupservice.metrics.textfile = "/var/lib/backupservice-metrics/backupservice.prom";

      systemd.services.node-exporter.serviceConfig = {
        ExecStart = "${lib.getExe' pkgs.prometheus-node-exporter "prometheus-node-exporter"} --collector.disable-defaults --collector.textfile --collector.textfile.directory=/var/lib/backupservice-metrics --web.listen-address=localhost:9100";
        DynamicUser = true;
      };
      environment.etc = {
        "monitoring/alerts.yml".source = ../docs/monitoring/alerts.yml;
        "monitoring/alerts_test.yml".source = ../docs/monitoring/alerts_test.yml;
        "monitoring/dashboard.json".source = ../docs/monitoring/dashboard.json;
      };
      environment.systemPackages = [
        pkgs.curl
        pkgs.prometheus
      ];
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json
    import re

    FILE = "/var/lib/backupservice-metrics/backupservice.prom"
    WATCH = "backupservice-watch.service"

    def scrape():
        """The samples that node_exporter has, by name and labels."""
        text = machine.succeed("curl -sS --fail http://localhost:9100/metrics")
        samples = re.findall(r"^(backupservice_\w+|node_textfile_scrape_error)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
        return {(name, labels): float(value) for name, labels, value in samples}

    def written(*texts):
        """Waits until the watch that a run has started has written this."""
        for text in texts:
            machine.wait_until_succeeds(f"grep -qF '{text}' {FILE}")

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("systemctl start node-exporter.service")
    machine.wait_for_open_port(9100)

    with subtest("before any run"):
        machine.succeed(f"systemctl start {WATCH}", f"promtool check metrics < {FILE}")
        samples = scrape()
        assert samples["backupservice_timer_active", 'backup="app"'] == 1, samples
        assert ("backupservice_last_success_timestamp_seconds", 'backup="app"') not in samples
        assert samples["backupservice_deadline_timestamp_seconds", 'backup="app"'] > 0

    with subtest("after a success, a failure and a maintenance"):
        machine.succeed("systemctl start backupservice-app.service")
        machine.fail("systemctl start backupservice-broken.service")
        machine.succeed("systemctl start backupservice-app-maintain.service")
        machine.succeed("systemctl stop backupservice-app.timer")
        written(
            'last_run_outcome{backup="broken",outcome="failed"} 1',
            'last_maintenance_outcome{backup="app",outcome="success"} 1',
        )
        machine.succeed(f"systemctl start {WATCH}")
        # Other warnings than errors are on standard output, too.
        assert machine.succeed(f"promtool check metrics < {FILE} 2>&1") == ""
        samples = scrape()
        assert samples["node_textfile_scrape_error", ""] == 0
        record = json.loads(machine.succeed("cat /var/lib/backupservice/app/last-run.json"))
        for name, labels, value in [
            ("last_run_outcome", 'backup="app",outcome="success"', 1),
            ("last_run_outcome", 'backup="app",outcome="failed"', 0),
            ("last_run_outcome", 'backup="broken",outcome="failed"', 1),
            ("last_snapshot_added_bytes", 'backup="app"', record["totals"]["bytesAdded"]),
            ("last_snapshot_size_bytes", 'backup="app"', 4),
            ("snapshots", 'backup="app"', 1),
            ("repository_sound", 'backup="app"', 1),
            ("timer_active", 'backup="app"', 0),
            ("timer_active", 'backup="broken"', 1),
            ("overdue", 'backup="app"', 0),
            ("running", 'backup="app"', 0),
        ]:
            assert samples["backupservice_" + name, labels] == value, (name, labels, samples)
        seconds = samples["backupservice_last_run_phase_duration_seconds", 'backup="app",phase="backup"']
        # The first run has it twice: before and after the repository is made.
        phases = [phase["seconds"] for phase in record["phases"] if phase["name"] == "backup"]
        assert abs(seconds - sum(phases)) < 0.001, (seconds, phases)

    with subtest("anybody reads the file, and never half of it"):
        assert machine.succeed(f"stat -c '%a %U' {FILE}").split() == ["644", "backupservice-notify"]
        machine.succeed("test $(ls -A /var/lib/backupservice-metrics | wc -l) = 1")

    with subtest("a directory that cannot be written is told"):
        machine.succeed("chown root /var/lib/backupservice-metrics")
        machine.fail(f"systemctl start {WATCH}")
        machine.succeed(f"journalctl --sync && journalctl -u {WATCH} | grep -q 'Make backupservice-notify the owner of the directory'")
        machine.succeed("chown backupservice-notify /var/lib/backupservice-metrics", f"systemctl start {WATCH}")

    with subtest("the alerts are valid, and fire when they should"):
        machine.succeed("mkdir /root/monitoring", "cp -L /etc/monitoring/* /root/monitoring/")
        machine.succeed("promtool check rules /root/monitoring/alerts.yml")
        machine.succeed("promtool test rules /root/monitoring/alerts_test.yml")

    with subtest("alerts and dashboard ask for what there is"):
        names = set(re.findall(r"^# TYPE (\w+)", machine.succeed(f"cat {FILE}"), re.MULTILINE))
        for file in ("alerts.yml", "dashboard.json"):
            asked = set(re.findall(r"backupservice_\w+", machine.succeed(f"cat /root/monitoring/{file}")))
            assert asked and asked <= names, (file, asked - names)
        dashboard = json.loads(machine.succeed("cat /root/monitoring/dashboard.json"))
        targets = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        for expr in targets:
            expr = expr.replace("$instance", ".*").replace("$backup", ".*")
            machine.succeed(f"promtool promql format '{expr}' --experimental")
  '';
}
