# Repositories: which places are accepted, and which are refused because they are
# unknown to the provider, in each other's way, or perhaps on no disk at all.
{ lib, evalNixos, ... }:
let
  inherit (import ./common { inherit lib evalNixos; })
    good
    problemsOf
    refusals
    refusalsOf
    ;

  # Refusals of two instances with these repositories.
  ofTwo =
    one: two:
    refusalsOf [
      {
        backupservice.instances = {
          one = lib.recursiveUpdate good one;
          two = lib.recursiveUpdate good two;
        };
      }
    ];

  # What a repository that is accessed over SSH needs.
  ssh = {
    sshKeyFile = "/run/agenix/ssh-key";
    sshKnownHostsFile = "/etc/ssh/ssh_known_hosts";
  };

  layout = import ../../modules/layout.nix {
    inherit lib;
    utils = { };
  };

  problems =
    settings: problemsOf [ { backupservice.instances.x = lib.recursiveUpdate good settings; } ];

  disk = mountPoint: {
    inherit mountPoint;
    device = "/dev/disk/by-label/backup";
    fsType = "ext4";
  };
in
{
  "one repository with one password for two instances" = {
    expr = [
      (ofTwo { } { })
      (ofTwo { repository.passwordFile = "/run/p"; } { repository.passwordFile = "/run/p"; })
    ];
    expected = [
      [ ]
      [ ]
    ];
  };

  "one repository under two providers" = {
    expr = ofTwo { } { provider = "borg"; };
    expected = [
      ''
        backupservice.instances: one and two have the same repository "/srv/backup/x" under different providers, restic and borg.
        Only the provider that creates a repository can read it, so one of the backups would never succeed.
        Choose another repository.path or the same provider for one of them.
      ''
    ];
  };

  "one repository under two passwords" = {
    expr = ofTwo { } {
      repository.path = "/srv/backup/x/";
      repository.passwordFile = "/run/agenix/password";
    };
    expected = [
      ''
        backupservice.instances: one and two have the same repository "/srv/backup/x" under different passwords, in /var/lib/backupservice-secrets/srv-backup-x and /run/agenix/password.
        A repository is created with one password, so one of the backups would never succeed.
        Set the same repository.passwordFile for both, or choose another repository.path for one of them.
      ''
    ];
  };

  "a repository inside another" = {
    expr = ofTwo { } { repository.path = "/srv/backup/x/y"; };
    expected = [
      ''
        backupservice.instances: the repository "/srv/backup/x/y" of two lies inside the repository "/srv/backup/x" of one.
        A repository must not contain anything but snapshots: checking or deleting one would touch the other.
        Choose another repository.path for one of them.
      ''
    ];
  };

  "a repository whose name another's name starts with" = {
    expr = ofTwo { } { repository.path = "/srv/backup/x-y"; };
    expected = [ ];
  };

  "a disabled instance is in nobody's way" = {
    expr = ofTwo { } {
      enable = false;
      provider = "borg";
    };
    expected = [ ];
  };

  "URLs that the provider understands" = {
    expr =
      lib.concatMap
        (
          path:
          problems {
            provider = if lib.hasPrefix "ssh:" path then "borg" else "restic";
            repository = ssh // {
              inherit path;
            };
          }
        )
        [
          "sftp:backup@host:/srv/backup"
          "sftp://backup@[::1]:22//srv/backup"
          "rest:https://host:8000/x/"
          "s3:https://s3.example.org/bucket/x"
          "s3:s3.amazonaws.com/bucket"
          "b2:bucket:x"
          "azure:container:/x"
          "gs:bucket:/x"
          "swift:container:/x"
          "rclone:remote:x"
          "ssh://backup@host:22/./x"
          "ssh://backup@[fe80::1]/srv/x"
        ];
    expected = [ ];
  };

  "URLs that the provider does not understand" = {
    expr =
      lib.concatMap
        (
          { provider, path }:
          refusals {
            inherit provider;
            repository = ssh // {
              inherit path;
            };
          }
        )
        [
          {
            provider = "restic";
            path = "ssh://backup@host/srv/backup";
          }
          {
            provider = "restic";
            path = "https://host/x";
          }
          {
            provider = "borg";
            path = "sftp:backup@host:/srv/backup";
          }
        ]
      ++ lib.concatMap (path: problems { repository = { inherit path; }; }) [
        "rest:host:8000/x"
        "local:/srv/backup/x"
        "b3:bucket"
      ]
      ++ lib.concatMap (
        path:
        problems {
          provider = "borg";
          repository = {
            inherit path;
          };
        }
      ) [ "ssh://host/a::b" ];
    expected = [
      ''
        backupservice.instances.x.repository.path: restic does not understand the URL "ssh://backup@host/srv/backup".
        No backup would ever succeed.
        Write an absolute path or a URL such as azure:container:/path, b2:bucket:path, gs:bucket:/path, rclone:remote:path, rest:https://host/path, s3:https://host/bucket, sftp:user@host:/path, swift:container:/path; or choose another provider.
      ''
      ''
        backupservice.instances.x.repository.path: restic does not understand the URL "https://host/x".
        No backup would ever succeed.
        Write an absolute path or a URL such as azure:container:/path, b2:bucket:path, gs:bucket:/path, rclone:remote:path, rest:https://host/path, s3:https://host/bucket, sftp:user@host:/path, swift:container:/path; or choose another provider.
      ''
      ''
        backupservice.instances.x.repository.path: borg does not understand the URL "sftp:backup@host:/srv/backup".
        No backup would ever succeed.
        Write an absolute path or a URL such as ssh://user@host/path; or choose another provider.
      ''
      "backupservice.instances.x.repository.path: restic does not understand the URL \"rest:host:8000/x\"."
      "backupservice.instances.x.repository.path: restic does not understand the URL \"local:/srv/backup/x\"."
      "backupservice.instances.x.repository.path: restic does not understand the URL \"b3:bucket\"."
      "backupservice.instances.x.repository.path: borg does not understand the URL \"ssh://host/a::b\"."
    ];
  };

  "a removable disk that is declared nowhere" = {
    expr =
      refusals { repository.path = "/mnt/disk/backup"; }
      ++ lib.concatMap (path: problems { repository = { inherit path; }; }) [
        "/media/disk"
        "/run/media/alice/disk/backup"
      ];
    expected = [
      ''
        backupservice.instances.x.repository.path: nothing is known to be mounted above "/mnt/disk/backup".
        While the disk is missing, backups would go to the file system below its mount point.
        Declare the mount in fileSystems, set repository.mountPoint to its mount point, or choose a path outside of /mnt, /media and /run/media.
      ''
      "backupservice.instances.x.repository.path: nothing is known to be mounted above \"/media/disk\"."
      "backupservice.instances.x.repository.path: nothing is known to be mounted above \"/run/media/alice/disk/backup\"."
    ];
  };

  "the mount point of a repository" =
    let
      mountPointOf =
        module:
        let
          modules = [
            { backupservice.instances.x = lib.recursiveUpdate good { repository.path = "/mnt/disk/backup"; }; }
            module
          ];
          inherit (evalNixos modules) config;
        in
        problemsOf modules ++ [ (layout.mountPoint config config.backupservice.instances.x) ];
    in
    {
      expr = map mountPointOf [
        { fileSystems."/mnt/disk" = removeAttrs (disk "") [ "mountPoint" ]; }
        { fileSystems.backup = disk "/mnt/disk"; }
        {
          fileSystems.all = disk "/mnt";
          fileSystems.backup = disk "/mnt/disk";
        }
        { backupservice.instances.x.repository.mountPoint = "/mnt/disk"; }
        {
          fileSystems.all = disk "/mnt";
          backupservice.instances.x.repository.mountPoint = "/mnt/disk";
        }
        { backupservice.defaults.repository.mountPoint = "/mnt/disk"; }
      ];
      expected = lib.genList (_: [ "/mnt/disk" ]) 6;
    };

  "a mount point that the repository is not on" = {
    expr =
      refusals { repository.mountPoint = "/mnt/disk"; }
      ++ lib.concatMap (repository: problems { inherit repository; }) [
        { mountPoint = "srv"; }
        {
          path = "b2:bucket:x";
          mountPoint = "/srv";
        }
      ];
    expected = [
      ''
        backupservice.instances.x.repository.mountPoint: "/mnt/disk" is not above the repository "/srv/backup/x".
        The backup could not tell whether the disk of the repository is there.
        Set it to the mount point that the repository is on, or to null if it comes from backupservice.defaults.
      ''
      "backupservice.instances.x.repository.mountPoint: \"srv\" is not an absolute path without \".\" and \"..\"."
      "backupservice.instances.x.repository.mountPoint: \"/srv\" is set, but the repository is not a path on this machine."
    ];
  };

  "a prefix with a trailing slash" = {
    expr =
      map
        (
          prefix:
          (evalNixos [
            {
              backupservice.defaults.repository.path = prefix;
              backupservice.instances.x = removeAttrs good [ "repository" ];
            }
          ]).config.backupservice.instances.x.repository.path
        )
        [
          "/srv/backup/"
          "/srv/backup"
          "rest:https://host/"
        ];
    expected = [
      "/srv/backup/x"
      "/srv/backup/x"
      "rest:https://host/x"
    ];
  };

  "one repository shared by all instances" = {
    expr = lib.mapAttrs (_: instance: instance.repository.path) (
      (evalNixos [
        {
          backupservice = {
            defaults.repository = {
              path = "b2:my-bucket:restic";
              shared = true;
              passwordFile = "/run/agenix/restic";
            };
            instances = {
              one = removeAttrs good [ "repository" ];
              two = removeAttrs good [ "repository" ];
              three = lib.recursiveUpdate good { repository.path = "/srv/backup/three"; };
            };
          };
        }
      ]).config.backupservice.instances
    );
    expected = {
      one = "b2:my-bucket:restic";
      two = "b2:my-bucket:restic";
      three = "/srv/backup/three";
    };
  };

  "a generated password on a file system that forgets" =
    let
      of =
        module:
        refusalsOf [
          { backupservice.instances.x = good; }
          module
        ];
      root = {
        fileSystems."/" = {
          device = "none";
          fsType = "tmpfs";
        };
      };
    in
    {
      expr = map of [
        root
        {
          imports = [ root ];
          backupservice.instances.x.repository.passwordFile = "/run/agenix/password";
        }
        {
          imports = [ root ];
          fileSystems."/var/lib" = removeAttrs (disk "") [ "mountPoint" ];
        }
        {
          imports = [ root ];
          systemd.mounts = [
            {
              what = "/persistent/var/lib/backupservice-secrets";
              where = "/var/lib/backupservice-secrets";
              options = "bind";
            }
          ];
        }
      ];
      expected = [
        [
          ''
            backupservice.instances.x.repository.passwordFile: is not set, and the generated password would be in /var/lib/backupservice-secrets, which a reboot empties.
            Without the password nobody can read the backups.
            Set repository.passwordFile, or keep /var/lib/backupservice-secrets on a disk, for example with a bind mount in fileSystems.
          ''
        ]
        [ ]
        [ ]
        [ ]
      ];
    };

  "ssh without a key, or a host that nobody knows" =
    let
      of =
        modules: provider: repository:
        problemsOf (
          modules
          ++ [
            {
              backupservice.instances.x = lib.recursiveUpdate good {
                inherit provider repository;
              };
            }
          ]
        );
      known.programs.ssh.knownHosts.host.publicKey = "ssh-ed25519 AAAA";
      sftp = "sftp:backup@host:/srv";
      key = { inherit (ssh) sshKeyFile; };
    in
    {
      expr = [
        (of [ ] "restic" { path = sftp; })
        (of [ ] "borg" (key // { path = "ssh://backup@host/srv"; }))
        (of [ known ] "restic" (key // { path = sftp; }))
        (of [ ] "restic" (ssh // { path = sftp; }))
        (of [ ] "restic" { path = "b2:bucket:x"; })
      ];
      expected = [
        [
          "backupservice.instances.x.repository.sshKeyFile: is not set, and the repository \"sftp:backup@host:/srv\" is accessed over SSH."
          "backupservice.instances.x.repository.sshKnownHostsFile: is not set, programs.ssh.knownHosts is empty, and the repository \"sftp:backup@host:/srv\" is accessed over SSH."
        ]
        [
          "backupservice.instances.x.repository.sshKnownHostsFile: is not set, programs.ssh.knownHosts is empty, and the repository \"ssh://backup@host/srv\" is accessed over SSH."
        ]
        [ ]
        [ ]
        [ ]
      ];
    };

  "the machine's known hosts are seen by what runs a provider" =
    let
      inherit
        ((evalNixos [
          {
            backupservice.instances.x = lib.recursiveUpdate good {
              repository = ssh // {
                path = "sftp:backup@host:/srv";
              };
            };
          }
        ]).config.systemd
        )
        services
        ;
      sees = unit: lib.elem "-/etc/ssh/ssh_known_hosts" services.${unit}.serviceConfig.BindReadOnlyPaths;
    in
    {
      expr = map sees [
        "backupservice-x"
        "backupservice-x-maintain"
        "backupservice-x-snapshots"
      ];
      expected = [
        true
        true
        true
      ];
    };

  "only a backup has a password generated for a repository on the network, which is asked first" =
    let
      servicesOf =
        repository:
        (evalNixos [
          { backupservice.instances.x = lib.recursiveUpdate good { inherit repository; }; }
        ]).config.systemd.services;
      of =
        repository:
        let
          services = servicesOf repository;
          secrets = lib.findFirst (lib.hasPrefix "backupservice-secrets@") null (lib.attrNames services);
        in
        {
          generate = lib.filter (unit: lib.elem "${secrets}.service" services.${unit}.wants) (
            lib.filter (lib.hasPrefix "backupservice-x") (lib.attrNames services)
          );
          inherit (services.${secrets}) wantedBy requires;
        };
    in
    {
      expr = [
        (of { path = "/srv/backup/x"; })
        (of { path = "b2:bucket:x"; })
        (of {
          path = null;
          pathFile = "/run/agenix/url";
        })
        (servicesOf { path = "b2:bucket:x"; }).backupservice-x-exists.unitConfig.ConditionPathExists
        ((servicesOf { path = "/srv/backup/x"; }) ? backupservice-x-exists)
      ];
      expected =
        let
          asked = {
            generate = [ "backupservice-x" ];
            wantedBy = [ ];
            requires = [ "backupservice-x-exists.service" ];
          };
        in
        [
          {
            generate = [
              "backupservice-x"
              "backupservice-x-browse@"
              "backupservice-x-maintain"
              "backupservice-x-restore@"
              "backupservice-x-snapshots"
            ];
            wantedBy = [ "multi-user.target" ];
            requires = [ ];
          }
          asked
          asked
          "!/var/lib/backupservice-secrets/b2:bucket:x"
          false
        ];
    };
}
