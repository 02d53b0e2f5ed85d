# Time spans and calendar events: systemd reads them when the system is built, so that a
# timer or a time limit never turns out to be wrong on a running machine.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.backupservice;
  layout = import ./layout.nix { inherit lib utils; };
  enabled = layout.enabled cfg.instances;

  calendar = field: value: {
    inherit field value;
    kind = "calendar";
  };
  timespan = field: value: {
    inherit field value;
    kind = "timespan";
  };

  ofInstance =
    name: instance:
    let
      field = "backupservice.instances.${name}";
    in
    [
      (calendar "${field}.schedule" instance.schedule)
      (timespan "${field}.randomizedDelay" instance.randomizedDelay)
    ]
    ++ lib.optional (instance.maintenance.schedule != null) (
      calendar "${field}.maintenance.schedule" instance.maintenance.schedule
    )
    ++ lib.concatMap (
      kind:
      map (hook: timespan "${field}.hooks.${kind}, hook ${hook.name}, timeout" hook.timeout) (
        layout.hooks name instance kind
      )
    ) (lib.attrNames layout.hookInfixes);

  times = [
    (timespan "backupservice.notify.grace" cfg.notify.grace)
  ]
  ++ lib.mapAttrsToList (
    name: hook: timespan "backupservice.notify.hooks.${name}.timeout" hook.timeout
  ) cfg.notify.hooks
  ++ lib.concatLists (lib.mapAttrsToList ofInstance enabled);

  # The build platform's programs, so that a system for another one is checked too. A
  # time zone is looked up here: systemd looks in /etc, which a build does not have.
  check = pkgs.buildPackages.runCommand "backupservice-times" { } ''
    failed=
    check() {
      local field=$1 kind=$2 value=$3 read=$3 zone=''${3##* }
      if [ "$kind" = calendar ] && [ "$zone" != "$value" ] &&
        [ -f "${pkgs.buildPackages.tzdata}/share/zoneinfo/$zone" ]; then
        read=''${value% *}
      fi
      ${pkgs.buildPackages.systemd}/bin/systemd-analyze "$kind" -- "$read" > /dev/null 2>&1 && return
      failed=1
      if [ "$kind" = calendar ]; then
        echo "$field: systemd cannot read the calendar event \"$value\"."
        echo "The timer would never start anything."
        echo "Write it as in systemd.time(7), such as \"Mon..Fri 03:30\"."
      else
        echo "$field: systemd cannot read the time span \"$value\"."
        echo "systemd would ignore it, and use its own default."
        echo "Write it as in systemd.time(7), such as \"1h 30min\"."
      fi >&2
    }
    ${lib.concatMapStrings (
      {
        field,
        kind,
        value,
      }:
      "check ${
        lib.escapeShellArgs [
          field
          kind
          value
        ]
      }\n"
    ) times}
    [ -z "$failed" ] && touch "$out"
  '';
in
{
  config = lib.mkIf (enabled != { }) { system.checks = [ check ]; };
}
