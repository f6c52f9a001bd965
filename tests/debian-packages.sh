#!/bin/sh
# Installs the Debian packages that tests and benchmarks use as real parts. Needs root once; says
# nothing and does nothing where everything is there already.
set -eu

# command -> package that brings it
needed() {
    cat <<'LIST'
mosquitto mosquitto
mosquitto_pub mosquitto-clients
strace strace
qemu-storage-daemon qemu-system-common
fusermount3 fuse3
mkfs.ext4 e2fsprogs
losetup mount
faketime faketime
systemd-analyze systemd
node nodejs
npm npm
/usr/bin/aws awscli
LIST
}

missing=""
while read -r command package; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null 2>&1 || missing="$missing $package"
done <<LIST
$(needed)
LIST

[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need these Debian packages:$missing" >&2
    echo "Install them with: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
