#!/bin/sh
# Builds the image of the Dockerfile on a machine without Docker, looks at its size, and runs it: deploy/try-image.sh
#
# Buildah builds it without an engine (`--isolation chroot`). Where no registry can be reached the base image is stood
# in for by Debian's own: the same release, with Debian's Python 3.11, under the base's name. The packages are fetched
# here, checked against the lock, and given to the build, which reaches nothing. Then tests/image/ runs every process
# as its own user, on a root that cannot be written to, on a Postgres, Valkey and Temporal of `stopwatch up`'s packages.
#
# Needs root, Debian's packages (it installs buildah and debootstrap where they are missing) and `make tools`. What can
# be used again is kept in IMAGE_CACHE (build/image). Takes six minutes the first time, three after it.
set -eu
cd "$(dirname "$0")/.."
: "${IMAGE_CACHE:=build/image}" "${MOST:=350}"
mkdir -p "$IMAGE_CACHE"
cache=$(cd "$IMAGE_CACHE" && pwd)
python=.venv/bin/python
base=docker.io/library/$(sed -n 's/^FROM \(python:[^ ]*\).*/\1/p' Dockerfile | head -1)

say() { echo "image: $*"; }
build() { buildah --root "$cache/store" --runroot "$cache/run" "$@"; }

install_tools() {
    command -v buildah >/dev/null && command -v debootstrap >/dev/null && command -v ip >/dev/null && return
    say "installing buildah and debootstrap"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends buildah debootstrap iproute2 >/dev/null
}

# Whole or not at all: the name comes last.
make_base() {
    build images --quiet "$base" >/dev/null 2>&1 && return
    say "the base, from Debian's packages, in place of $base"
    rm -rf "$cache/base"
    debootstrap --variant=minbase --include=python3,python3-venv,python-is-python3,ca-certificates \
        bookworm "$cache/base" >"$cache/debootstrap.log" 2>&1 || { tail -5 "$cache/debootstrap.log" >&2; exit 1; }
    rm -rf "$cache"/base/var/cache/apt/archives/*.deb "$cache"/base/var/lib/apt/lists/*
    container=$(build from scratch)
    build copy --quiet "$container" "$cache/base" / >/dev/null
    build commit --quiet "$container" "$base" >/dev/null
    build rm "$container" >/dev/null
    rm -rf "$cache/base"
}

# Debian's Python is some releases older than the base image's: one package of the lock is for those.
fetch_packages() {
    say "the packages of requirements.image.lock"
    sed -E "s/ ; python_full_version < '3\.11\.3'//" requirements.image.lock >"$cache/lock"
    $python -m pip download --quiet --require-hashes --no-deps --dest "$cache/packages" -r "$cache/lock" 2>"$cache/pip.log" ||
        { tail -5 "$cache/pip.log" >&2; exit 1; }
    printf '[global]\nno-index = true\nfind-links = /packages\n' >"$cache/pip.conf"
}

build_image() {
    say "building $1"
    build bud --isolation chroot --pull-never --layers \
        --volume "$cache/packages:/packages:ro" --volume "$cache/pip.conf:/etc/pip.conf:ro" \
        ${2:+--target "$2"} --tag "$1" . >"$cache/build.log" 2>&1 || { tail -20 "$cache/build.log" >&2; exit 1; }
}

megabytes() { du -s -x --apparent-size --block-size=1MB "$1" | cut -f1; }
root_of() { build mount "$(build from --pull-never "$1")"; }
put_away() { build umount --all >/dev/null 2>&1 || true; build rm --all >/dev/null 2>&1 || true; }

install_tools
put_away
make_base
fetch_packages
build_image localhost/stopwatch:0.1.0
build_image localhost/stopwatch-ops:0.1.0 ops
trap put_away EXIT
product=$(root_of localhost/stopwatch:0.1.0)
ops=$(root_of localhost/stopwatch-ops:0.1.0)
size=$(($(megabytes "$product") - $(megabytes "$(root_of "$base")")))
say "$size MB on top of the base, of $MOST"
test "$size" -le "$MOST" || { echo "image: it is too large: du -m $product/opt/venv" >&2; exit 1; }
build inspect --type image localhost/stopwatch:0.1.0 >"$cache/image.json"
# A network of its own: each name and port is what docker-compose.yml says, whatever else runs here.
unshare --net --mount --propagation private -- sh -euc 'ip link set lo up && exec "$@"' - \
    $python -m tests.image --root "$product" --ops "$ops" --config "$cache/image.json"
