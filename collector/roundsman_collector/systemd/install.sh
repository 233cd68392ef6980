#!/bin/sh
# Installs the Roundsman agent on this device (Debian 12 or newer) and starts it. As root:
#
#     sh install.sh WHEELS
#
# WHEELS is the folder that `pip wheel ./wire ./agent` filled. Beside this file stand agent.toml and roundsman-agent.service.
# Run it again to bring a new version or a new configuration: what the agent has kept stays.
set -eu

USER_NAME=roundsman-agent
PROGRAMS=/opt/roundsman-agent
SETTINGS=/etc/roundsman-agent
DATA=/var/lib/roundsman-agent
UNIT=/etc/systemd/system/roundsman-agent.service

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

[ $# -eq 1 ] || fail "name the folder with the wheels: sh install.sh WHEELS"
[ "$(id -u)" -eq 0 ] || fail "has to be run as root"
HERE=$(cd "$(dirname "$0")" && pwd)
WHEELS=$(cd "$1" && pwd)
for file in agent.toml roundsman-agent.service; do
  [ -f "$HERE/$file" ] || fail "$HERE/$file is not there: copy the whole folder"
done
for name in roundsman_wire roundsman_agent; do
  set -- "$WHEELS/$name"-*.whl
  [ -f "$1" ] || fail "$WHEELS holds no $name-*.whl: on a machine like this one, pip wheel --wheel-dir $WHEELS ./wire ./agent"
  [ $# -eq 1 ] || fail "$WHEELS holds more than one $name-*.whl: leave the one that is wanted"
done
! grep -n '"\.\.\."' "$HERE/agent.toml" >&2 || fail "agent.toml has ... that nobody has filled in yet (see above)"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "needs Python 3.11 or newer with venv: apt install python3-venv"

if ! getent passwd "$USER_NAME" >/dev/null; then
  useradd --system --user-group --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin "$USER_NAME"
fi

[ -x "$PROGRAMS/bin/python" ] || python3 -m venv "$PROGRAMS"
# With the wheels of what the agent needs beside its own, no package index is asked.
INDEX=
set -- "$WHEELS"/psutil-*.whl
[ ! -f "$1" ] || INDEX=--no-index
"$PROGRAMS/bin/pip" install --quiet --disable-pip-version-check --upgrade $INDEX -f "$WHEELS" \
  "$WHEELS"/roundsman_wire-*.whl "$WHEELS"/roundsman_agent-*.whl

install -d -m 0750 -o root -g "$USER_NAME" "$SETTINGS"
install -d -m 0750 -o "$USER_NAME" -g "$USER_NAME" "$DATA"
# Only root changes it, only the agent reads it: it holds a password.
install -m 0640 -o root -g "$USER_NAME" "$HERE/agent.toml" "$SETTINGS/agent.toml"
(cd "$DATA" && runuser -u "$USER_NAME" -- "$PROGRAMS/bin/roundsman-agent" check "$SETTINGS/agent.toml" >/dev/null) ||
  fail "mend $HERE/agent.toml and run this again"

install -m 0644 "$HERE/roundsman-agent.service" "$UNIT"
systemctl daemon-reload
systemctl enable --quiet roundsman-agent
systemctl restart roundsman-agent || fail "it does not start: journalctl -u roundsman-agent -n 50"
systemctl --no-pager --lines=5 status roundsman-agent
