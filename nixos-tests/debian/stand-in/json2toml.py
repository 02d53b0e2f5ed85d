"""Writes the JSON on standard input as TOML."""

import json
import sys


def inline(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def table(value, path):
    value = {key: item for key, item in value.items() if item is not None}
    tables = {key: item for key, item in value.items() if isinstance(item, dict)}
    for key, item in value.items():
        if key not in tables:
            print(f"{json.dumps(key)} = {inline(item)}")
    for key, item in tables.items():
        name = [*path, json.dumps(key)]
        print(f"\n[{'.'.join(name)}]")
        table(item, name)


table(json.load(sys.stdin), [])
