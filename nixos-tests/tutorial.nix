# What docs/tutorial.md tells a reader to do works, and prints what the page shows.
{ pkgs, ... }:
{
  name = "tutorial";

  nodes.machine =
    { ... }:
    {
      imports = [
        ../modules
        ./tutorial/configuration.nix
      ];

      environment.systemPackages = [ pkgs.curl ];
    };

  testScript = ''
    import re

    page = ${builtins.toJSON (builtins.readFile ../docs/tutorial.md)}
    configuration = ${builtins.toJSON (builtins.readFile ./tutorial/configuration.nix)}

    # What differs from one run to the next.
    VARIABLE = [
        (r"\d{8}T\d{6}Z", "TIMESTAMP"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\b[0-9a-f]{8,64}\b", "ID"),
        (r"[\d.]+ [KMG]?i?B\b", "SIZE"),
        (r"\bin \d+ [a-z]+|just now|\d+ [a-z]+ ago", "WHEN"),
        (r"\b\d+\b", "NUMBER"),
        # Progress: which steps are seen depends on how long they take.
        (r"^radicale: .*", ""),
        (r"[ \t]+", " "),
    ]

    def invariable(output):
        for pattern, replacement in VARIABLE:
            output = re.sub(pattern, replacement, output, flags=re.MULTILINE)
        return [line.strip() for line in output.splitlines() if line.strip()]

    def steps():
        """Each command of the page with the output that it shows."""
        for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            for step in re.split(r"^# ", block, flags=re.MULTILINE)[1:]:
                command = re.match(r"(?:.*\\\n)*.*\n", step)[0]
                yield command.strip(), step[len(command):]

    machine.start()
    machine.wait_for_unit("radicale.service")
    machine.wait_for_open_port(5232)

    with subtest("the configuration on the page is the one of this machine"):
        inner = configuration.strip().removeprefix("{").removesuffix("}").strip()
        assert inner in page, inner

    differing, count = [], 0
    for command, shown in steps():
        with subtest(command.splitlines()[0]):
            printed = machine.succeed(f"cd /root\n{{ {command}\n}} 2>&1")
            # systemd takes the server for started before it listens.
            machine.wait_for_open_port(5232)
        # `make recording` copies this into the page.
        print(f"# {command}\n" + "".join(f"  {line}\n" for line in printed.splitlines()))
        if invariable(printed) != invariable(shown):
            differing.append(f"# {command}\nprints\n{printed}and the page shows\n{shown}")
        count += 1

    with subtest("the page shows what its commands print"):
        assert count > 10, count
        assert not differing, "\n".join([*differing, "If that is right, run `make recording`."])
  '';
}
