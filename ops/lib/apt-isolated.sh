# Packages of another Debian suite without touching this machine's apt: own source list, own index and cache folders, the
# same mirror and the same signing keys. Nothing from there is ever installed, only unpacked.
#
#   isolated_open SUITE [deb|deb-src]     fetches the signed index of that suite
#   isolated_apt ARGS...                  apt-get on it

isolated_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v -i security | head -n 1)
    [ -n "$uri" ] || die "apt knows no Debian mirror: /etc/apt has no source with packages"
    echo "$uri"
}

isolated_open() {
    local suite=$1 kind=${2:-deb} keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f $keys ] || die "$keys is missing: install debian-archive-keyring"
    isolated=$deps/apt/$suite-$kind # $deps is of one architecture
    mkdir -p "$isolated/lists/partial" "$isolated/cache/archives/partial" "$isolated/etc"
    : >"$isolated/status"
    echo "$kind [signed-by=$keys] $(isolated_mirror) $suite main" >"$isolated/etc/sources.list"
    isolated_apt update -qq
}

isolated_apt() {
    local sandbox=()
    [ "$(id -u)" != 0 ] || sandbox=(-o APT::Sandbox::User=root)
    apt-get "${sandbox[@]}" -o APT::Architecture="$arch" -o APT::Architectures::="$arch" \
        -o Dir::Etc::sourcelist="$isolated/etc/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
        -o Dir::State::lists="$isolated/lists" -o Dir::State::status="$isolated/status" \
        -o Dir::Cache="$isolated/cache" -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}
