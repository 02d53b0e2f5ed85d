# Refusals of evaluation, each with problem, reason and remedy.
{ lib, evalNixos, ... }:
let
  inherit (import ./common { inherit lib evalNixos; })
    good
    refusals
    refusalsOf
    ;

  # A value that the module system itself refuses.
  isRefused =
    settings:
    !(builtins.tryEval (
      builtins.deepSeq
        (evalNixos [
          { backupservice.instances.x = lib.recursiveUpdate good settings; }
        ]).config.backupservice.instances.x
        true
    )).success;
in
{
  "a good instance is not refused" = {
    expr = refusals { };
    expected = [ ];
  };

  "a relative source" = {
    expr = refusals { sourceDirectories = [ "var/lib/x" ]; };
    expected = [
      ''
        backupservice.instances.x.sourceDirectories: "var/lib/x" is not an absolute path without "." and "..".
        Which directory it names would depend on where the backup runs.
        Write the full path, such as "/var/lib/myservice".
      ''
    ];
  };

  "paths that systemd cannot mount" = {
    expr =
      map
        (
          path:
          lib.length (refusals {
            sourceDirectories = [ path ];
          })
        )
        [
          "/srv/it's"
          "/srv/\"x\""
          "/srv/a\\b"
          "/srv/a\nb"
          "/srv/we [i]rd * 100%: $nàme"
        ];
    expected = [
      1
      1
      1
      1
      0
    ];
  };

  "no sources" = {
    expr = refusals { sourceDirectories = [ ]; };
    expected = [
      ''
        backupservice.instances.x.sourceDirectories: the list is empty.
        A backup of nothing would succeed every day.
        List at least one directory, such as "/var/lib/x".
      ''
    ];
  };

  "a repository inside a source" = {
    expr = refusals { repository.path = "/var/lib/x/backup"; };
    expected = [
      ''
        backupservice.instances.x.repository.path: "/var/lib/x/backup" lies inside the source "/var/lib/x".
        Each backup would contain all earlier ones, and would be lost together with its source.
        Put the repository elsewhere, preferably on another disk.
      ''
    ];
  };

  "a source whose name a repository's name begins with is no parent of it" = {
    expr = refusals { repository.path = "/var/lib/x-backup"; };
    expected = [ ];
  };

  "a source inside a repository" = {
    expr = refusals { repository.path = "/var/lib"; };
    expected = [
      ''
        backupservice.instances.x.sourceDirectories: "/var/lib/x" lies inside the repository "/var/lib".
        A repository must not contain anything but snapshots.
        Use a separate directory for the repository.
      ''
    ];
  };

  "an empty repository path" = {
    expr = refusals { repository.path = ""; };
    expected = [
      ''
        backupservice.instances.x.repository.path: "" is neither an absolute path nor a URL.
        Where the snapshots are stored would depend on where the backup runs.
        Write the full path or URL, such as "/srv/backup/x" or "sftp:backup@host:/srv/backup".
      ''
    ];
  };

  "no repository" = {
    expr = refusals { repository.path = null; };
    expected = [
      ''
        backupservice.instances.x.repository: neither path nor pathFile is set.
        Without a repository, there is no place for the snapshots.
        Set repository.path = "/srv/backup/x", a URL, or backupservice.defaults.repository.path.
      ''
    ];
  };

  "credentials in a repository URL" = {
    expr = refusals { repository.path = "rest:https://user:secret@example.org/x"; };
    expected = [
      ''
        backupservice.instances.x.repository.path: the URL contains a password.
        It would be written to the Nix store, which all users can read.
        Put the URL into a file and set repository.pathFile, or set the password in repository.environmentFile.
      ''
    ];
  };

  "a user in a repository URL is no credential" = {
    expr = refusals {
      repository = {
        path = "sftp://backup@example.org:22//srv/backup";
        sshKeyFile = "/run/agenix/key";
        sshKnownHostsFile = "/etc/ssh/ssh_known_hosts";
      };
    };
    expected = [ ];
  };

  "a password file in the store" = {
    expr = refusals {
      repository.passwordFile = "/nix/store/00000000000000000000000000000000-password";
    };
    expectedError.msg = ''
      backupservice.instances.x.repository.passwordFile: "/nix/store/00000000000000000000000000000000-password" is in the Nix store.
      \s*Every user of this machine can read the store.
      \s*Keep the file outside, for example with agenix or sops-nix, and give its path as a string.'';
  };

  "a password file written as a Nix path" = {
    expr = refusals { repository.passwordFile = "${./refusals.nix}"; };
    expectedError.msg = "passwordFile: \".*\" is in the Nix store";
  };

  "a relative password file" = {
    expr = refusals { repository.passwordFile = "secrets/password"; };
    expectedError.msg = ''
      backupservice.instances.x.repository.passwordFile: "secrets/password" is not an absolute path.
      \s*Which file it names would depend on the working directory.
      \s*Write the full path.'';
  };

  "a hook's secret in the store" = {
    expr =
      (evalNixos [
        {
          backupservice.instances.x = good // {
            hooks.beforeBackup = [
              {
                command = "true";
                credentials.token = "/nix/store/00000000000000000000000000000000-token";
              }
            ];
          };
        }
      ]).config.systemd.units."backupservice-x-before-1.service".text;
    expectedError.msg = "credentials.token: \".*-token\" is in the Nix store";
  };

  "a path that is no string reaches the unit without being copied to the store" = {
    expr =
      (evalNixos [
        {
          backupservice.instances.x = lib.recursiveUpdate good { repository.passwordFile = /run/secrets/x; };
        }
      ]).config.backupservice.instances.x.repository.passwordFile;
    expected = "/run/secrets/x";
  };

  "an unknown user" = {
    expr = refusals { user = "nobody-knows"; };
    expected = [
      ''
        backupservice.instances.x: the user "nobody-knows" exists neither in users.users nor as the DynamicUser of a service.
        A hook could not run as that user.
        Correct the name, or add users.users.nobody-knows.
      ''
    ];
  };

  "the DynamicUser of a service is known" = {
    expr = refusalsOf [
      {
        backupservice.instances.x = good // {
          user = "dynamic";
        };
        systemd.services.some-name.serviceConfig = {
          DynamicUser = true;
          User = "dynamic";
        };
      }
    ];
    expected = [ ];
  };

  "two units with one name" = {
    expr = refusalsOf [
      {
        backupservice.instances.x = good // {
          hooks.beforeBackup = [
            {
              name = "a";
              command = "true";
            }
          ];
        };
        backupservice.instances.x-before-a = good;
      }
    ];
    expected = [
      ''
        backupservice.instances: the unit "backupservice-x-before-a.service" would be generated 2 times, for x and x-before-a.
        One would silently replace the other.
        Rename an instance, a hook or a stream.
      ''
    ];
  };

  "a pattern that starts with an exclamation mark" = {
    expr = map (lib.hasInfix ''"!keep" starts with "!"'') (refusals {
      excludePatterns = [ "!keep" ];
    });
    expected = [ true ];
  };

  "a relative pattern with a slash" = {
    expr = map (lib.hasInfix ''Write "**/cache/*" for any depth'') (refusals {
      excludePatterns = [ "cache/*" ];
    });
    expected = [ true ];
  };

  "an unknown provider" = {
    expr = isRefused { provider = "tar"; };
    expected = true;
  };

  "an unknown option" = {
    expr = isRefused { repository.pasword = "x"; };
    expected = true;
  };

  "a disabled instance is not looked at" = {
    expr = refusals {
      enable = false;
      user = "nobody-knows";
    };
    expected = [ ];
  };

  "another machine may have the default name too" =
    let
      warned =
        host: path:
        lib.any (lib.hasPrefix "backupservice.host: ")
          (evalNixos [
            {
              backupservice.host = host;
              backupservice.instances.x = lib.recursiveUpdate good { repository = { inherit path; }; };
            }
          ]).config.warnings;
    in
    {
      expr = [
        (warned "nixos" "sftp:backup@host:/srv")
        (warned "nixos" "/srv/backup/x")
        (warned "web-1" "sftp:backup@host:/srv")
      ];
      expected = [
        true
        false
        false
      ];
    };

  "stream names that are no unit names" = {
    expr = refusals {
      streams = {
        "my db".dump = "true";
        "my db".load = "true";
        good-1.dump = "true";
        good-1.load = "true";
      };
    };
    expected = [
      ''
        backupservice.instances.x.streams: the name "my db" contains characters other than letters, digits, "_", "." and "-", or does not start with a letter or digit.
        It is used in the names of units and files.
        Choose another name.
      ''
    ];
  };

  "paths that a hook cannot be given" = {
    expr = refusals {
      hooks.afterBackup = [
        {
          name = "export";
          command = "true";
          readWritePaths = [
            "var/lib/export"
            "/var/lib/my export"
          ];
        }
      ];
    };
    expected = [
      ''
        backupservice.instances.x.hooks.afterBackup: "var/lib/export" in readWritePaths of the hook "export" is not an absolute path without ".", "..", quotation marks, backslashes and control characters.
        systemd would not start the hook.
        Write the full path, such as "/var/lib/export".
      ''
    ];
  };
}
