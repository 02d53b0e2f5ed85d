# Units that run code of the service: hooks, dumps and loads. Each has the
# identity that its code asks for, and never the repository's credentials.
{
  config,
  lib,
  pkgs,
  layout,
  sandbox,
  slice,
  ...
}:
let
  identity = import ./identity.nix { inherit config lib; };

  # What no hook has to do with, even one that runs as root.
  forbidden =
    instance:
    sandbox.optional (
      [ layout.secretsDirectory ] ++ lib.optional (layout.isLocal instance) instance.repository.path
    );

  script =
    name: command:
    pkgs.writeShellScript name ''
      set -euo pipefail
      ${command}
    '';

  # `unit` is the name, `command` the shell text.
  step =
    name: instance:
    {
      unit,
      description,
      user,
      command,
      network ? false,
      readWritePaths ? [ ],
      serviceConfig ? { },
    }:
    {
      ${unit} = {
        inherit description;
        after = layout.databases;
        restartIfChanged = false;
        # A hook that failed yesterday may run again today, however often.
        startLimitIntervalSec = 0;
        serviceConfig =
          sandbox.common
          // identity.of user
          // {
            Type = "oneshot";
            Slice = slice name;
            LogExtraFields = "BACKUP_INSTANCE=${name}";
            ExecStart = script unit command;
            EnvironmentFile = "-${layout.runtimeDirectory name}/hook.env";
            # The facts in that file come from another identity: none of them
            # may change which code runs.
            UnsetEnvironment = [
              "BASH_ENV"
              "ENV"
              "LD_AUDIT"
              "LD_LIBRARY_PATH"
              "LD_PRELOAD"
              "PYTHONPATH"
            ];
            ProtectSystem = "strict";
            ProtectHome = "read-only";
            ReadWritePaths = sandbox.optional (layout.sources instance ++ readWritePaths);
            InaccessiblePaths = forbidden instance;
          }
          // lib.optionalAttrs (user != "root") { CapabilityBoundingSet = ""; }
          // lib.optionalAttrs (!network) {
            IPAddressDeny = "any";
            IPAddressAllow = "localhost";
          }
          // serviceConfig;
      };
    };

  hookUnit =
    name: instance: hook:
    step name instance {
      inherit (hook)
        unit
        user
        command
        network
        readWritePaths
        ;
      description = "Hook ${hook.name} of the backup of ${name}";
      serviceConfig = {
        TimeoutStartSec = hook.timeout;
      }
      // lib.optionalAttrs (hook.credentials != { }) {
        LoadCredential = lib.mapAttrsToList sandbox.credential hook.credentials;
      };
    };

  streamUnits =
    name: instance: stream:
    step name instance {
      inherit (stream) user;
      unit = stream.dumpUnit;
      command = stream.dump;
      description = "Dump of ${stream.name} for the backup of ${name}";
      # Opened before the identity is taken on: the service's user can write its
      # dump and not read it back.
      # What it complains of must not get into the dump.
      serviceConfig = {
        StandardOutput = "truncate:${stream.stagedFile}";
        StandardError = "journal";
      };
    }
    // step name instance {
      inherit (stream) user;
      unit = stream.loadUnit;
      command = stream.load;
      description = "Load of ${stream.name} from a backup of ${name}";
      serviceConfig = {
        StandardInput = "file:${stream.stagedFile}";
        StandardOutput = "journal";
        StandardError = "journal";
      };
    };
in
{
  services =
    name: instance:
    lib.mergeAttrsList (
      map (hookUnit name instance) (layout.allHooks name instance)
      ++ map (streamUnits name instance) (layout.streams name instance)
    );
}
