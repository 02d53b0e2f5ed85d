# Names of the units and paths of the files of an instance: pure functions, shared by
# the plan and the units, which must agree.
{ lib, utils }:
rec {
  # Kinds of hooks, with the part of the unit name.
  hookInfixes = {
    beforeBackup = "before";
    afterBackup = "after";
    beforeRestore = "before-restore";
    afterRestore = "after-restore";
  };

  enabled = lib.filterAttrs (_: instance: instance.enable);

  prefix = name: "backupservice-${name}";

  # Each hook with its name filled in, its unit, and its user.
  hooks =
    name: instance: kind:
    lib.imap1 (
      position: hook:
      let
        hookName = if hook.name == null then toString position else hook.name;
      in
      hook
      // {
        name = hookName;
        unit = "${prefix name}-${hookInfixes.${kind}}-${hookName}";
        user = if hook.user == null then instance.user else hook.user;
      }
    ) instance.hooks.${kind};

  allHooks = name: instance: lib.concatMap (hooks name instance) (lib.attrNames hookInfixes);

  streams =
    name: instance:
    lib.mapAttrsToList (
      streamName: stream:
      stream
      // {
        name = streamName;
        dumpUnit = "${prefix name}-dump-${streamName}";
        loadUnit = "${prefix name}-load-${streamName}";
        dumpedFile = "${stagingDirectory name}/${streamName}";
        loadedFile = "${restoreDirectory name}/staging/${streamName}";
        user = if stream.user == null then instance.user else stream.user;
      }
    ) instance.streams;

  # Every unit that an instance generates, without suffix.
  units =
    name: instance:
    map (suffix: prefix name + suffix) [
      ""
      "-prepare"
      "-exists"
      "-snapshots"
      "-browse@"
      "-maintain"
      "-restore@"
    ]
    ++ map (hook: hook.unit) (allHooks name instance)
    ++ lib.concatMap (stream: [
      stream.dumpUnit
      stream.loadUnit
    ]) (streams name instance);

  # All users that an instance's hooks and streams run as.
  users =
    name: instance:
    lib.unique (
      [ instance.user ] ++ map (step: step.user) (allHooks name instance ++ streams name instance)
    );

  stateDirectory = name: "/var/lib/backupservice/${name}";

  # Dumps of backups, and journal and dumps of restores: systemd and restores open them
  # with more rights than backups have, so their parents belong to root.
  stagingDirectory = name: "/var/lib/backupservice/.staging/${name}";
  restoreDirectory = name: "/var/lib/backupservice/.restores/${name}";

  runtimeDirectory = name: "/run/backupservice/${name}";
  secretsDirectory = "/var/lib/backupservice-secrets";

  # Servers that hooks and streams may need: a run that is caught up at boot is early.
  databases = [
    "mysql.service"
    "postgresql.service"
  ];

  # Records of which instances keep a unit stopped, below /run.
  stoppedUnit = unit: "backupservice/.stopped/${lib.replaceStrings [ "\\" ":" ] [ "_" "_" ] unit}";

  # Which waiting runs are to wait no longer. The D-Bus service writes it, besides root.
  demandDirectory = "/run/backupservice/.demands";

  # Socket of the unit that reads snapshots. A path of a socket has at most 107 characters.
  browseSocket = name: "/run/backupservice-browse/${name}";

  # Locks shared by instances, below /run. No instance's name starts with a dot.
  locks = "backupservice/.locks";

  # Notes of which processes may hold locks in repositories, shared by instances, below
  # /var/lib.
  holders = "backupservice/.holders";

  # Name on D-Bus.
  busName = "org.backupservice1";

  # Users besides `backupservice` and those of the services.
  busUser = "backupservice-bus";
  notifyUser = "backupservice-notify";

  # State of the monitor and its notifications, below /var/lib.
  events = "backupservice/.events";

  # Copies of the monitor's state, below /run.
  monitorRuntime = "backupservice-watch";

  # Input of notification hooks, below /run.
  notifyRuntime = "backupservice-notify";
  notifyHook = name: "backupservice-notify-${name}";
  notifyInput = name: "/run/${notifyRuntime}/${name}.json";

  sources =
    instance:
    map (path: if path == "/" then path else lib.removeSuffix "/" path) instance.sourceDirectories;

  isUrl = path: builtins.match "[a-z][a-z0-9+.-]*:.*" path != null;
  isLocal = instance: instance.repository.path != null && !isUrl instance.repository.path;
  generatesPassword = instance: instance.repository.passwordFile == null;

  # The deepest mount that the machine declares above `path`, as { where, type }; the
  # root file system if there is no other.
  mountAbove =
    config: path:
    let
      fileSystems = map (mount: {
        where = mount.mountPoint;
        type = mount.fsType;
      }) (lib.filter (mount: mount.enable or true) (lib.attrValues config.fileSystems));
      units = map (mount: {
        inherit (mount) where type;
      }) config.systemd.mounts;
      length = mount: lib.stringLength (lib.removeSuffix "/" mount.where);
      deeper = a: b: if length b >= length a then b else a;
    in
    lib.foldl' deeper {
      where = "/";
      type = "";
    } (lib.filter (mount: isWithin mount.where path) (fileSystems ++ units));

  # The mount point that a local repository must lie on, if the machine declares one.
  mountPoint =
    config: instance:
    let
      inherit (instance.repository) path mountPoint;
      declared = lib.removeSuffix "/" (mountAbove config path).where;
    in
    if !isLocal instance then
      null
    else if mountPoint != null then
      lib.removeSuffix "/" mountPoint
    else if declared != "" then
      declared
    else
      null;

  # One password per repository, shared by all of its instances. If the repository is
  # known only at run time: one per file that names it.
  passwordFile =
    instance:
    if generatesPassword instance then
      "${secretsDirectory}/${secretName instance}"
    else
      instance.repository.passwordFile;

  # A repository on the network may have been made by the machine that this one replaces.
  asksFirst = instance: generatesPassword instance && !isLocal instance;
  existsUnit = name: "${prefix name}-exists";

  # The unit that generates it.
  secretsUnit = instance: "backupservice-secrets@${secretName instance}";

  secretName =
    { repository, ... }:
    utils.escapeSystemdPath (
      if repository.path != null then
        repository.path
      else
        # Without either, the instance is refused.
        lib.defaultTo "none" repository.pathFile
    );

  # Credentials by name, each with its file.
  credentials =
    instance:
    lib.filterAttrs (_: file: file != null) {
      password = passwordFile instance;
      repository = instance.repository.pathFile;
      environment = instance.repository.environmentFile;
      ssh-key = instance.repository.sshKeyFile;
      ssh-known-hosts = instance.repository.sshKnownHostsFile;
    };

  # Whether `path` is `parent` or lies below it.
  isWithin = parent: path: lib.hasPrefix "${lib.removeSuffix "/" parent}/" "${path}/";
}
