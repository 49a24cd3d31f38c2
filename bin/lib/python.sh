# shellcheck shell=bash
# Three Python environments: Odoo with floor 0, the simulator, the linters.
# They are apart since their libraries exclude each other.

PYTHON=${PYTHON:-python3}

python_version() {
    "$PYTHON" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' \
        || die "there is no working $PYTHON"
}

# make_venv NAME PIP-ARGUMENTS...: always from nothing, as an interrupted
# installation leaves packages behind that look whole.
make_venv() {
    local venv=$BENCH/$1
    shift
    rm -rf "$venv"
    logged "${venv##*/}" "$PYTHON" -m venv "$venv" || die "cannot make a Python environment"
    logged "${venv##*/}-pip" "$venv/bin/python" -m pip install --disable-pip-version-check \
        --no-input --only-binary :all: "$@" || die "pip could not fill ${venv##*/}"
}

make_odoo_venv() {
    local version
    version=$(python_version)
    case $version in
        3.1[0-3].*) ;;
        *) die "Odoo 19 runs on Python 3.10 to 3.13, this is $version; name another with PYTHON=" ;;
    esac
    make_venv venv --no-binary docopt \
        -r "$ROOT/requirements/odoo.txt" -r "$ROOT/requirements/unit.txt"
    # two things that fail late and obscurely otherwise
    logged venv-check "$BENCH/venv/bin/python" -c '
import lxml.etree, xmlsec
from reportlab.graphics.barcode import createBarcodeDrawing
createBarcodeDrawing("QR", value="x", format="png").asString("png")' \
        || die "lxml and xmlsec do not fit together, or QR codes cannot be drawn"
}

make_simulator_venv() { make_venv venv-sim -r "$ROOT/simulator/requirements.txt"; }
make_lint_venv() { make_venv venv-lint -r "$ROOT/requirements/lint.txt"; }

# The Ministry's schemas come inside the SDK that the simulator's tests use.
make_schemas() {
    local package
    package=$("$BENCH/venv-sim/bin/python" -c \
        'import importlib.util as u; print(u.find_spec("ksef_client").submodule_search_locations[0])') \
        || die "the SDK is not in venv-sim"
    rm -rf "$BENCH/schemas.new"
    mkdir "$BENCH/schemas.new"
    find "$package" -path '*/fa3/*' -name '*.xsd' -exec cp -t "$BENCH/schemas.new" {} +
    [ -e "$BENCH/schemas.new/schemat_FA(3)_v1-0E.xsd" ] || die "the SDK holds no schema of FA(3)"
    rm -rf "$BENCH/schemas"
    mv "$BENCH/schemas.new" "$BENCH/schemas"
}

prepare_python() {
    local version
    version=$(python_version)
    step venv "$version $(key_of "$ROOT"/requirements/{odoo,unit}.txt)" \
        "Python environment of Odoo and floor 0 (Python $version)" make_odoo_venv
    step venv-sim "$version $(key_of "$ROOT/simulator/requirements.txt")" \
        "Python environment of the simulator" make_simulator_venv
    step schemas "$(cat "$STAMPS/venv-sim")" "the Ministry's schemas" make_schemas
}

prepare_linters() {
    step venv-lint "$(python_version) $(key_of "$ROOT/requirements/lint.txt")" \
        "Python environment of the linters" make_lint_venv
}
