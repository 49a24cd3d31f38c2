"""What stands in a PDF, by programs that know nothing of Odoo: poppler's and zbar."""

import subprocess
import tempfile
from pathlib import Path

INCH = 25.4
PIXELS = 5  # of our image for one module, see ksef.qr.png


def _run(*command):
    return subprocess.run(  # noqa: S603
        [str(part) for part in command], capture_output=True, text=True, check=True
    ).stdout


def _with_file(pdf, look):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "print.pdf")
        path.write_bytes(pdf)
        return look(path)


def codes_in(pdf):
    """The texts of the QR codes of a PDF, shortest first, read from the drawn pages."""

    def look(path):
        _run("pdftoppm", "-r", "200", "-gray", "-png", path, path.with_name("page"))
        pages = sorted(path.parent.glob("page*.png"))
        return sorted(_run("zbarimg", "--quiet", "--raw", *pages).splitlines(), key=len)

    return _with_file(pdf, look)


def words_in(pdf):
    """All text of a PDF."""
    return _with_file(pdf, lambda path: _run("pdftotext", "-layout", path, "-"))


def module_sizes(pdf, modules):
    """Millimetres of one module on paper, of each code in the PDF.

    :param modules: how many modules a side has, quiet zone included, for each code
    """
    sides = {str(count * PIXELS) for count in modules}

    def look(path):
        # page num type width height color comp bpc enc interp object ID x-ppi y-ppi size ratio
        rows = [row.split() for row in _run("pdfimages", "-list", path).splitlines()[2:]]
        codes = [row for row in rows if row[2] == "image" and row[3] == row[4] and row[3] in sides]
        return [PIXELS * INCH / max(float(row[12]), float(row[13])) for row in codes]

    return _with_file(pdf, look)
