# Sandbox settings of the generated units.
{ lib }:
rec {
  # For every unit, also those with code of a service in any language.
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

  # For the executor and the provider.
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

  # Network access of the provider: none if its repository is local.
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

  # An empty file system with only these bind mounts. Without ProtectSystem=, which
  # would silently undo the empty root.
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

  # Files for name resolution, TLS, and the machine's host keys of others.
  remoteView = [
    "-/etc/hosts"
    "-/etc/nsswitch.conf"
    "-/etc/resolv.conf"
    "-/etc/services"
    "-/etc/ssh/ssh_known_hosts"
    "-/etc/ssl"
    "-/etc/static"
    "-/run/nscd"
  ];

  # A missing path must not fail the unit before the executor can explain it.
  optional = map (path: word "-${path}");

  # A path as one word of a setting that takes several. assertions/ refuses those that
  # no setting accepts. A `:` separates the two paths of a bind mount, since systemd
  # 262 also in quotes, unless it is escaped.
  word =
    path:
    if builtins.match "[a-zA-Z0-9/._+@-]*" path != null then
      path
    else
      "\"${lib.replaceStrings [ "%" ":" ] [ "%%" "\\:" ] path}\"";

  # A path in a line of tmpfiles.d.
  tmpfilesPath = path: lib.replaceStrings [ "%" " " ] [ "%%" "\\x20" ] path;

  # An entry of LoadCredential=: its path extends to the end of the line and is
  # unescaped, while the file of a generated password has `\x2d` in its name.
  credential = id: file: "${id}:${lib.replaceStrings [ "%" "\\" ] [ "%%" "\\\\" ] file}";

  capabilities = list: {
    AmbientCapabilities = lib.concatStringsSep " " list;
    CapabilityBoundingSet = lib.concatStringsSep " " list;
  };
}
