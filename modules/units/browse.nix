# Reads the snapshots of an instance for people: a unit for each connection to a socket.
{
  cfg,
  lib,
  layout,
  sandbox,
  executor,
  forInstances,
  backupservice,
  plan,
  ...
}:
{
  systemd.sockets = forInstances (
    name: _: {
      "${layout.prefix name}-browse" = {
        description = "Read the snapshots of ${name}";
        wantedBy = [ "sockets.target" ];
        listenStreams = [ (layout.browseSocket name) ];
        socketConfig = {
          Accept = true;
          # Root, and the D-Bus service, for those whom polkit lets.
          SocketMode = "0660";
          SocketGroup = if cfg.bus.enable then layout.busUser else "root";
          DirectoryMode = "0755";
          RemoveOnStop = true;
          MaxConnections = 16;
        };
      };
    }
  );

  systemd.services = forInstances (
    name: instance: {
      "${layout.prefix name}-browse@" = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "Read the snapshots of ${name} (connection %i)";
        # One that failed is of no use to anybody.
        unitConfig.CollectMode = "inactive-or-failed";
        serviceConfig =
          executor.view name instance [ ]
          // sandbox.capabilities [ ]
          // {
            ExecStart = backupservice [
              "browse"
              "--plan"
              (plan name)
            ];
            # The connection, over which the reader also gets the answer.
            StandardInput = "socket";
            StandardOutput = "journal";
            StandardError = "journal";
          };
      };
    }
  );
}
