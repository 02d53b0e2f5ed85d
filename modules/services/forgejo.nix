# Forgejo: repositories, LFS, attachments, packages, settings and secrets, the database.
#
# Stopped while its state is read, as its documentation asks: a push changes repositories
# and database together, and both must fit. Logs, queues, sessions, search indexes and its
# own dumps are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
import ./common/forge.nix { inherit config lib contracts; } "forgejo"
