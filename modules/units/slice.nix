# CPU and I/O share of all backups together, while the machine is busy.
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
