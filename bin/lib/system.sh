# shellcheck shell=bash
# Packages of this machine's own Debian release.

SYSTEM_PACKAGES=(
    python3 python3-venv ca-certificates util-linux debian-archive-keyring
    postgresql chromium fontconfig fonts-dejavu-core
    libfontconfig1 libx11-6 libxext6 libxrender1 # wkhtmltopdf's
    poppler-utils zbar-tools                     # tests look at PDFs and read QR codes
)

missing_packages() {
    local there
    # dpkg-query fails where one is unknown, and still lists the others
    there=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    local package
    for package in "$@"; do
        grep -qx "$package installed" <<<"$there" || printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

install_system_packages() {
    command -v dpkg-query >/dev/null || die "this needs Debian 12 or 13: there is no dpkg-query"
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    QUIET='' say "installing Debian packages: ${missing[*]}"
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null \
        || die "not root; once, by hand: apt-get install ${missing[*]}"
    logged apt-repair as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a \
        || die "an earlier package installation was interrupted and cannot be finished"
    logged apt-update as_root apt-get update -q || die "apt-get update failed"
    logged apt-install apt_install "${missing[@]}" || die "apt-get install failed"
}
