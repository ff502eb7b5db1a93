#!/bin/sh
# Installs Wenyuan from the files beside this one; nothing is fetched from anywhere.
#
#   sh install.sh [FOLDER]      into FOLDER/.venv, by default beside this file; an installation
#                               that is there already is brought to this version
#   PYTHON=python3.11 sh install.sh
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=${1:-$here}
python=${PYTHON:-python3}
wanted='@PLATFORM@'
complete='@COMPLETE@'

stop() {
  printf '%s\n%s\n' "$1" "$2" >&2
  exit 1
}

found=$("$python" -c 'import platform as p, sys; print("%d.%d" % sys.version_info[:2], p.system(), p.machine())') ||
  stop "$python doesn't start; name another: PYTHON=/path/to/python sh install.sh" \
    "$python 无法启动，请另行指定：PYTHON=/路径/python sh install.sh"
[ "$found" = "$wanted" ] ||
  stop "this bundle is for Python $wanted and $python is $found; name another with PYTHON=..., or make the bundle on a machine like this one" \
    "本安装包适用于 Python $wanted，而 $python 为 $found；请用 PYTHON=... 另行指定，或在同类机器上重新打包"

mkdir -p -- "$folder"
folder=$(CDPATH='' cd -- "$folder" && pwd)
cd -- "$here"
if command -v sha256sum >/dev/null; then
  sha256sum --quiet -c SHA256SUMS >&2 ||
    stop "the bundle is damaged; copy it again" "安装包已损坏，请重新复制"
fi

[ -x "$folder/.venv/bin/python" ] || "$python" -m venv "$folder/.venv" ||
  stop "$folder/.venv can't be made; is the package python3-venv installed, and the folder writable?" \
    "无法创建 $folder/.venv；是否已安装 python3-venv，目录是否可写？"

pip_install() {
  # No configuration of this machine's pip takes part: it may name an index that can't be reached.
  PIP_CONFIG_FILE=/dev/null "$folder/.venv/bin/python" -m pip --isolated install --quiet \
    --disable-pip-version-check --no-index --find-links wheels --no-deps "$@"
}
pip_install -r wheels.txt || stop "pip could not install the wheels" "pip 无法安装这些包"
# The same version again, say with a mended fault, counts as installed already.
pip_install --force-reinstall "$(grep '^wheels/wenyuan-' wheels.txt)" ||
  stop "pip could not install the package" "pip 无法安装本程序"
if [ "$complete" = yes ]; then
  "$folder/.venv/bin/python" -m pip --isolated check >&2 ||
    stop "some packages don't fit together; remove $folder/.venv and run this again" \
      "依赖不一致，请删除 $folder/.venv 后重试"
fi

cd -- "$folder"
if [ -f "$here/index.tar" ] && [ ! -e index/CURRENT ]; then
  .venv/bin/rag restore "$here/index.tar" --index index
fi
printf '%s\n' "installed / 已安装: cd $folder && .venv/bin/rag serve"
