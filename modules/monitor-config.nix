# Configuration of the monitor: whom to notify about what.
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
  checkedJson = import ./checked-json.nix {
    inherit lib pkgs;
    inherit (cfg) package;
  };

  # Refers to the program, with all of its dependencies, only if a channel needs it.
  called =
    program: channels:
    if channels == { } then
      null
    else
      {
        inherit program;
        channels = lib.mapAttrs (_: channel: { inherit (channel) instances; }) channels;
      };

  document = {
    version = 1;
    inherit (cfg.notify) grace;
    systemdAnalyze = "${config.systemd.package}/bin/systemd-analyze";
    apprise = called (lib.getExe' pkgs.apprise "apprise") cfg.notify.apprise;
    ping = called (lib.getExe' pkgs.curl "curl") cfg.notify.ping;
    hooks = lib.mapAttrs (name: hook: {
      inherit (hook) instances;
      unit = "${layout.notifyHook name}.service";
      input = layout.notifyInput name;
    }) cfg.notify.hooks;
    inherit (cfg.metrics) textfile;
  };
in
{
  options.backupservice.notify.config = lib.mkOption {
    type = lib.types.package;
    internal = true;
    readOnly = true;
    description = "Configuration file of the monitor.";
  };

  config.backupservice.notify.config =
    checkedJson "backupservice-watch.json" "unit watch --check --config"
      document;
}
