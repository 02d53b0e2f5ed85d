"""Evaluates tests of nixos-tests/eval, inside the Debian tree: evaluate.py FILE...

Prints one line for each test. An expression whose evaluation fails does not hide
the others: then each is evaluated on its own.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EVALUATE = Path(__file__).with_name("evaluate.nix")


def evaluate(file, select):
    expression = f"let it = import {EVALUATE} {{ file = {file}; }}; in {select}"
    # Read-write, so that a test may build what it reads.
    command = ["nix-instantiate", "--eval", "--read-write-mode", "--strict", "--json", "--expr", expression]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compare(file):
    """What is wrong with each test that has an expected value, by name."""
    together = evaluate(file, "it.compared")
    if together.returncode == 0:
        return json.loads(together.stdout)
    names = evaluate(file, "builtins.attrNames it.compared")
    if names.returncode != 0:
        return {"the file evaluates": names.stderr}
    return {name: compare_one(file, name) for name in json.loads(names.stdout)}


def compare_one(file, name):
    result = evaluate(file, f"it.compared.{json.dumps(name)}")
    return json.loads(result.stdout) if result.returncode == 0 else result.stderr


def expect_error(file, name, pattern):
    result = evaluate(file, f"it.tests.{json.dumps(name)}.expr")
    if result.returncode == 0:
        return f"expected an error that matches {pattern}\n     got: {result.stdout}"
    if not re.search(pattern, result.stderr):
        return f"expected an error that matches {pattern}\n     got: {result.stderr}"
    return None


def problems(file):
    yield from compare(file).items()
    errors = evaluate(file, "it.errors")
    for name, pattern in json.loads(errors.stdout or "{}").items():
        yield name, expect_error(file, name, pattern)


def main(files):
    failed = 0
    paths = [Path(file) for file in files]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, results in zip(paths, pool.map(lambda path: list(problems(path)), paths)):
            for name, problem in results:
                failed += bool(problem)
                print(f"{'FAILED' if problem else 'ok'} {path.stem}: {name}")
                if problem:
                    print(problem)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
