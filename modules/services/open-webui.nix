# Open WebUI: accounts, chats, uploaded files and their vectors.
#
# Stopped while its state is read: the vectors must fit the database. Caches and
# downloaded models are not saved.
{
  config,
  lib,
  contracts,
  ...
}:
let
  common = import ./common { inherit config lib contracts; };

  inherit (common.unit "open-webui") user stateDirectory;
in
common.service "open-webui" {
  contract = {
    inherit user;
    sourceDirectories = [ stateDirectory ];
    # In newer releases in `data`.
    excludePatterns =
      lib.concatMap
        (name: [
          "${stateDirectory}/${name}/*"
          "${stateDirectory}/data/${name}/*"
        ])
        [
          "cache"
          "hf_home"
          "transformers_home"
        ];
    quiesce.units = [ "open-webui.service" ];
    restore.units = [ "open-webui.service" ];
  };
}
