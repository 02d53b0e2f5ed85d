# Shared by the evaluation tests: a good instance, and the refusals of others.
{ lib, evalNixos }:
rec {
  good = {
    enable = true;
    user = "root";
    sourceDirectories = [ "/var/lib/x" ];
    repository.path = "/srv/backup/x";
  };

  # The messages of our assertions that fail for these modules.
  refusalsOf =
    modules:
    map (assertion: assertion.message) (
      lib.filter (assertion: !assertion.assertion) (
        lib.concatMap (definition: definition.value) (
          lib.filter (definition: lib.hasInfix "/modules/assertions/" definition.file)
            (evalNixos modules).options.assertions.definitionsWithLocations
        )
      )
    );

  # Those for an instance `x` with these settings on top of the good ones.
  refusals =
    settings: refusalsOf [ { backupservice.instances.x = lib.recursiveUpdate good settings; } ];

  # The first line of each: the problem.
  problemsOf = modules: map (message: lib.head (lib.splitString "\n" message)) (refusalsOf modules);
}
