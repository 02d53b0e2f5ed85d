# A service with one of everything that a backup has to undo, in which every step
# can be held up: it waits while the file of its gate exists.
provider:
{ pkgs, ... }:
let
  gates = "/run/backupservice/app/gates";
  gate = name: "while [ -e ${gates}/${name} ]; do sleep 0.1; done";
  log = name: ''echo "${name} $BACKUP_RUN_ID ''${BACKUP_OUTCOME-}" >> /var/lib/app-log/hooks'';

  mkHook = name: command: {
    inherit name;
    command = ''
      ${log name}
      ${command}
      ${gate name}
    '';
    readWritePaths = [ "/var/lib/app-log" ];
  };

  sleeps.ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
in
{
  imports = [ ../../../modules ];

  backupservice.instances.app = {
    enable = true;
    provider = provider.name;
    user = "app";
    sourceDirectories = [
      "/var/lib/app"
      "/var/lib/other"
    ];
    excludePatterns = [ "*.live" ];
    repository.path = "/srv/backup/app";
    quiesce.units = [
      "app.service"
      "idle.service"
    ];
    restore.units = [ "app.service" ];
    hooks = {
      beforeBackup = [ (mkHook "freeze" "touch /var/lib/app/frozen") ];
      afterBackup = [
        (mkHook "thaw" "rm -f /var/lib/app/frozen")
        (mkHook "second" "")
      ];
      beforeRestore = [ (mkHook "pause" "") ];
      afterRestore = [ (mkHook "unpause" "") ];
    };
    streams.db = {
      dump = ''
        ${gate "dump"}
        cat /var/lib/other/db.live
      '';
      load = ''
        ${gate "load"}
        cat > /var/lib/other/db.live
      '';
    };
  };

  environment.systemPackages = [
    pkgs.${provider.package}
    pkgs.strace
  ];

  users.users.app = {
    isSystemUser = true;
    group = "app";
  };
  users.groups.app = { };
  systemd.tmpfiles.rules = [
    "d /var/lib/app 0755 app app -"
    "d /var/lib/other 0755 app app -"
    "d /var/lib/app-log 0777 root root -"
  ];

  systemd.services.app = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = sleeps // {
      ExecStartPre = pkgs.writeShellScript "start" (gate "resume");
      ExecStop = pkgs.writeShellScript "stop" (gate "quiesce");
    };
  };
  # Goes down with it.
  systemd.services.companion = {
    wantedBy = [ "multi-user.target" ];
    requires = [ "app.service" ];
    after = [ "app.service" ];
    serviceConfig = sleeps;
  };
  # Is quiesced, and did not run.
  systemd.services.idle.serviceConfig = sleeps;
}
