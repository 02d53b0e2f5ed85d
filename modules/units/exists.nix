# Asks a repository on the network whether it exists, before a password is generated for it.
{
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
  systemd.services = forInstances (
    name: instance:
    let
      unit = lib.recursiveUpdate (executor.withProvider name instance) {
        description = "Ask whether the repository of ${name} exists";
        unitConfig.ConditionPathExists = "!${
          lib.replaceStrings [ "%" ] [ "%%" ] (layout.passwordFile instance)
        }";
        serviceConfig =
          executor.view name instance [ ]
          // sandbox.capabilities [ ]
          // {
            ExecStart = backupservice [
              "exists"
              "--plan"
              (plan name)
            ];
            # One that opens nothing: the answer to it is that there is something to open.
            SetCredential = map (id: if id == "password" then "password:unknown\\n" else "${id}:\\n") (
              lib.attrNames (layout.credentials instance)
            );
          };
      };
    in
    lib.optionalAttrs (layout.asksFirst instance) { ${layout.existsUnit name} = unit; }
  );
}
