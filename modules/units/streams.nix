# Dumps and loads of data that cannot be copied as files.
{
  lib,
  layout,
  step,
  forInstances,
  script,
  ...
}:
let
  streamUnits =
    name: instance: stream:
    step name instance {
      inherit (stream) user;
      unit = stream.dumpUnit;
      execStart = script stream.dumpUnit stream.dump;
      description = "Dump ${stream.name} for the backup of ${name}";
      # systemd opens the file before switching to the user, who can write the dump
      # but not read it back. Error messages must not get into it.
      serviceConfig = {
        StandardOutput = "truncate:${stream.dumpedFile}";
        StandardError = "journal";
      };
    }
    // step name instance {
      inherit (stream) user;
      unit = stream.loadUnit;
      execStart = script stream.loadUnit stream.load;
      description = "Load ${stream.name} from a backup of ${name}";
      serviceConfig = {
        StandardInput = "file:${stream.loadedFile}";
        StandardOutput = "journal";
        StandardError = "journal";
      };
    };
in
{
  systemd.services = forInstances (
    name: instance: lib.mergeAttrsList (map (streamUnits name instance) (layout.streams name instance))
  );

  # Nobody but root can put a link in the place of a file that root opens. The executor
  # empties the files.
  systemd.tmpfiles.rules = forInstances (
    name: instance:
    [ "d ${layout.stagingDirectory name} 0750 root backupservice - -" ]
    ++ map (stream: "f ${stream.dumpedFile} 0600 backupservice backupservice - -") (
      layout.streams name instance
    )
  );
}
