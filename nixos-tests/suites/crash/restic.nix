{
  name = "restic";
  package = "restic";
  program = "restic";
  backup = "backup";
  mark = "tag";
  init = "init";
  restore = "restore";
  locked = "ls -A /srv/backup/app/locks | grep -q .";
  # restic chooses a key that takes this processor half a second to open. While it is
  # slow it chooses one that takes a tenth of that, for the hundreds of calls to come.
  hasten = ''
    restic.real --no-cache --repo /srv/backup/app \
      --password-file /var/lib/backupservice-secrets/srv-backup-app \
      key add --new-password-file /var/lib/backupservice-secrets/srv-backup-app &
    while kill -STOP $! 2> /dev/null; do sleep 0.1; kill -CONT $! || break; sleep 0.01; done
    wait $!
    cd /srv/backup/app/keys
    ls -t | tail -n +2 | xargs rm
    chown --reference=. *
  '';
  check = "restic.real --no-cache --repo /srv/backup/app --password-file /var/lib/backupservice-secrets/srv-backup-app check";
}
