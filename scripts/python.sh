# shellcheck shell=bash
# Finds a Python that is new enough. Sourced by the other scripts.

find_python() { # prints a command; $PYTHON, when set, is the only candidate
    local candidate
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed, and ${PYTHON:-python3} is not." \
        "Install one (Debian: apt-get install python3) or name it: make PYTHON=/path/to/python3" >&2
    return 1
}

make_environment() { # make_environment PYTHON FOLDER
    if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        local package
        package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        # shellcheck source=scripts/apt.sh
        . scripts/apt.sh
        if ! install_packages "$package"; then
            echo "This Python cannot make environments; install $package (as root: apt-get install $package)." >&2
            return 1
        fi
    fi
    "$1" -m venv --clear "$2"
}
