"""10,000 invoices in one batch: under a minute and 300 MB, and the simulator answers meanwhile.

Their UPO and their export must fit as well. ``pytest -s`` shows the figures.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from batches import Batch, make_zip
from conftest import schema_folder, start
from exporting import Export
from harness import Api, adapted, login, today

#: Takes seconds: runs in the browser's part, which keeps the unit part under a minute.
pytestmark = pytest.mark.slow

COUNT = 10_000
MAX_SECONDS = 60
MAX_MEGABYTES = 300
#: How long a request may have to wait for its turn; loose, for machines that do other things, too.
MAX_WAIT = 3


def peak_megabytes(pid: int) -> int:
    """Peak resident memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def test_ten_thousand_invoices(invoice_template: bytes) -> None:
    xml = adapted(invoice_template, P_1=today(), P_2="LARGE/0")
    files = {f"{i}.xml": xml.replace(b"LARGE/0", b"LARGE/%d" % i) for i in range(COUNT)}
    process, url = start("--schemas", str(schema_folder()))
    try:
        with Api(url) as api:
            api.control("POST", "speed", polls=[0, 0], auth=0, storage=0)
            batch = Batch(api, login(api)["access"], make_zip(files))
            began = time.monotonic()
            slowest, status = 0.0, batch.submit()
            while status["status"]["code"] == 150:
                time.sleep(0.5)
                asked = time.monotonic()
                status = batch.status()
                slowest = max(slowest, time.monotonic() - asked)
            seconds = time.monotonic() - began
            upo = api.get(status["upo"]["pages"][0]["downloadUrl"]).content
            api.control("POST", "settings", export_polls=0)
            exported = Export(api, batch.token).run()["package"]
            memory = peak_megabytes(process.pid)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
    print(f"{COUNT} invoices: {seconds:.1f} s, {memory} MB, slowest status {slowest:.2f} s")
    assert status["successfulInvoiceCount"] == COUNT
    assert upo.count(b"<NumerKSeFDokumentu>") == COUNT
    assert (exported["invoiceCount"], exported["isTruncated"]) == (COUNT, False)
    assert seconds < MAX_SECONDS
    assert memory < MAX_MEGABYTES
    assert slowest < MAX_WAIT
