# How much of the machine all backups together get while others want it too.
{ cfg, forMachine, ... }:
{
  systemd.slices.backupservice = forMachine {
    description = "Backups";
    sliceConfig = {
      CPUWeight = cfg.weights.cpu;
      IOWeight = cfg.weights.io;
    };
  };
}
