/*
 * The script in a bundle, for guests of any age: POSIX sh, and nothing but what every Linux has. It is text here because
 * a bundle is made by a program that is itself bundled. No backticks and no braces after a dollar sign, so that it reads
 * as it is run.
 */

/** Installs, shows, replaces and takes away a sentinel: `install.sh install|status|upgrade|uninstall`. */
export const installScript = String.raw`#!/bin/sh
# Sealift sentinel: install.sh [install | status | upgrade | uninstall] [--root <folder>]
# --root does all of it in the files of another system, and starts nothing.
set -eu

root=''
soon=no
action=install
while [ $# -gt 0 ]; do
  case "$1" in
    install | status | upgrade | uninstall) action=$1 ;;
    --root) shift; root=$1 ;;
    --soon) soon=yes ;;
    *) printf 'sealift-sentinel: %s is not understood; use install, status, upgrade or uninstall\n' "$1" >&2; exit 2 ;;
  esac
  shift
done

here=$(cd "$(dirname "$0")" && pwd)
program=/opt/sealift-sentinel
config=/etc/sealift-sentinel
unit=/etc/systemd/system/sealift-sentinel.service
script=/etc/init.d/sealift-sentinel
running=/run/sealift-sentinel
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

say() { printf '%s\n' "$*"; }
fail() { printf 'sealift-sentinel: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
live() { [ -z "$root" ]; }
systemd() { [ -d "$root/run/systemd/system" ] || { [ -n "$root" ] && [ -d "$root/etc/systemd/system" ]; }; }

node_of_bundle() {
  if [ -x "$here/node" ]; then say "$program/node"; return; fi
  for each in node nodejs; do
    has "$each" || continue
    if "$each" -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)' 2>/dev/null; then
      command -v "$each"
      return
    fi
  done
  return 1
}

need_root() {
  [ "$(id -u)" = 0 ] || fail 'root is needed'
}

put_program() {
  mkdir -p "$root$program"
  chmod 755 "$root$program"
  # Beside, and then in its place: one that runs keeps what it has.
  for each in sentinel.mjs install.sh node; do
    [ -f "$here/$each" ] || continue
    cp "$here/$each" "$root$program/$each.new"
    chmod 755 "$root$program/$each.new"
    mv -f "$root$program/$each.new" "$root$program/$each"
  done
}

put_config() {
  mkdir -p "$root$config"
  chmod 700 "$root$config"
  for each in sentinel.json ca-cert.pem token; do
    ( umask 077 && cat "$here/config/$each" >"$root$config/$each" )
    chmod 600 "$root$config/$each"
  done
}

put_unit() {
  cat >"$root$unit" <<END
[Unit]
Description=Sealift sentinel: replicates this guest
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=$node --max-old-space-size=128 $program/sentinel.mjs run --config $config
Restart=always
RestartSec=2
Nice=10
IOSchedulingClass=idle
OOMScoreAdjust=-500
# What takes the sentinel off this guest is started by it, and goes on when it has ended.
KillMode=process
RuntimeDirectory=sealift-sentinel
RuntimeDirectoryMode=0700
UMask=0077

[Install]
WantedBy=multi-user.target
END
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf "$unit" "$root/etc/systemd/system/multi-user.target.wants/sealift-sentinel.service"
}

put_init_script() {
  mkdir -p "$root/etc/init.d"
  cat >"$root$script" <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides:          sealift-sentinel
# Required-Start:    \$network \$local_fs
# Required-Stop:     \$network \$local_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Sealift sentinel: replicates this guest
### END INIT INFO
pid=$running/keeper.pid
alive() { [ -f "\$pid" ] && kill -0 "\$(cat "\$pid")" 2>/dev/null; }
case "\$1" in
  start)
    alive && exit 0
    mkdir -p $running && chmod 700 $running
    # Kept alive by a loop that ends with the file of its number.
    setsid sh -c 'echo \$\$ >$running/keeper.pid
      while [ -f $running/keeper.pid ]; do
        nice -n 10 $node --max-old-space-size=128 $program/sentinel.mjs run --config $config >>/dev/null 2>&1 &
        echo \$! >$running/sentinel.pid
        wait \$!
        sleep 2
      done' </dev/null >/dev/null 2>&1 &
    ;;
  stop)
    rm -f "\$pid"
    # Until it has ended: what it says last would otherwise come after what is taken away.
    if [ -f $running/sentinel.pid ]; then
      last=\$(cat $running/sentinel.pid)
      kill "\$last" 2>/dev/null
      for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        kill -0 "\$last" 2>/dev/null || break
        sleep 1
      done
      kill -9 "\$last" 2>/dev/null
    fi
    rm -f $running/sentinel.pid
    exit 0
    ;;
  restart) "\$0" stop; sleep 1; "\$0" start ;;
  status) alive ;;
  *) exit 2 ;;
esac
END
  chmod 755 "$root$script"
  for level in 2 3 4 5; do
    [ -d "$root/etc/rc$level.d" ] || continue
    ln -sf ../init.d/sealift-sentinel "$root/etc/rc$level.d/S99sealift-sentinel"
  done
}

start() {
  live || return 0
  if systemd; then
    systemctl daemon-reload
    systemctl restart sealift-sentinel.service
  else
    if has rc-update; then rc-update add sealift-sentinel default >/dev/null 2>&1 || true; fi
    "$script" restart
  fi
}

stop() {
  live || return 0
  if [ -f "$unit" ] && has systemctl; then systemctl stop sealift-sentinel.service 2>/dev/null || true; fi
  if [ -x "$script" ]; then
    "$script" stop || true
    if has rc-update; then rc-update del sealift-sentinel default >/dev/null 2>&1 || true; fi
  fi
}

# On its way to rest, at rest, or on its way back: the notes of it are in memory, and gone after a boot.
at_rest() { [ -e "$root/run/sealift/rest.json" ] || grep -q '"stage":"quiesced"' "$root$running/status.json" 2>/dev/null; }

case "$action" in
  install)
    need_root
    [ -f "$here/sentinel.mjs" ] || fail 'run it from the folder of the bundle'
    [ ! -e "$root$config/sentinel.json" ] || fail 'a sentinel is installed already; use upgrade, or uninstall it first'
    node=$(node_of_bundle) || fail 'Node 18 or later is needed and was not found; make the bundle with --standalone'
    put_program
    put_config
    if systemd; then put_unit; else put_init_script; fi
    start
    say 'the sentinel is installed'
    ;;
  status)
    [ -e "$root$config/sentinel.json" ] || { say 'no sentinel is installed'; exit 1; }
    if [ -f "$root$running/status.json" ]; then cat "$root$running/status.json"; say ''; else say 'installed, not running'; fi
    ;;
  upgrade)
    need_root
    [ "$here" != "$root$program" ] || fail 'run it from the folder of the newer bundle'
    [ -e "$root$config/sentinel.json" ] || fail 'no sentinel is installed; use install'
    if at_rest; then fail 'the guest is at rest for its switchover; upgrade afterwards'; fi
    node=$(node_of_bundle) || fail 'Node 18 or later is needed and was not found; make the bundle with --standalone'
    # Who it is stays: neither the key nor the certificate is touched.
    put_program
    if systemd; then put_unit; else put_init_script; fi
    start
    say 'the sentinel is upgraded'
    ;;
  uninstall)
    need_root
    if at_rest; then fail 'the guest is at rest for its switchover; resume it first'; fi
    # Whoever asked is to be answered first.
    if [ "$soon" = yes ]; then sleep 2; fi
    stop
    rm -f "$root/etc/systemd/system/multi-user.target.wants/sealift-sentinel.service" "$root$unit" "$root$script"
    rm -f "$root"/etc/rc?.d/[SK]??sealift-sentinel
    rm -rf "$root$config" "$root$running" "$root/run/sealift" "$root/var/lib/sealift"
    rm -rf "$root$program"
    if live && has systemctl; then
      systemctl daemon-reload 2>/dev/null || true
      systemctl reset-failed sealift-sentinel.service 2>/dev/null || true
    fi
    say 'the sentinel is gone'
    ;;
esac
`;
