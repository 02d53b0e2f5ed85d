"""Makes one directory for each kind of thing that a file system can hold, and
describes what is there, for comparison.

    files.py make DIRECTORY
    files.py kinds
    files.py describe PATH...
"""

import hashlib
import json
import os
import random
import stat
import subprocess
import sys

NAMES = [
    b"new\nline",
    b"tab\tulator",
    b"carriage\rreturn",
    b"control\x01",
    b"not utf-8 \xff\xfe\x80",
    b"-rf",
    b"--",
    b"[a]",
    b"[!a]",
    b"*",
    b"?",
    b"back\\slash",
    b"end\\",
    b"{a,b}",
    b" leading",
    b"trailing ",
    b"...",
    b"#hash",
    b"!bang",
    b"~",
    b"%s%n%%",
    b"quote'\"$(x)`",
    "ünïcödé → 😀".encode(),
    "u\u0308 decomposed".encode(),
    b"x" * 255,
    "\u00e4".encode() * 127,
]


def write(path, content=b"content\n", mode=0o644):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def owners():
    for uid, gid in [(0, 0), (1000, 1000), (4711, 4712), (0, 100), (65534, 65534), (2**31, 2**31 + 1)]:
        write(f"{uid}-{gid}")
        os.chown(f"{uid}-{gid}", uid, gid)
        os.mkdir(f"directory-{uid}-{gid}")
        os.symlink("nowhere", f"link-{uid}-{gid}")
        os.chown(f"directory-{uid}-{gid}", uid, gid)
        os.lchown(f"link-{uid}-{gid}", uid, gid)


def modes():
    for mode in [0o000, 0o200, 0o400, 0o444, 0o640, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6711]:
        for owner in [0, 4711]:
            name = f"{mode:04o}-{owner}"
            write(name)
            os.chown(name, owner, owner)
            os.chmod(name, mode)
            os.mkdir(f"directory-{name}")
            write(f"directory-{name}/file")
            os.chown(f"directory-{name}", owner, owner)
            os.chmod(f"directory-{name}", mode)


def times():
    for name, time in [
        ("epoch", 0),
        ("nanosecond", 1_700_000_000_123_456_789),
        ("before-epoch", -86_400_000_000_000),
        ("after-2038", 4_000_000_000_000_000_001),
    ]:
        write(name)
        os.mkdir(f"directory-{name}")
        write(f"directory-{name}/file")
        os.symlink("nowhere", f"link-{name}")
        for path in [name, f"directory-{name}", f"link-{name}"]:
            os.utime(path, ns=(time, time), follow_symlinks=False)


def acls():
    write("file", mode=0o600)
    os.mkdir("directory")
    run("setfacl", "-m", "u:4711:rw,g:4712:r,m::rw", "file")
    run("setfacl", "-m", "u:4711:rwx", "-m", "d:u:4711:rwx,d:o::-", "directory")
    write("directory/inherited")


def attributes():
    write("file")
    write("read-only", mode=0o400)
    os.mkdir("directory")
    for path in ["file", "directory"]:
        os.setxattr(path, "user.text", b"text")
        os.setxattr(path, "user.empty", b"")
        os.setxattr(path, "user.binary", bytes(range(256)))
        os.setxattr(path, "user.long", b"x" * 2000)
    os.setxattr("read-only", "user.text", b"text")


def capabilities():
    for owner in [0, 4711]:
        write(f"program-{owner}", mode=0o755)
        os.chown(f"program-{owner}", owner, owner)
        # cap_net_bind_service=ep, as setcap writes it.
        value = bytes.fromhex("0100000200040000000000000000000000000000")
        os.setxattr(f"program-{owner}", "security.capability", value)


def hard_links():
    write("one")
    os.link("one", "two")
    os.mkdir("directory")
    os.link("one", "directory/three")
    os.chown("one", 4711, 4711)
    write("same content, another file")


def sparse():
    with open("file", "wb") as file:
        file.seek(15_000_000)
        file.write(b"middle")
        file.truncate(30_000_000)
    with open("nothing-but-a-hole", "wb") as file:
        file.truncate(20_000_000)


def symbolic_links():
    write("file")
    os.mkdir("directory")
    for name, target in [
        (b"relative", b"file"),
        (b"directory-link", b"directory"),
        (b"dangling", b"not/there"),
        (b"absolute", b"/etc/passwd"),
        (b"loop", b"loop"),
        (b"up", b"../../../../.."),
        (b"odd", b"new\nline \xff [a]* \\"),
        (b"long", b"x/" * 1000),
    ]:
        os.symlink(target, name)


def fifos():
    os.mkfifo("fifo")
    os.chmod("fifo", 0o620)
    os.chown("fifo", 4711, 5)


def devices():
    # Numbers that no driver has, and one that all may use.
    for name, kind, number in [("char", stat.S_IFCHR, (240, 7)), ("block", stat.S_IFBLK, (240, 8)), ("zero", stat.S_IFCHR, (1, 5))]:
        os.mknod(name, kind | 0o640, os.makedev(*number))
        os.chown(name, 4711, 5)


def empty_directories():
    os.mkdir("empty")
    os.makedirs("in/in/in")
    os.mkdir("private", 0o700)
    os.chown("private", 4711, 4711)
    write("empty-file", b"")


def odd_names():
    for name in NAMES:
        write(name, name)
    os.mkdir("directories")
    for name in NAMES:
        os.mkdir(b"directories/" + name)
        write(b"directories/" + name + b"/" + name, b"below\n")


def deep_paths():
    for level in range(30):
        name = f"{level:02}-".ljust(100, "d")
        os.mkdir(name)
        os.chdir(name)
    write("file at the bottom")


def many_files():
    for directory in range(30):
        os.mkdir(str(directory))
        for number in range(100):
            write(f"{directory}/{number}", f"{directory} {number}".encode())


def large_file():
    write("large", random.Random(1).randbytes(20_000_001))


def unreadable():
    os.mkdir("closed")
    write("closed/file", mode=0)
    os.mkdir("closed/closed")
    write("closed/closed/file", mode=0)
    for path in ["closed/closed/file", "closed/closed", "closed/file", "closed"]:
        os.chown(path, 4711, 4711)
        os.chmod(path, 0)


KINDS = [
    owners,
    modes,
    times,
    acls,
    attributes,
    capabilities,
    hard_links,
    sparse,
    symbolic_links,
    fifos,
    devices,
    empty_directories,
    odd_names,
    deep_paths,
    many_files,
    large_file,
    unreadable,
]


def run(*command):
    subprocess.run(command, check=True)


def make(directory):
    os.umask(0o022)
    for kind in KINDS:
        os.makedirs(f"{directory}/{kind.__name__}")
        os.chdir(f"{directory}/{kind.__name__}")
        kind()


def describe(path, inodes):
    status = os.lstat(path)
    entry = {
        "mode": f"{status.st_mode:o}",
        "owner": f"{status.st_uid}:{status.st_gid}",
        "mtime": status.st_mtime_ns,
        "attributes": {
            name: os.getxattr(path, name, follow_symlinks=False).hex()
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
    }
    if stat.S_ISLNK(status.st_mode):
        entry["target"] = os.fsdecode(os.readlink(path))
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        entry["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
    elif stat.S_ISREG(status.st_mode):
        entry["size"] = status.st_size
        entry["links"] = inodes.setdefault(status.st_ino, os.fsdecode(path))
        entry["holes"] = status.st_size - status.st_blocks * 512 > 1_000_000
        with open(path, "rb") as file:
            entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return entry


def describe_all(paths):
    found, inodes = {}, {}
    for top in map(os.fsencode, paths):
        found[os.fsdecode(top)] = describe(top, inodes)
        for directory, directories, files in os.walk(top):
            directories.sort()
            for name in sorted(directories + files):
                path = os.path.join(directory, name)
                found[os.fsdecode(path)] = describe(path, inodes)
    return found


match sys.argv[1:]:
    case ["make", directory]:
        make(directory)
    case ["kinds"]:
        print(json.dumps([kind.__name__ for kind in KINDS]))
    case ["describe", *paths]:
        print(json.dumps(describe_all(paths)))
