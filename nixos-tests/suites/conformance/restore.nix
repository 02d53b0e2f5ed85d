# A restore that does not come to its end leaves the data that is there.
{ ... }:
{
  node.backupservice.instances.precious = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/mnt/tiny/precious" ];
    restore.units = [ "keeper.service" ];
    repository.path = "/srv/backup/precious";
  };
  node.systemd.services.keeper = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig.ExecStart = "/run/current-system/sw/bin/sleep infinity";
  };

  script = "";
}
