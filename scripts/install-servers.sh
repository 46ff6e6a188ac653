#!/usr/bin/env bash
# Installs the servers that the tests run against, where they are missing and it may.
# Without them their tests are skipped, so a machine where it may not is no failure.
set -euo pipefail
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }
has_postgres() { has initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
has_browser() { has chromium || has chromium-browser || has google-chrome; }
# Who may use the kernel's FUSE needs a program to mount with, unless it is root.
mounts() { [ ! -w /dev/fuse ] || [ "$(id -u)" = 0 ] || has fusermount3; }

missing() { # prints the Debian packages of what is not there
    has redis-server || echo redis-server
    has rabbitmq-server || echo rabbitmq-server
    has_postgres || echo postgresql
    has_browser || echo chromium
    has docker-compose || echo docker-compose # checks its files, without an engine
    mounts || echo fuse3 # the disk that loses its power
    has ip || echo iproute2 # hosts that are cut off from each other
    has nft || echo nftables
    has promtool || echo prometheus # checks metrics, rules and their tests
}

# Installed for the tests, so not to be started with the machine either.
disable_services() {
    [ -d /run/systemd/system ] || return 0
    local package
    for package; do
        case $package in
        postgresql | redis-server | rabbitmq-server | prometheus)
            as_root systemctl disable --quiet "$package" 2>/dev/null || true ;;
        esac
    done
}

packages=$(missing)
[ -z "$packages" ] && exit 0

. scripts/apt.sh
# shellcheck disable=SC2086
if may_install && forbid_services && install_packages $packages; then
    disable_services $packages
else
    echo "Not found, so their tests are skipped:" $packages
    echo "On Debian or Ubuntu: sudo apt-get install" $packages
fi
