# Publishing examples/ the way every author does: git push with a token. Needs common.sh, $account, $host, $port and admin().
#
# Each repository is made on the spot from the folder with a fixed author and date, so the same files give the same commit,
# and what the server has already needs no push.

publish_names() {
    local folder
    for folder in "$root"/examples/*/; do
        [ -f "$folder/README.md" ] && basename "$folder"
    done
}

# A git that reads nobody's settings and asks nobody, and that finds the server also when its name has no address here yet.
publish_git() {
    env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
        GIT_ASKPASS=true GIT_AUTHOR_NAME=vitrine GIT_AUTHOR_EMAIL=vitrine@localhost GIT_COMMITTER_NAME=vitrine \
        GIT_COMMITTER_EMAIL=vitrine@localhost GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' \
        no_proxy='*' git -c "http.curloptResolve=$host:$port:127.0.0.1" -c init.defaultBranch=main -c core.autocrlf=false "$@"
}

# publish_commit FOLDER GIT_DIR: one commit of the folder's files, without the model repository that stands beside a demo
publish_commit() {
    local folder=$1 git_dir=$2
    publish_git init -q --bare --template= "$git_dir"
    mkdir -p "$git_dir/info"
    printf '%s\n' /model/ __pycache__/ '*.pyc' >"$git_dir/info/exclude"
    publish_git --git-dir="$git_dir" --work-tree="$folder" add -A
    publish_git --git-dir="$git_dir" --work-tree="$folder" commit -q -m "Example $(basename "$folder")"
    publish_git --git-dir="$git_dir" rev-parse HEAD
}

publish_token=
publish_need_token() {
    [ -z "$publish_token" ] || return 0
    admin token revoke "$account" ops >/dev/null 2>&1 || true
    publish_token=$(admin token add "$account" --name ops --role write | grep -o 'hf_[A-Za-z0-9]*' | head -n 1)
    [ -n "$publish_token" ] || die "the server gave no token for $account"
}

# publish_push GIT_DIR ADDRESS: the token goes to git through a descriptor, never through an argument or an address
publish_push() {
    publish_git --git-dir="$1" -c credential.helper='!f() { test "$1" = get && cat <&3; }; f' \
        push --force --porcelain "$2" HEAD:refs/heads/main 3< <(printf 'username=%s\npassword=%s\n' "$account" "$publish_token")
}

# One line "KIND OWNER/NAME COMMIT" per repository that has a live release.
publish_live() {
    admin status --json | tr '{' '\n' |
        sed -n 's/^"id":"\([^"]*\)","kind":"\([a-z]*\)".*"commit":"\([0-9a-f]*\)".*/\2 \1 \3/p'
}

# publish_one KIND NAME FOLDER ADDRESS
publish_one() {
    local kind=$1 name=$2 folder=$3 address=$4 git_dir=$scratch/$1-$2.git commit
    commit=$(publish_commit "$folder" "$git_dir")
    case $live in *"$kind $account/$name $commit"*) return 0 ;; esac
    publish_need_token
    step "publishing $kind $name" publish_push "$git_dir" "$address"
}

# publish_all SITE: models first, because a demo names its model
publish_all() {
    local site=$1 name live
    live=$(publish_live)
    scratch=$(mktemp -d)
    for name in $(publish_names); do
        [ ! -d "$root/examples/$name/model" ] ||
            publish_one model "$name" "$root/examples/$name/model" "$site/$account/$name"
    done
    for name in $(publish_names); do
        publish_one demo "$name" "$root/examples/$name" "$site/spaces/$account/$name"
    done
    rm -rf "$scratch"
    if [ -n "$publish_token" ]; then
        admin token revoke "$account" ops >/dev/null 2>&1 || say "the token 'ops' of $account could not be removed"
    fi
}
