#!/usr/bin/env bash
# ./build.sh TARGET: installs what the target needs, then runs it. `./build.sh --help` lists the targets.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'TEXT'
usage: ./build.sh TARGET [--option=value ...]

  demo      containers of podman and Docker on their networks, in a host of their own, and gone afterwards
  test      unit, kernel, system and vector tests; the last line is "N passed, N failed, N skipped"
  unit      unit tests: no privileges, about a minute
  kernel    tests against this machine's kernel, in namespaces of their own (root)
  system    tests against podman, containerd and etcd, in test hosts of their own (root)
  docker    the system tests of Docker alone (root)
  mesos     the system tests of Mesos alone, with a played agent (root)
  vectors   what upstream's tests expect, as data: CALICO_VECTORS names the folder (default ../shared/vectors)
  long      the full counts of every churn and soak
  mutate    which changes of the pure parts no test notices (hours): see docs/mutation.md; --part=NAME for one
  bench     ratios against peers and against the kernel; the table goes to bench/RESULTS.md
  fuzz      random input for every parser, bounded in time
  pack      NuGet packages, into artifacts/packages
  publish   the programs of a node, into artifacts/publish
  build     compiles everything

Options: --filter=EXPRESSION (tests), --runs=N (bench), --verbose
Debian packages that a target needs are installed when this runs as root and apt is there; --no-install only names them.
TEXT
}

target=${1:-}
case "$target" in
  ''|-h|--help|help) usage; exit 0 ;;
  -*) echo "build.sh: the target comes first: ./build.sh TARGET $*" >&2; exit 2 ;;
esac
shift
install=yes
args=()
for arg in "$@"; do
  case "$arg" in
    --no-install) install=no ;;
    *) args+=("$arg") ;;
  esac
done

# What each target needs of Debian: "package:program that shows it is there".
native='gcc:gcc zlib1g-dev:/usr/include/zlib.h'
shim='strace:strace'
network='iproute2:ip conntrack:conntrack nftables:nft procps:ps util-linux:nsenter'
containers='podman:podman conmon:conmon runc:runc containerd:containerd containernetworking-plugins:/usr/lib/cni/portmap iptables:iptables busybox-static:/bin/busybox uidmap:newuidmap'
docker='docker.io:dockerd docker-compose:docker-compose'
peers='ipset:ipset iptables:iptables'
stores='etcd-server:etcd etcd-client:etcdctl'
case "$target" in
  vectors|fuzz|mutate|build|pack) needs='' ;;
  publish) needs="$native" ;;
  unit) needs="$native $shim" ;;
  kernel) needs="$network" ;;
  demo) needs="$native $network $containers $docker" ;;
  docker) needs="$native $network $containers $docker" ;;
  mesos) needs="$native $network busybox-static:/bin/busybox python3:python3" ;;
  test|system|long) needs="$native $shim $network $containers $stores $docker" ;;
  bench) needs="$native $shim $network $containers $stores $docker $peers" ;;
  *) echo "build.sh: there is no target '$target'" >&2; usage >&2; exit 2 ;;
esac

missing=()
for need in $needs; do
  program=${need#*:}
  case "$program" in
    /*) [ -e "$program" ] || missing+=("${need%%:*}") ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || missing+=("${need%%:*}") ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then
  command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$install" = yes ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian packages: ${missing[*]}"
    log=$(mktemp)
    # policy-rc.d: installing a package must not start a daemon on the user's machine.
    policy=/usr/sbin/policy-rc.d
    made=no
    if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; made=yes; fi
    trap 'if [ "$made" = yes ]; then rm -f "$policy"; fi; rm -f "$log"' EXIT
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      echo "build.sh: apt could not install them; by hand: $command" >&2
      exit 1
    fi
    if [ "$made" = yes ]; then rm -f "$policy"; fi
    rm -f "$log"
    trap - EXIT
  else
    echo "build.sh: '$target' needs Debian packages that are not here: ${missing[*]}" >&2
    echo "  as root: $command" >&2
    exit 1
  fi
fi

case "$target" in
  kernel|system|docker|mesos|demo|long|bench)
    if [ "$(id -u)" != 0 ]; then
      echo "build.sh: '$target' makes network namespaces, which needs root: sudo ./build.sh $target" >&2
      exit 1
    fi ;;
esac

wanted=$(sed -n 's/.*"version": *"\([0-9.]*\)".*/\1/p' global.json | head -n 1)
if ! command -v dotnet >/dev/null 2>&1; then
  if [ -x "$HOME/.dotnet/dotnet" ]; then
    export PATH="$HOME/.dotnet:$PATH" DOTNET_ROOT="$HOME/.dotnet"
  else
    echo "build.sh: the .NET SDK is missing (version $wanted or a later patch of it). One command gets it:" >&2
    echo "  curl -fsSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0 && export PATH=\"\$HOME/.dotnet:\$PATH\"" >&2
    exit 1
  fi
fi
if ! version=$(dotnet --version 2>&1); then
  echo "build.sh: this .NET SDK does not fit: global.json asks for $wanted or a later patch of it" >&2
  printf '%s\n' "$version" | head -n 3 >&2
  exit 1
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
if ! log=$(dotnet tool restore 2>&1); then
  printf '%s\n' "$log" >&2
  echo "build.sh: Cake could not be restored" >&2
  exit 1
fi
exec dotnet cake build.cake --target="$target" ${args[@]+"${args[@]}"}
