# Which packages there are, and what modules ask of them. A package is a directory
# of links into Debian's /usr; its programs run if Debian's package is in the tree
# (see ../tree), and evaluate in any case.
#
# "attribute … missing" while rendering: add the name to packages.txt, or here if
# modules ask more of it than its path.
{
  lib,
  addMethods,
  runCommand,
}:
let
  # What a package's directory holds: where each entry points to.
  usr = {
    bin = "/usr/bin";
    sbin = "/usr/bin";
    lib = "/usr/lib";
    libexec = "/usr/libexec";
    share = "/usr/share";
  };

  package =
    pname:
    {
      links ? usr,
      version ? "0",
      env ? { },
      ...
    }@args:
    let
      drv = runCommand pname env ''
        mkdir -p "$out/nix-support"
        ${lib.concatStrings (lib.mapAttrsToList (name: to: "ln -s ${to} $out/${name}\n") links)}
        touch "$out/nix-support/stand-in"
      '';
      self =
        drv
        // {
          inherit pname version;
          out = self;
          bin = self;
          lib = self;
          dev = self;
          man = self;
          withPackages = _: self;
          outputs = [ "out" ];
          meta.mainProgram = pname;
        }
        // removeAttrs args [
          "links"
          "env"
        ];
    in
    addMethods self;

  plain = lib.genAttrs (lib.splitString "\n" (lib.trim (builtins.readFile ./packages.txt))) (
    name: package name { }
  );

  shells = lib.genAttrs [ "bash" "bashInteractive" "dash" "fish" "xonsh" "zsh" ] (
    name: package name { shellPath = "/bin/bash"; }
  );

  postgresql = package "postgresql" {
    version = "17.0";
    links = usr // {
      bin = "/usr/lib/postgresql/current/bin";
      lib = "/usr/lib/postgresql/current/lib";
    };
    psqlSchema = "17";
    withJIT = postgresql;
    withoutJIT = postgresql;
    pkgs = { };
  };

  mariadb = package "mariadb" { version = "11.8.0"; };

  php = package "php" {
    version = "8.3.0";
    buildEnv = _: php;
    withExtensions = _: php;
    extensions = { };
    packages = { };
    phpIni = "/etc/php.ini";
    unwrapped = php;
  };

  python = package "python3" {
    version = "3.13.0";
    pythonVersion = "3.13";
    sitePackages = "lib/python3/dist-packages";
    buildEnv = addMethods python;
    withPackages = _: python;
    interpreter = "${python}/bin/python3";
    pkgs = pythonPackages;
  };
  pythonPackages =
    lib.genAttrs [ "python" "psycopg2" "mysqlclient" "gunicorn" ] (name: package "python3-${name}" { })
    // {
      makePythonPath = lib.makeSearchPath python.sitePackages;
    };

  home-assistant = package "home-assistant" {
    version = "2024.8.0";
    availableComponents = lib.splitString " " (
      "application_credentials automation backup counter default_config esphome frontend hardware"
      + " homeassistant http input_boolean input_button input_datetime input_number input_select"
      + " input_text logger met mqtt network person recorder scene schedule script sun"
      + " system_health tag timer zone"
    );
    extraComponents = [ ];
    supportedComponentsWithTests = [ ];
    pythonPath = "/usr/lib/python3/dist-packages";
    inherit python;
  };

  nextcloud =
    version:
    package "nextcloud" {
      version = "${version}.0.0";
      links = { };
    };

  # A server that nixpkgs builds with the database that it is asked for.
  vaultwarden = package "vaultwarden" { webvault = package "vaultwarden-webvault" { }; };

  paperless-ngx = package "paperless-ngx" {
    version = "2.13.0";
    nltkData = [ ];
    path = "/usr/bin";
    propagatedBuildInputs = [ ];
    python.pkgs = pythonPackages;
  };

  linuxPackages = lib.makeExtensible (_: {
    kernel = package "linux" {
      version = "6.12";
      features = { };
      config = lib.genAttrs [ "isEnabled" "isYes" "isModule" ] (_: _: true);
    };
  });

  nginx = package "nginx" {
    version = "1.26.0";
    modules = [ ];
  };

  # Rebuilt with the program, so that what it validated is validated anew.
  backupservice =
    let
      program = /usr/local/bin/backupservice;
    in
    package "backupservice" {
      links.bin = "/usr/local/bin";
      env.program = if builtins.pathExists program then builtins.hashFile "sha256" program else "none";
    };
in
plain
// shells
// {
  inherit
    backupservice
    home-assistant
    linuxPackages
    mariadb
    nginx
    paperless-ngx
    php
    postgresql
    vaultwarden
    ;
  mysql = mariadb;
  php82 = php;
  php83 = php;
  php84 = php;
  python3 = python;
  python3Packages = pythonPackages;
  postgresql_13 = postgresql;
  postgresql_14 = postgresql;
  postgresql_15 = postgresql;
  postgresql_16 = postgresql;
  postgresql_17 = postgresql;
  nextcloud28 = nextcloud "28";
  nextcloud29 = nextcloud "29";
  nextcloud30 = nextcloud "30";
  nextcloud31 = nextcloud "31";
  nginxStable = nginx;
  nix = package "nix" { version = "2.26.3"; };
  nixVersions.stable = package "nix" { version = "2.26.3"; };
  radicale = package "radicale" { version = "3.5.3"; };
  redis = package "redis" { version = "7.2.0"; };
  adguardhome = package "adguardhome" { schema_version = 28; };
  firefly-iii = package "firefly-iii" { phpPackage = php; };
  gitlab = package "gitlab" {
    version = "17.11.0";
    gitlabEnv = { };
    rubyEnv = package "gitlab-ruby" { gems.sidekiq.version = "7.2.4"; };
  };
  gitaly = package "gitaly" { git = package "git" { }; };
  keycloak = package "keycloak" {
    version = "26.0.0";
    enabledPlugins = [ ];
    plugins = lib.genAttrs [ "quarkus-systemd-notify" "quarkus-systemd-notify-deployment" ] (
      name: package name { }
    );
  };
  matrix-synapse = package "matrix-synapse" { tools = { }; };
  forgejo = package "forgejo" { data = "/usr/share/forgejo"; };
  forgejo-lts = package "forgejo" { data = "/usr/share/forgejo"; };
  gitea = package "gitea" { data = "/usr/share/gitea"; };
  transmission_3 = package "transmission" { apparmor = package "transmission-apparmor" { }; };
  restic = package "restic" { version = "0.18.0"; };
  polkit = package "polkit" { version = "126"; };
  dbus = package "dbus" { version = "1.16.2"; };
  # Debian has sftp-server elsewhere.
  openssh = package "openssh" {
    links = usr // {
      libexec = "/usr/lib/openssh";
    };
  };
  restic-rest-server = package "restic-rest-server" { };
  shadow = package "shadow" {
    shellPath = "/bin/nologin";
    su = package "su" { };
  };
  systemd = package "systemd" {
    version = "257";
    withApparmor = true;
    withCryptsetup = true;
    withHomed = true;
    withHostnamed = true;
    withImportd = true;
    withKmod = true;
    withLocaled = true;
    withLogind = true;
    withMachined = true;
    withNetworkd = true;
    withPortabled = true;
    withRepart = true;
    withResolved = true;
    withSysupdate = true;
    withTimedated = true;
    withTimesyncd = true;
    withTpm2Tss = true;
    withUtmp = true;
    interfaceVersion = 2;
    kbd = package "kbd" { };
    util-linux = package "util-linux" { };
  };
  util-linux = package "util-linux" { login = package "login" { }; };
  util-linuxMinimal = package "util-linux" { };
  unixtools = lib.genAttrs [ "ping" "ps" "hostname" ] (name: package name { });
}
