#!/bin/sh
# Install Slurm and munge from the packages of Debian or Ubuntu, for the tests that start a real one: install_slurm.sh
# Called by .ci/run. Where it cannot (no root, no apt-get, no network) it says so, and those tests are skipped with the
# reason; it never fails. Daemons that the packages may start are not used: the tests start their own, on loopback.
set -eu

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"      # where daemons are

there() {
    for name in munged slurmctld slurmd sbatch srun squeue scontrol scancel sinfo; do
        command -v "$name" >/dev/null || return 1
    done
}

get() { DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q -y "$@" >"$log" 2>&1; }

if there; then
    echo "Slurm is installed: $(slurmd -V)"
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Slurm is not installed, and only root with apt-get could do it here: its tests will be skipped"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
begin=$(date +%s)
install() { get install --no-install-recommends slurmctld slurmd slurm-client munge; }
# The lists of packages may be missing or old.
if install || { get update && install; } && there; then
    echo "Installed Slurm ($(slurmd -V)) in $(($(date +%s) - begin)) s"
else
    echo "Slurm could not be installed, its tests will be skipped: $(tail -n 1 "$log")"
fi
