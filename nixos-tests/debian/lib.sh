# shellcheck shell=bash
# What the harness's shell scripts share. Source it; it runs nothing.

# shellcheck disable=SC2034 # used by those who source it
harness=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
project=$(cd "$harness/../.." && pwd)
# shellcheck disable=SC2034
cache=${BACKUPSERVICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backupservice}

# Which Debian the tree is made of. trixie is stable and has what NixOS 25.05 ships;
# forky rolls, and has what NixOS unstable ships.
# shellcheck disable=SC2034
suite=${BACKUPSERVICE_SUITE:-trixie}

# The status of a step that could not run here (automake's convention).
# shellcheck disable=SC2034
skipped=77

say() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

die() {
  say "$@"
  exit 1
}

# need COMMAND PACKAGE: installs a Debian package if its command is missing.
need() {
  if command -v "$1" >/dev/null; then
    return
  fi
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "needs '$1' (Debian package '$2'), and can only install it as root on Debian"
  fi
  say "installing $2"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >&2 ||
    { apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$2" >&2; } ||
    die "could not install the Debian package '$2'"
}

# find_nixpkgs: prints where <nixpkgs> is on this machine, or fails.
find_nixpkgs() {
  local entry candidate
  local -a entries
  IFS=: read -ra entries <<<"${NIX_PATH:-}"
  for entry in "${entries[@]}" \
    "$HOME/.nix-defexpr/channels" \
    /nix/var/nix/profiles/per-user/root/channels; do
    case $entry in
      nixpkgs=*) candidate=${entry#nixpkgs=} ;;
      *=*) continue ;;
      *) candidate=$entry/nixpkgs ;;
    esac
    if [[ -e $candidate/nixos/lib/eval-config.nix && -e $candidate/lib/default.nix ]]; then
      realpath "$candidate"
      return
    fi
  done
  return 1
}
