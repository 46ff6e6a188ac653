# shellcheck shell=bash
# Installs Debian packages where that is allowed. Sourced by the other scripts.

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# A package that brings a service must not start it: the tests start their own servers, on free ports.
forbid_services() {
    [ -e /usr/sbin/policy-rc.d ] && return
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod 755 /usr/sbin/policy-rc.d
}

install_packages() { # fails when it may not install, or cannot
    local log get="as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
    may_install || return 1
    log=$(mktemp)
    echo "Installing $* from the system's packages…"
    # The lists may be old or missing; one that cannot be renewed may still do.
    $get update >"$log" 2>&1 || true
    if $get install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        grep "^E:" "$log" >&2 || tail -n 3 "$log" >&2
        rm -f "$log"
        return 1
    fi
}
