# Sourced by scripts/demo, scripts/check and scripts/test: finds or makes the virtual environment. Bash.
# What it needs of the network it asks plainly of pip (and of apt-get): mirrors and proxies are set up there.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  echo "Python 3.11 or newer is needed 需要 Python 3.11 或更新版本" >&2
  return 1
}

# Install system packages where apt-get is there and may be used without asking; false where not.
apt_install() {
  command -v apt-get >/dev/null || return 1
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true >/dev/null 2>&1 || return 1
    as_root=(sudo -n)
  fi
  { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install --yes --no-install-recommends "$@"; } >/dev/null 2>&1 </dev/null
}

# Use the active virtual environment, else .venv (made when absent), and put its commands first.
use_environment() {
  if [ -z "${VIRTUAL_ENV:-}" ]; then
    local python
    VIRTUAL_ENV="$PWD/.venv"
    if [ ! -e "$VIRTUAL_ENV/bin/pip" ]; then
      python=$(find_python) || return 1
      "$python" -m venv "$VIRTUAL_ENV" || { apt_install python3-venv && "$python" -m venv --clear "$VIRTUAL_ENV"; } || return 1
    fi
    export VIRTUAL_ENV
  fi
  PATH="$VIRTUAL_ENV/bin:$PATH"
}

# install_project "" or "[test]": once for each state of pyproject.toml and requirements.lock, so that later runs need
# no network.
install_project() {
  local state stamp="$VIRTUAL_ENV/carecircle-installed$1"
  state="$PWD $(cat pyproject.toml requirements.lock | cksum)"
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
    return
  fi
  echo "Installing carecircle$1 into $VIRTUAL_ENV 正在安装……"
  local constraints=(--constraint requirements.lock)
  if ! python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'; then
    echo "requirements.lock does not cover this Python: newest versions are taken instead"
    constraints=()
  fi
  python -m pip install --quiet --disable-pip-version-check "${constraints[@]}" --editable ".$1" || return 1
  echo "$state" > "$stamp"
}
