# Sourced by ./up and ./test: what both need before they can build. Says what it does and how far it is.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'redhouse: %s\n' "$*" >&2; exit 1; }

step=0
begin() { step=$((step + 1)); say "[$step/$steps] $*"; }

# sudo forgets the environment: what `redhouse init` looks at is handed on.
npm_registry=
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then
    sudo env "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" ${REDHOUSE_UPLINK:+"REDHOUSE_UPLINK=$REDHOUSE_UPLINK"} \
      ${npm_registry:+"npm_config_registry=$npm_registry"} "$@"
  else die "this needs root: run it as root, or install sudo"; fi
}

# build/, this user's own: what sudo left of another's cannot be built over.
own_build() {
  mkdir -p build 2>/dev/null
  [ "$(id -u)" = 0 ] && return
  [ -w build ] &&
    [ -z "$(find build -maxdepth 1 ! -user "$(id -u)" ! -name stacks ! -name data ! -name 'redhouse*' -print -quit)" ] ||
    die "parts of build/ are another user's: go on as that user (sudo $0), or remove build/"
}

# May other users, so the one that the server becomes, pass through a folder?
reachable() { as_root setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$1"; }

# What is started as root is root's, and nobody else may write it; the next build replaces it.
programs_of_root() {
  local program
  for program in "$@"; do
    [ "$(stat -c '%u' "$program")" = 0 ] || as_root chown 0:0 "$program"
    as_root chmod go-w "$program"
  done
}

# Installs the packages of a list that are missing.
debian_packages() {
  local want missing=()
  command -v dpkg-query >/dev/null || die "this is made for Debian 12; install by hand what $1 lists"
  for want in $(grep -v '^#' "$1"); do
    dpkg-query -W -f='${Status}' "$want" 2>/dev/null | grep -q 'install ok installed' || missing+=("$want")
  done
  [ ${#missing[@]} = 0 ] && return
  say "      installs ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq || die "apt-get update failed: check the machine's package sources and network"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# build/node: the Node.js and npm that everything then runs on. The machine's own npm is used this once.
own_node() {
  case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "there is no Node.js for $(uname -m) here" ;;
  esac
  node_dir=$root/build/node
  node_bin=$node_dir/node_modules/node-linux-$arch/bin/node
  npm_cli=$node_dir/node_modules/npm/bin/npm-cli.js
  [ -x "$node_bin" ] && [ -f "$npm_cli" ] && return
  if ! command -v npm >/dev/null; then
    say "      installs Debian's npm, once"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null ||
      die "apt-get could not install npm"
  fi
  mkdir -p "$node_dir"
  printf '{"private":true}\n' >"$node_dir/package.json"
  (cd "$node_dir" && npm install --ignore-scripts --no-audit --no-fund --no-save --loglevel=error \
    "node-linux-$arch@24" npm@11 >/dev/null) || die "npm could not fetch Node.js: check the network and 'npm config get registry'"
}

node_path() { # puts build/node first on PATH, as node and npm; asks where this user's packages come from
  mkdir -p "$root/build/bin"
  ln -sfn "$node_bin" "$root/build/bin/node"
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node_bin" "$npm_cli" >"$root/build/bin/npm"
  printf '#!/bin/sh\nexec "%s" "%s" exec -- "$@"\n' "$node_bin" "$npm_cli" >"$root/build/bin/npx"
  chmod +x "$root/build/bin/npm" "$root/build/bin/npx"
  PATH=$root/build/bin:$PATH
  export PATH
  [ "$(id -u)" = 0 ] || npm_registry=$(npm config get registry) || die "npm does not run: remove build/node and try again"
}

# The portal: web/dist, which the build embeds.
portal() {
  [ -f web/package.json ] || return 0
  if [ -f web/dist/index.html ] &&
    [ -z "$(find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -newer web/dist/index.html -print | head -n 1)" ]; then
    return
  fi
  (cd web && npm ci --no-audit --no-fund --loglevel=error >/dev/null && npm run build >/dev/null) ||
    die "the portal could not be built: run 'npm ci && npm run build' in web/ to see why"
}

build() { # PRESET
  cmake --preset "$1" >"$root/build/cmake-$1.log" 2>&1 || { cat "$root/build/cmake-$1.log" >&2; die "cmake failed"; }
  cmake --build --preset "$1" -j "$(nproc)" >"$root/build/build-$1.log" 2>&1 ||
    { tail -n 40 "$root/build/build-$1.log" >&2; die "the build failed; all of it is in build/build-$1.log"; }
}

# A stack in build/stacks, made once by a server of its own on an empty data folder.
stack() { # BINARY-FOLDER SPEC
  [ -x "build/stacks/$2/bin/node" ] && return
  local data log=$root/build/stack-$2.log
  programs_of_root "$1/redhouse" "$1/redhouse-warden"
  data=$(as_root mktemp -d /var/tmp/redhouse.XXXXXX) # where the server's user may pass
  head -c 18 /dev/urandom | base64 >"$root/build/prepare.password"
  as_root "$1/redhouse" init --data "$data" --admin prepare --password-file "$root/build/prepare.password" >"$log" ||
    die "the stack could not be prepared; see $log"
  as_root "$1/redhouse" serve --data "$data" --listen 127.0.0.1:0 --stacks "$root/build/stacks" >>"$log" 2>&1 &
  for _ in $(seq 150); do
    as_root test -S "$data/run/admin.sock" && break
    sleep 0.2
  done
  as_root "$1/redhouse" stack add "$2" --data "$data" --stacks "$root/build/stacks" >&2 ||
    { as_root "$1/redhouse" stop --instances --data "$data" >/dev/null; tail -n 20 "$log" >&2; die "the stack $2 could not be prepared; see $log"; }
  as_root "$1/redhouse" stop --instances --data "$data" >/dev/null
  wait
  as_root rm -rf "$data" "$root/build/prepare.password"
}
