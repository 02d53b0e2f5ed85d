{
  name = "borg";
  package = "borgbackup";
  program = "borg";
  backup = "create";
  mark = "rename";
  init = "init";
  restore = "extract";
  locked = "[ -e /srv/backup/app/lock.exclusive ]";
  hasten = "true";
  check = ''
    test ! -e /srv/backup/app/lock.exclusive
    BORG_BASE_DIR=/root/borg BORG_PASSCOMMAND="cat /var/lib/backupservice-secrets/srv-backup-app" borg.real check /srv/backup/app
  '';
}
