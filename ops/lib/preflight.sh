# What can be seen before anything is installed or built, so that nobody waits minutes for a failure. Needs common.sh. Each check
# ends the script with a sentence: what is wrong, with what, what to do.

KERNEL_MINIMUM=5.13      # Landlock, and with it everything older that the sandbox stands on
BUILD_MIB=1500           # packages and a release build; measured: 1.2 GB on a bare Debian
DATA_MIB=200             # the examples, a database and some room

preflight_system() {
    local name version
    command -v apt-get >/dev/null 2>&1 && [ -r /etc/os-release ] ||
        die "this is no Debian: it installs Debian's packages with apt-get. Run it on Debian 12 or 13, or in a container of one"
    name=$(. /etc/os-release && echo "${ID:-unknown}")
    version=$(debian_major)
    [ "$name" = debian ] && [ "$version" -ge 12 ] ||
        die "this is $(. /etc/os-release && echo "${PRETTY_NAME:-$name}"): it needs Debian 12 or 13, whose packages and versions ops/packages lists"
    multiarch >/dev/null
}

preflight_kernel() {
    local release
    release=$(uname -r)
    [ "$(printf '%s\n' $KERNEL_MINIMUM "$release" | sort -V | head -n 1)" = $KERNEL_MINIMUM ] ||
        die "Linux $release is too old for the sandbox, which needs $KERNEL_MINIMUM or later: boot the kernel of this Debian"
    [ "$(id -u)" = 0 ] || unshare --user --map-root-user true 2>/dev/null ||
        die "this kernel lets no ordinary user make a user namespace, and without root the sandbox is built on them. Either run as \
root, or allow them: sysctl user.max_user_namespaces=10000, kernel.unprivileged_userns_clone=1 and, with AppArmor, \
kernel.apparmor_restrict_unprivileged_userns=0 (those of them that exist)"
}

# preflight_port PORT
preflight_port() {
    local owner=
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        ! command -v ss >/dev/null 2>&1 || owner=$(ss -Hltnp "sport = :$1" 2>/dev/null | grep -o 'users:.*' | head -n 1)
        die "port $1 is taken${owner:+ ($owner)}; stop what listens there or choose another with --port"
    fi
    [ "$1" -ge 1024 ] || [ "$(id -u)" = 0 ] || [ "$1" -ge "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)" ] ||
        die "port $1 is only for root: run as root, or choose one from 1024 on with --port"
}

# preflight_space FOLDER MIB WHAT: the nearest existing parent of FOLDER has that much room
preflight_space() {
    local folder=$1 free
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$2" ] || die "only $free MiB are free in $folder; $3 needs about $2 MiB there"
}

# preflight_folder FOLDER: exists or can be made, and is ours to write
preflight_folder() {
    mkdir -p "$1" 2>/dev/null && [ -d "$1" ] && [ -w "$1" ] ||
        die "cannot write into $1: choose another folder with --data, or make it one of $(id -un)'s"
}
