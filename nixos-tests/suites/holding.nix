# Holds whoever opens a file until the test has done what it wants to do meanwhile: no
# test has to hope that real work takes long enough. Its words are ./holding/script.py.
{ pkgs, ... }:
{
  environment.etc."holding/hold.py".source = ./holding/hold.py;
  environment.systemPackages = [
    pkgs.procps
    pkgs.python3
  ];
  # `systemctl start A let-go` lets go after the start of A was asked for.
  systemd.services.let-go = {
    serviceConfig.Type = "oneshot";
    script = "systemctl stop hold";
  };
}
