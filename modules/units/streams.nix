# Dumps and loads of data that cannot be copied as files.
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
      description = "Dump ${stream.name} for the backup of ${name}";
      # systemd opens the file before switching to the user, who can write the dump
      # but not read it back. Error messages must not get into it.
      serviceConfig = {
        StandardOutput = "truncate:${stream.stagedFile}";
        StandardError = "journal";
      };
    }
    // step name instance {
      inherit (stream) user;
      unit = stream.loadUnit;
      command = stream.load;
      description = "Load ${stream.name} from a backup of ${name}";
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
