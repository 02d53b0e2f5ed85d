# What must be saved of Radicale, and where to.
{
  backupservice.instances.radicale = {
    enable = true;
    user = "radicale";
    sourceDirectories = [ "/var/lib/radicale/collections" ];
    quiesce.units = [ "radicale.service" ];
    restore.units = [ "radicale.service" ];
    repository.path = "/srv/backup/radicale";
  };
}
