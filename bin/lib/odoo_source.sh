# shellcheck shell=bash
# Odoo 19 itself: an existing one (ODOO_HOME), or Debian's package odoo-19.
# That is in sid only. It is downloaded with package lists of its own and unpacked, so that
# nothing of sid gets installed and the machine's own sources stay as they are.

ODOO_VERSION=19.0.0+dfsg-1
ODOO_SHA256=9d2f598b0555db17e291d48ed24df184c70823c053c4c5ed53c467ca7f629bbf
# The package links to fonts and scripts of these; they come from this machine's release
# (sid's Font Awesome no longer has the files).
LINKED_PACKAGES=(fonts-font-awesome fonts-roboto-unhinted fonts-inconsolata fonts-ocr-b
    libjs-jquery libjs-jquery-form libjs-underscore)

# The folder that holds the Python package `odoo`.
odoo_path() {
    if [ -n "${ODOO_HOME:-}" ]; then
        local home
        home=$(cd "$ODOO_HOME" 2>/dev/null && pwd -P) || die "no such folder: ODOO_HOME=$ODOO_HOME"
        for home in "$home" "$home/usr/lib/python3/dist-packages"; do
            [ ! -e "$home/odoo/release.py" ] || { printf '%s\n' "$home"; return 0; }
        done
        die "ODOO_HOME=$ODOO_HOME holds no Odoo (no odoo/release.py)"
    fi
    printf '%s\n' "$BENCH/root/usr/lib/python3/dist-packages"
}

odoo_addons_path() {
    local base=$1 list=$1/odoo/addons
    # a git checkout keeps most add-ons beside the package
    [ ! -d "$base/addons/account" ] || list=$base/addons,$list
    printf '%s,%s\n' "$list" "$BENCH/addons"
}

sid() {
    local command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$CACHE/sid/sid.list" \
        -o Dir::Etc::sourceparts="$CACHE/sid/none" \
        -o Dir::State::lists="$CACHE/sid/lists" -o Dir::Cache="$CACHE/sid/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# The mirror is the one that this machine's own apt uses for Debian.
apt_mirror() {
    # shellcheck disable=SC2016  # apt's own placeholder
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

download_from_sid() {
    local mirror key=/usr/share/keyrings/debian-archive-keyring.gpg found
    mkdir -p "$CACHE"/sid/{none,lists/partial,cache/archives/partial}
    mirror=$(apt_mirror)
    if [ -z "$mirror" ]; then
        # the lists were never fetched here
        as_root apt-get update -q
        mirror=$(apt_mirror)
    fi
    [ -n "$mirror" ] || { echo "apt names no Debian mirror; ODOO_DEB= may name a file" && return 1; }
    echo "deb [signed-by=$key] $mirror sid main" >"$CACHE/sid/sid.list"
    sid apt-get update -q || return 1
    found=$(sid apt-cache madison odoo-19 | awk 'NR == 1 {print $3}')
    [ "$found" = "$ODOO_VERSION" ] || echo "sid has odoo-19 '$found', known is $ODOO_VERSION"
    # Montserrat is missing before Debian 13; it only changes looks
    (cd "$CACHE" && sid apt-get download -q odoo-19 \
        && { sid apt-get download -q fonts-montserrat || true; })
}

cached_deb() { find "$CACHE" -maxdepth 1 -name "$1_*.deb" -size +0 | sort -V | tail -n 1; }

download_linked() {
    local package
    for package in "${LINKED_PACKAGES[@]}"; do
        [ -n "$(cached_deb "$package")" ] || (cd "$CACHE" \
            && apt-get -o APT::Sandbox::User=root download -q "$package") || return 1
    done
}

make_odoo() {
    local deb=${ODOO_DEB:-} package
    [ -n "$deb" ] || deb=$(cached_deb odoo-19)
    if [ -z "$deb" ]; then
        QUIET='' say "downloading odoo-19 from Debian sid (123 MB)"
        logged odoo-download download_from_sid || die "odoo-19 could not be downloaded"
        deb=$(cached_deb odoo-19)
    fi
    [ -s "$deb" ] || die "no such file: $deb"
    echo "$ODOO_SHA256  $deb" | sha256sum -c --status - \
        || warn "${deb##*/} is not the file that this was tried with"
    logged odoo-linked download_linked || { logged apt-update as_root apt-get update -q \
        && logged odoo-linked download_linked; } \
        || warn "some fonts or scripts are missing: icons may not be drawn"
    local root=$BENCH/root.new
    rm -rf "$root"
    mkdir "$root"
    # dist-packages/addons is an incomplete second copy that Odoo would find by itself
    dpkg-deb --fsys-tarfile "$deb" \
        | tar -x -C "$root" --exclude='./usr/lib/python3/dist-packages/addons' \
        || die "cannot unpack ${deb##*/}"
    for package in "${LINKED_PACKAGES[@]}" fonts-montserrat; do
        deb=$(cached_deb "$package")
        [ -z "$deb" ] || dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" || die "cannot unpack $deb"
    done
    # Left out by Debian as non-free; its absence is an error in every page's console. It
    # only blurs the background of video calls.
    local blur=$root/usr/lib/python3/dist-packages/odoo/addons/mail/static/lib
    mkdir -p "$blur/selfie_segmentation"
    echo '/* left out by Debian: background blur of video calls */' \
        >"$blur/selfie_segmentation/selfie_segmentation.js"
    rm -rf "$BENCH/root"
    mv "$root" "$BENCH/root"
}

prepare_odoo() {
    if [ -n "${ODOO_HOME:-}" ]; then
        say "Odoo: $(odoo_path)"
        return 0
    fi
    step odoo "$ODOO_VERSION ${ODOO_DEB:-}" "Odoo 19" make_odoo
}
