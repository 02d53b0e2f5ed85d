# The documents of a desktop's user on Backblaze B2, every night, with secrets from agenix
# and a desktop notification when something is wrong.
#
# The secrets, as agenix edits them: `restic/repo.age` holds the repository, such as
# b2:my-bucket-name; `restic/password.age` its password; `restic/env.age` the lines
# B2_ACCOUNT_ID="my-id" and B2_ACCOUNT_KEY="my-key".
{ config, ... }:
{
  age.secrets = {
    "restic/env".file = ../secrets/restic/env.age;
    "restic/repo".file = ../secrets/restic/repo.age;
    "restic/password".file = ../secrets/restic/password.age;
  };

  backupservice.instances.documents = {
    enable = true;
    user = "arthur";
    sourceDirectories = [ "${config.users.users.arthur.home}/documents" ];
    repository = {
      pathFile = config.age.secrets."restic/repo".path;
      passwordFile = config.age.secrets."restic/password".path;
      environmentFile = config.age.secrets."restic/env".path;
    };
    retention = {
      daily = 7;
      weekly = 5;
      monthly = 12;
    };
  };

  backupservice.notify.desktop.users = [ "arthur" ];
}
