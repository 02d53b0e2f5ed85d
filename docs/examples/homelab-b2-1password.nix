# The state of a homelab's services in one repository on Backblaze B2, every night at three,
# with secrets from 1Password (opnix). Every service that has a contract is backed up with its
# database, without the media; what it leaves out says its contract.
{ config, contracts, ... }:
let
  secrets = config.services.onepassword-secrets.secretPaths;
in
{
  services.onepassword-secrets = {
    enable = true;
    tokenFile = "/etc/opnix-token";
    secrets = {
      resticPassword.reference = "op://Homelab/Backblaze/restic password";
      # Two lines: B2_ACCOUNT_ID="the keyID" and B2_ACCOUNT_KEY="the credential".
      resticEnvironment.reference = "op://Homelab/Backblaze/environment";
    };
  };

  services.home-assistant = {
    enable = true;
    config = { };
  };
  services.jellyfin.enable = true;
  services.radarr.enable = true;
  services.sonarr.enable = true;
  services.prowlarr.enable = true;
  services.jackett.enable = true;
  services.transmission.enable = true;

  backupservice = {
    autoBind = true;
    defaults = {
      repository = {
        path = "b2:my-backup:restic";
        shared = true;
        passwordFile = secrets.resticPassword;
        environmentFile = secrets.resticEnvironment;
      };
      schedule = "03:00";
      retention = {
        daily = 7;
        weekly = 4;
        monthly = 6;
      };
    };

    # NixOS has no module for Backrest: its user and unit are made elsewhere.
    instances.backrest =
      contracts.backrest {
        user = "backrest";
        configDirectory = "/var/lib/backrest/config";
        dataDirectory = "/var/lib/backrest/data";
      }
      // {
        enable = true;
      };
  };
}
