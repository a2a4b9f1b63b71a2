# What every script in ops/ shares. Source it with: . "$(dirname "$0")/lib/common.sh"
# Progress goes to standard error as "[ 12.3s] words", so that standard output stays for answers.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# VITRINE_ARCH=arm64 prepares a cross build: what is fetched then goes into a folder of its own.
own_arch=$(dpkg --print-architecture)
arch=${VITRINE_ARCH:-$own_arch}
deps=$root/build/deps
[ "$arch" = "$own_arch" ] || deps=$deps-$arch

# A script that another one started goes on with its clock.
started_ms=${VITRINE_STARTED_MS:-$(($(date +%s%N) / 1000000))}
export VITRINE_STARTED_MS=$started_ms

elapsed_ms() { echo $(($(date +%s%N) / 1000000 - started_ms)); }

say() {
    local ms
    ms=$(elapsed_ms)
    printf '[%4d.%d s] %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# While a step runs, a person at a terminal sees the last line of what it prints; a log gets only begin and end.
step_show() { # step_show LOG, until it is killed
    local width
    width=$(($(tput cols 2>/dev/null || echo 80) - 1))
    trap 'printf "\r\033[K" >&2; exit 0' TERM
    exec 7<> <(:) # nothing ever comes: a wait that, unlike sleep, ends with the signal
    while true; do
        read -rt 0.5 -u 7 || true
        printf '\r\033[K%s' "$(tail -n 1 "$1" | tr -cd '[:print:]' | cut -c "1-$width")" >&2
    done
}

# step "words" command...: runs it quietly, says how long it took, and shows its output when it fails. $step_hint, when set, then
# says what to do about it.
step_hint=
step() {
    local words=$1 log from status show=
    shift
    log=$(mktemp) || die "no temporary file could be made in ${TMPDIR:-/tmp}: is the disk full?"
    from=$(elapsed_ms)
    say "$words …"
    if [ -t 2 ]; then
        step_show "$log" &
        show=$!
    fi
    # A subshell of its own, not "|| status=$?": there a function would run on after a failed command.
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ -n "$show" ]; then
        kill "$show" 2>/dev/null || true
        wait "$show" 2>/dev/null || true
    fi
    if [ $status -ne 0 ]; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        die "$words failed (status $status); the last lines of what it printed stand above${step_hint:+. $step_hint}"
    fi
    rm -f "$log"
    from=$(($(elapsed_ms) - from))
    [ $from -lt 1000 ] || say "$words: $((from / 1000)).$((from % 1000 / 100)) s"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# need_root WHY: root, or sudo that will not ask in the middle of a quiet step
need_root() {
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null 2>&1 || die "$1 needs root: run this as root, or install sudo and let $(id -un) use it"
    if ! sudo -n true 2>/dev/null; then
        [ -t 0 ] || die "$1 needs root, and sudo asks $(id -un) for a password: run \"sudo -v\" first, or this as root"
        sudo -v || die "$1 needs root, and sudo did not let $(id -un) in"
    fi
}

# 12, 13, …; testing and unstable have no number and are newer than any.
debian_major() { (. /etc/os-release && echo "${VERSION_ID:-99}" | cut -d . -f 1); }

# The folder below /usr/lib that holds the libraries of the architecture that is built for.
multiarch() {
    case $arch in
        amd64) echo x86_64-linux-gnu ;;
        arm64) echo aarch64-linux-gnu ;;
        *) die "this runs on amd64 and arm64, not on $arch" ;;
    esac
}

# npm_install FOLDER: exactly what its lock file says, no package's own scripts, nothing when it is already there.
npm_install() {
    local folder=$1 want
    want=$(sha256sum "$folder/package-lock.json" | cut -d ' ' -f 1)
    mkdir -p "$folder/node_modules" "$root/build"
    (
        flock 9
        if [ "$(cat "$folder/node_modules/.installed" 2>/dev/null)" != "$want" ]; then
            step_hint="They come from the npm registry: is the network there, and the registry that npm is set to?"
            step "npm packages of ${folder#"$root"/}" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
            echo "$want" >"$folder/node_modules/.installed"
        fi
    ) 9>"$root/build/npm-$(basename "$folder").lock"
}
