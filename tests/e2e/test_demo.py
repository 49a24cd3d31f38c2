"""``bin/demo --once``: the whole path, looked at from outside with independent tools."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from bench import BENCH, ROOT, command, end_with_parent
from lxml import etree

FOLDER = BENCH / "demo"
NUMBER = re.compile(r"\d{10}-\d{8}-[0-9A-F]{12}-[0-9A-F]{2}")
SEND = ("POST", "/sessions/online/{ref}/invoices")


@dataclass(frozen=True)
class Demo:
    """What a run left behind."""

    status: int
    output: str

    def _json(self, name: str) -> list[dict]:
        return json.loads((FOLDER / name).read_text("utf8"))

    @property
    def rows(self) -> list[dict]:
        """One row an invoice, as Odoo tells it."""
        return self._json("result.json")

    @property
    def received(self) -> dict[str, dict]:
        """What the simulator accepted, by KSeF number."""
        return {row["ksef_number"]: row for row in self._json("invoices.json")}

    @property
    def log(self) -> list[dict]:
        return self._json("log.json")


@pytest.fixture(scope="module")
def demo() -> Demo:
    done = command("demo", "--once")
    return Demo(done.returncode, done.stdout)


def text_of(program: str, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def codes_in(pdf: Path, folder: Path) -> list[str]:
    """The texts of all QR codes of a PDF, by programs that know nothing of Odoo."""
    text_of("pdftoppm", "-r", "200", "-png", str(pdf), str(folder / pdf.stem))
    pages = sorted(str(page) for page in folder.glob(f"{pdf.stem}*.png"))
    return text_of("zbarimg", "--quiet", "--raw", *pages).splitlines()


class _ByFileName(etree.Resolver):
    """The schemas name each other by addresses; here they lie in one folder."""

    def resolve(self, url: str, public_id: str, context: object) -> object:
        return self.resolve_filename(str(BENCH / "schemas" / Path(url).name), context)


def fa3_schema() -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_ByFileName())
    return etree.XMLSchema(etree.parse(str(BENCH / "schemas" / "schemat_FA(3)_v1-0E.xsd"), parser))


def test_it_ends_well_and_says_what_it_did(demo):
    assert demo.status == 0, demo.output
    numbers = [row["number"] for row in demo.rows]
    assert len(set(numbers)) == len(numbers) >= 5
    for row in demo.rows:
        assert NUMBER.fullmatch(row["number"])
        (line,) = [text for text in demo.output.splitlines() if text.startswith(row["invoice"])]
        assert row["number"] in line


def test_the_simulator_took_each_invoice_once(demo):
    assert sorted(demo.received) == sorted(row["number"] for row in demo.rows)
    sent = [entry for entry in demo.log if (entry["method"], entry["route"]) == SEND]
    assert not any(entry["fault"] for entry in sent), "during the outage nothing was sent"
    assert len(sent) == len(demo.rows)


def test_what_was_stored_is_what_ksef_got(demo):
    for row in demo.rows:
        xml = (FOLDER / row["xml"]).read_bytes()
        received = demo.received[row["number"]]
        assert base64.b64decode(received["xml"]) == xml
        digest = base64.b64encode(hashlib.sha256(xml).digest()).decode()
        assert digest == received["hash"] == row["sha256"]


def test_the_code_on_paper_is_the_link_with_the_hash_of_the_file(demo, tmp_path):
    for row in demo.rows:
        digest = hashlib.sha256((FOLDER / row["xml"]).read_bytes()).digest()
        (code,) = codes_in(FOLDER / row["pdf"], tmp_path)
        assert code == row["url"]
        assert code.rsplit("/", 1)[1] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_what_was_issued_in_the_outage_had_two_codes(demo, tmp_path):
    late = [row for row in demo.rows if row["mode"] == "offline24"]
    assert len(late) >= 2
    for row in late:
        pdf = FOLDER / row["pdf"].replace(".pdf", "_offline.pdf")
        assert sorted(codes_in(pdf, tmp_path)) == sorted([row["url"], row["certificate_url"]])
        words = text_of("pdftotext", str(pdf), "-").split()
        assert "OFFLINE" in words and "CERTYFIKAT" in words
        assert row["deadline"]


def test_the_number_stands_on_paper(demo):
    for row in demo.rows:
        assert row["number"] in text_of("pdftotext", str(FOLDER / row["pdf"]), "-")


def test_every_file_is_valid_by_the_official_schema(demo):
    schema = fa3_schema()
    files = sorted(FOLDER.glob("*.xml"))
    assert len(files) == len(demo.rows)
    for file in files:
        schema.assertValid(etree.parse(str(file)))


def test_every_invoice_has_its_receipt(demo):
    assert all(row["upo"] for row in demo.rows)


def odoo_processes(database: str) -> list[str]:
    """Command lines of this bench's Odoo that name the database."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(path.read_text("utf8", "replace").replace("\0", " "))
    return [line for line in found if str(BENCH / "venv") in line and database in line]


def test_an_interrupted_run_leaves_no_process(demo):
    process = subprocess.Popen(
        [str(ROOT / "bin" / "demo"), "--once"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )
    # by then simulator and Odoo answer, and the job starts
    assert any("invoices" in line for line in process.stdout)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not odoo_processes("demo_once")
    (address,) = re.findall("http://[^ \n]+", (BENCH / "log/demo_once-simulator.log").read_text())
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=5)
