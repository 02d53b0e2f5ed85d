# Settings with which a unit runs as a user, who may be the DynamicUser of a service
# and then exists only while a unit runs.
{ config, lib }:
let
  userOf = name: service: service.serviceConfig.User or name;

  # Our own units are defined with this, and must not be evaluated for it.
  dynamic = lib.filterAttrs (
    name: service:
    !lib.hasPrefix "backupservice-" name
    && lib.elem (service.serviceConfig.DynamicUser or false) [
      true
      "true"
      "yes"
    ]
  ) config.systemd.services;
  serviceOf =
    user:
    lib.findFirst (service: service != null) null (
      lib.mapAttrsToList (name: service: if userOf name service == user then service else null) dynamic
    );
in
{
  # Whether some unit can run as `user`.
  exists = user: config.users.users ? ${user} || serviceOf user != null;

  # The settings with which a unit runs as `user`.
  of =
    user:
    let
      service = serviceOf user;
    in
    if config.users.users ? ${user} || service == null then
      {
        User = user;
      }
    else
      {
        User = user;
        DynamicUser = true;
      }
      # systemd gives the state directory the owner and mode that the unit asks for: both
      # must be those of the service that uses it.
      // lib.getAttrs (lib.filter (name: service.serviceConfig ? ${name}) [
        "Group"
        "SupplementaryGroups"
        "StateDirectory"
        "StateDirectoryMode"
      ]) service.serviceConfig;
}
