# A unit that runs code of the service: a hook, a dump or a load. It runs as the user
# that the contract names, and never gets the repository's credentials.
{
  lib,
  layout,
  sandbox,
  identity,
  slice,
  ...
}:
let
  # Paths that no hook may see, not even one that runs as root.
  forbidden =
    instance:
    sandbox.optional (
      [ layout.secretsDirectory ] ++ lib.optional (layout.isLocal instance) instance.repository.path
    );
in
# `unit` is the name, `execStart` what it runs.
name: instance:
{
  unit,
  description,
  user,
  execStart,
  network ? false,
  readWritePaths ? [ ],
  path ? [ ],
  serviceConfig ? { },
}:
{
  ${unit} = {
    inherit description path;
    after = layout.databases;
    restartIfChanged = false;
    # A hook that failed yesterday may run again today, however often.
    startLimitIntervalSec = 0;
    serviceConfig =
      sandbox.common
      // identity.of user
      // {
        Type = "oneshot";
        # In time for the run that waits for it.
        TimeoutStopSec = "1min";
        Slice = slice name;
        LogExtraFields = "BACKUP_INSTANCE=${name}";
        ExecStart = execStart;
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
}
