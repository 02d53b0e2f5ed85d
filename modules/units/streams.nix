# Dumps and loads of what cannot be copied as files.
{
  lib,
  layout,
  step,
  forInstances,
  ...
}:
let
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
  systemd.services = forInstances (
    name: instance: lib.mergeAttrsList (map (streamUnits name instance) (layout.streams name instance))
  );
}
