# Journal messages: fields, and explanations with remedies.
{ ... }:
{
  name = "journal";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ ../modules ];

      backupservice.instances.app = {
        enable = true;
        user = "root";
        sourceDirectories = [ "/var/lib/app" ];
        repository.path = "/srv/backup/app";
        hooks.afterBackup = [
          {
            name = "thaw";
            command = "echo thawing; test ! -e /run/broken";
          }
        ];
      };
      environment.systemPackages = [ pkgs.restic ];
      systemd.tmpfiles.rules = [
        "d /var/lib/app 0755 root root -"
        "f /var/lib/app/data 0644 root root - data"
      ];
    };

  testScript = ''
    import json

    UNIT = "backupservice-app.service"

    def messages(*matches, since="-1h"):
        command = f"journalctl --sync && journalctl --output=json --since={since} BACKUP_INSTANCE=app {' '.join(matches)}"
        return [json.loads(line) for line in machine.succeed(command).splitlines()]

    def explained(message_id):
        """What a person reads, of the last message of its kind."""
        text = machine.succeed(f"journalctl --sync && journalctl -x --no-pager --lines=1 --unit={UNIT} MESSAGE_ID={message_id}")
        machine.log(text)
        return text

    def has(text, *words):
        for word in words:
            assert word in text, (word, text)

    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.wait_for_unit("backupservice-catalog.service")

    with subtest("a backup that went well: every phase, with the fields that dashboards rely on"):
        machine.succeed(f"systemctl start {UNIT}")
        record = json.loads(machine.succeed("cat /var/lib/backupservice/app/last-run.json"))
        end = messages("MESSAGE_ID=79394b588cdc4fd78dbc07d067b0a57e")[-1]
        assert end["BACKUP_RUN_ID"] == end["_SYSTEMD_INVOCATION_ID"] == record["runId"], end
        assert end["BACKUP_OUTCOME"] == "success" and end["BACKUP_PROVIDER"] == "restic", end
        assert end["BACKUP_SNAPSHOT"] == record["snapshot"], end
        assert int(end["BACKUP_BYTES_ADDED"]) == record["totals"]["bytesAdded"], end
        told = [message["BACKUP_PHASE"] for message in messages("MESSAGE_ID=2c459f4b5dcb42cd9b17b11e63069d10")]
        assert told == [phase["name"] for phase in record["phases"]], (told, record["phases"])

    with subtest("what a hook says has the field of its instance too"):
        said = [message for message in messages() if message["MESSAGE"] == "thawing"]
        assert said and said[0]["_SYSTEMD_UNIT"] == "backupservice-app-after-thaw.service", said

    with subtest("every line of the provider has it too"):
        machine.succeed("cp /srv/backup/app/config /root/config && chmod u+w /srv/backup/app/config && echo nonsense > /srv/backup/app/config")
        machine.fail(f"systemctl start {UNIT}")
        lines = [message["MESSAGE"] for message in messages("MESSAGE_ID=aa3f2192550844cc8828434097280ad1")]
        assert any("config" in line for line in lines), lines
        machine.succeed("cat /root/config > /srv/backup/app/config")

    with subtest("journalctl -x explains a failure, and what to do"):
        machine.succeed("mv /var/lib/app /var/lib/gone")
        machine.fail(f"systemctl start {UNIT}")
        has(
            explained("b20214f8be714998b9e354a336989699"),
            "Subject: Backup of app failed",
            "Cause: the source /var/lib/app does not exist",
            "What to do: create it, start the service that does, or mount it",
            "journalctl _SYSTEMD_INVOCATION_ID=",
        )
        machine.succeed("mv /var/lib/gone /var/lib/app")

    with subtest("journalctl -x explains a failed cleanup"):
        machine.succeed("touch /run/broken")
        machine.fail(f"systemctl start {UNIT}")
        has(
            explained("d21485c132f5494382e8b73972282c49"),
            "Cleanup after the backup of app failed",
            "backup itself: success",
            "backupservice-app-after-thaw.service",
        )
        machine.succeed("rm /run/broken")

    with subtest("every message that has an id is in the catalog"):
        ids = {message["MESSAGE_ID"] for message in messages(f"_SYSTEMD_UNIT={UNIT}") if "MESSAGE_ID" in message}
        assert len(ids) > 4, ids
        for message_id in ids:
            has(machine.succeed(f"journalctl --dump-catalog {message_id}"), "Defined-By: backupservice")
  '';
}
