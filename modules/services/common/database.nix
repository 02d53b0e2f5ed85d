# Access to the database of a service from this machine without a password: as the
# service's own user if the socket admits it, otherwise as the administrator of the
# server that NixOS runs here.
{
  config,
  lib,
  contracts,
}:
let
  parseUrl = import ./url.nix { inherit lib; };

  isLoopback =
    host:
    lib.elem host [
      "localhost"
      "127.0.0.1"
      "::1"
      "[::1]"
    ];
in
rec {
  # A stream whose choice depends on the units of the machine. Its name must not: these
  # units contain those of the stream.
  stream = choice: {
    inherit (choice) dump load user;
    databases = choice.databases or [ ];
  };

  # Aborts evaluation with problem, reason and remedy.
  refuse =
    {
      option,
      problem,
      reason,
      remedy,
    }:
    throw ''

      ${option}: ${problem}
      ${reason}
      ${remedy}
    '';

  refuseUnreachable =
    {
      option,
      subject,
      kind,
    }:
    refuse {
      inherit option;
      problem = "the ${kind} database that ${subject} cannot be dumped from this machine without a password.";
      reason = "A dump runs as a local user without a database password, and a backup without the database could not be restored.";
      remedy = "Let the service use a server that NixOS runs on this machine, through its socket; or write the contract by hand: backupservice.instances.<name> with sourceDirectories, and streams that dump and load the database.";
    };

  # `user` is the service's system user, `role` its name in the database,
  # `hasPassword` whether the service itself logs in with a password, `hasExtensions`
  # whether the database has extensions that only the administrator may replace.
  postgresql =
    {
      option,
      subject,
      user,
      database,
      role,
      host,
      port ? 5432,
      hasPassword,
      hasExtensions ? false,
      # More arguments of contracts.streams.postgresql.
      settings ? { },
    }:
    let
      server = config.services.postgresql;
      isSocket = host == "" || lib.hasPrefix "/" host;
      isServedHere =
        server.enable
        && port == server.settings.port
        && (isLoopback host || host == "" || host == "/run/postgresql");
      more = settings // lib.optionalAttrs server.enable { inherit (server) package; };
    in
    stream (
      if isSocket && role == user && !hasPassword && !hasExtensions then
        contracts.streams.postgresql (
          {
            inherit database port;
            host = if host == "" then "/run/postgresql" else host;
          }
          // more
        )
      else if isServedHere then
        contracts.streams.postgresql (
          {
            inherit database port;
            user = server.superUser;
          }
          // more
        )
      else
        refuseUnreachable {
          inherit option subject;
          kind = "PostgreSQL";
        }
    );

  mysql =
    {
      option,
      subject,
      user,
      database,
      role,
      host,
      socket ? null,
      port ? 3306,
      hasPassword,
    }:
    let
      server = config.services.mysql;
      defaultSocket = "/run/mysqld/mysqld.sock";
      # MySQL's client library takes localhost for the socket.
      place =
        if socket != null then
          socket
        else if host == "" || host == "localhost" then
          defaultSocket
        else
          null;
      isServedHere =
        server.enable
        && (
          if place == null then
            isLoopback host && port == server.settings.mysqld.port
          else
            lib.elem place [
              defaultSocket
              "/var${defaultSocket}"
            ]
        );
      isMariadb = lib.hasPrefix "mariadb" (lib.getName server.package);
      package = lib.optionalAttrs server.enable { inherit (server) package; };
    in
    stream (
      if place != null && role == user && !hasPassword then
        contracts.streams.mariadb (
          {
            inherit database;
            socket = place;
          }
          // package
        )
      else if isServedHere then
        contracts.streams.mariadb (
          {
            inherit database;
            # The accounts with all rights that NixOS admits through the socket.
            user = if isMariadb then server.user else "root";
          }
          // package
        )
      else
        refuseUnreachable {
          inherit option subject;
          kind = "MySQL";
        }
    );

  # The stream of a database that a URL names. `setting` is the option with the URL.
  fromUrl =
    {
      option,
      setting,
      user,
      url,
    }:
    let
      refuseUrl =
        problem:
        refuse {
          inherit option;
          problem = "${setting} ${problem}";
          reason = "The backup must dump the database, and this URL does not tell how to do so on this machine without a password.";
          remedy = ''Write "postgresql://@/${user}" or "mysql://${user}@localhost/${user}" for a server on this machine that lets the user "${user}" in through its socket; or write the contract by hand: backupservice.instances.<name> with sourceDirectories, and streams that dump and load the database.'';
        };
      parts = parseUrl url;
      server = {
        inherit option user;
        subject = "${setting} names";
        database = parts.name;
        role = if parts.role == "" then user else parts.role;
        inherit (parts) host hasPassword;
      }
      // lib.optionalAttrs (parts.port != null) { inherit (parts) port; };
      socket = parts.query.unix_socket or parts.query.socket or null;
    in
    if parts == null then
      refuseUrl "is not a database URL that evaluation understands."
    else if lib.hasPrefix "postgres" parts.scheme then
      postgresql server
    else if parts.scheme == "mysql" || parts.scheme == "mariadb" then
      mysql (server // lib.optionalAttrs (socket != null) { inherit socket; })
    else
      refuseUrl "names a type of database that is not supported.";
}
