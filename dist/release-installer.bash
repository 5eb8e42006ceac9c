#!/usr/bin/env bash
# Installs a release of pmon3.
#
#   release-installer.bash VERSION           fetches that release (also: wget -O - …/release-installer.bash | bash -s VERSION)
#   release-installer.bash FILE.tar.gz       takes it from an archive made by `make dist`
#
# PREFIX (default /usr/local) and DESTDIR are respected. An archive with a .sha256 beside it is checked against that.
set -euo pipefail

RELEASES=https://github.com/joe-at-startupmedia/pmon3/releases/download

fail() { echo "release-installer: $1" >&2; exit 1; }

[ $# = 1 ] || fail "usage: release-installer.bash VERSION | FILE.tar.gz"
[ "$(uname -s)" = Linux ] || fail "pmon3 runs on Linux only"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() {
  if command -v curl >/dev/null; then curl --fail --silent --show-error --location --output "$2" "$1"
  elif command -v wget >/dev/null; then wget -q -O "$2" "$1"
  else fail "neither curl nor wget is here to fetch $1"
  fi || fail "cannot fetch $1"
}

case $1 in
  *.tar.gz)
    archive=$1
    [ -r "$archive" ] || fail "cannot read $archive"
    ;;
  *)
    name=pmon3-${1#v}-linux-$(uname -m).tar.gz
    archive=$work/$name
    fetch "$RELEASES/v${1#v}/$name" "$archive"
    fetch "$RELEASES/v${1#v}/$name.sha256" "$archive.sha256"
    ;;
esac
if [ -r "$archive.sha256" ]; then
  [ "$(cut -d' ' -f1 "$archive.sha256")" = "$(sha256sum "$archive" | cut -d' ' -f1)" ] ||
    fail "$archive is not what its .sha256 says: fetch it again"
fi

if [ -n "${DESTDIR:-}" ]; then mkdir -p "$DESTDIR"; [ -w "$DESTDIR" ]; else [ "$(id -u)" = 0 ]; fi ||
  fail "this writes to ${DESTDIR:-/etc and ${PREFIX:-/usr/local}}: run it as root"
command -v make >/dev/null || fail "make is needed to install"

tar -xzf "$archive" -C "$work" || fail "$archive is no archive of a release"
tree=$(find "$work" -mindepth 1 -maxdepth 1 -type d -name 'pmon3-*')
[ -x "$tree/bin/pmon3" ] || fail "$archive holds no pmon3"
"$tree/bin/pmon3" version >/dev/null || fail "the program in $archive does not run on this machine"
make --no-print-directory -C "$tree" systemd_install PREFIX="${PREFIX:-/usr/local}" DESTDIR="${DESTDIR:-}"
echo "installed: $("${DESTDIR:-}${PREFIX:-/usr/local}/bin/pmon3" version | head -1)"
