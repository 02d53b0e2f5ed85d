#!/bin/sh
# Stands for the provider's program, which is `real` beside it. If `dies` is there, the next
# backup is killed when it has locked the repository. If `dies-locking` is there, the next borg is
# killed when it has begun to lock the repository.
here=${0%/*}
if [ -e "$here/dies-locking" ]; then
  rm "$here/dies-locking"
  mkdir "$BORG_REPO/lock.exclusive.1a2b3c4d.tmp"
  kill -KILL $$
fi
case " $* " in
  *" backup "* | *" create "*)
    if [ -e "$here/dies" ]; then
      rm "$here/dies"
      case $(readlink "$here/real") in
        */restic) exec "$here/real" backup --stdin-from-command -- sh -c 'kill -KILL $PPID' ;;
        */borg) exec "$here/real" with-lock :: sh -c 'kill -KILL $PPID' ;;
      esac
    fi
    ;;
esac
exec "$here/real" "$@"
