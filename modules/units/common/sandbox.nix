# What every generated unit has in common, whatever it runs.
{ lib }:
rec {
  # Holds for code of a service too, which may be written in any language.
  common = {
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateTmp = true;
    ProtectHostname = true;
    ProtectClock = true;
    ProtectKernelTunables = true;
    ProtectKernelModules = true;
    ProtectKernelLogs = true;
    ProtectControlGroups = true;
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    LockPersonality = true;
    SystemCallArchitectures = "native";
    KeyringMode = "private";
  };

  # Holds for the executor and the provider.
  base = common // {
    ProtectProc = "invisible";
    ProcSubset = "pid";
    MemoryDenyWriteExecute = true;
    RemoveIPC = true;
    SystemCallFilter = [
      "@system-service"
      "~@privileged @resources"
    ];
    SystemCallErrorNumber = "EPERM";
    UMask = "0077";
  };

  # What the provider may reach: nothing, or the network where its repository is.
  network =
    { isLocal }:
    if isLocal then
      {
        PrivateNetwork = true;
        IPAddressDeny = "any";
        RestrictAddressFamilies = [ "AF_UNIX" ];
      }
    else
      {
        RestrictAddressFamilies = [
          "AF_UNIX"
          "AF_INET"
          "AF_INET6"
          "AF_NETLINK"
        ];
      };

  # A file system of its own, in which nothing is but what is bound into it.
  # ProtectSystem= is left out: it would quietly cancel the empty root.
  privateView = {
    TemporaryFileSystem = "/:ro";
    MountAPIVFS = true;
    BindReadOnlyPaths = [
      builtins.storeDir
      "/etc/passwd"
      "/etc/group"
      "/run/dbus/system_bus_socket"
      "/run/systemd/journal"
      "/run/systemd/notify"
    ];
  };

  # What name resolution and TLS need.
  remoteView = [
    "-/etc/hosts"
    "-/etc/nsswitch.conf"
    "-/etc/resolv.conf"
    "-/etc/services"
    "-/etc/ssl"
    "-/etc/static"
    "-/run/nscd"
  ];

  # A missing path must not fail the unit before the executor can explain it.
  optional = map (path: word "-${path}");

  # A path as one word of a setting that takes several. Those that no setting could
  # take are refused in assertions/. A `:` separates the two paths of a bind mount,
  # since systemd 262 inside of quotes too, unless it is escaped.
  word =
    path:
    if builtins.match "[a-zA-Z0-9/._+@-]*" path != null then
      path
    else
      "\"${lib.replaceStrings [ "%" ":" ] [ "%%" "\\:" ] path}\"";

  # An entry of LoadCredential=, which takes one path, up to the end of the line, with
  # escapes in it: a repository's `-` is `\x2d` in the name of its password's file.
  credential = id: file: "${id}:${lib.replaceStrings [ "%" "\\" ] [ "%%" "\\\\" ] file}";

  capabilities = list: {
    AmbientCapabilities = lib.concatStringsSep " " list;
    CapabilityBoundingSet = lib.concatStringsSep " " list;
  };
}
