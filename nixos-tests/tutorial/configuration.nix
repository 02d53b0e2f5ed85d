{
  services.radicale = {
    enable = true;
    settings.auth.type = "none";
  };

  backupservice.instances.radicale = {
    enable = true;
    user = "radicale";
    sourceDirectories = [ "/var/lib/radicale/collections" ];
    quiesce.units = [ "radicale.service" ];
    restore.units = [ "radicale.service" ];
    repository.path = "/srv/backup/radicale";
  };
}
