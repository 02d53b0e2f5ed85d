{
  name = "restic";
  package = "restic";
  program = "restic";
  backup = "backup";
  mark = "tag";
  init = "init";
  restore = "restore";
  locked = "ls -A /srv/backup/app/locks | grep -q .";
  check = "restic.real --no-cache --repo /srv/backup/app --password-file /var/lib/backupservice-secrets/srv-backup-app check";
}
