"""The package of a batch: what KSeF unpacks is what went in, within every limit."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile

import pytest

from ksef.crypto import SymmetricKey, sha256
from ksef.package import ContextLimits, Limits, Package, pack

SOURCE = random.Random(6)


def noise(size: int) -> bytes:
    """Bytes that no compression shrinks."""
    return SOURCE.randbytes(size)


def unpacked(package: Package) -> dict[str, bytes]:
    """What KSeF finds: every digest and size checked on the way."""
    plain = b""
    for number, part in enumerate(package.parts, 1):
        cipher = part.file.read()
        assert part.ordinal == number
        assert (len(cipher), sha256(cipher)) == (part.size, part.sha256)
        plain += package.key.decrypt(cipher)
    assert (len(plain), sha256(plain)) == (package.size, package.sha256)
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


@pytest.mark.parametrize("part_bytes", [1, 15, 16, 17, 100, 1_000_000])
def test_what_goes_in_comes_out(part_bytes):
    documents = [b"<a/>", "<b>zażółć</b>".encode(), b"<c>" + b"x" * 5000 + b"</c>"]
    limits = Limits(part_bytes=part_bytes, parts=10_000)
    with pack(iter(documents), limits) as package:
        assert package.count == 3
        assert list(unpacked(package).values()) == documents
        plain_sizes = [len(package.key.decrypt(_again(part))) for part in package.parts]
    assert set(plain_sizes[:-1]) <= {part_bytes}
    assert 0 < plain_sizes[-1] <= part_bytes
    assert all(part.file.closed for part in package.parts)


def _again(part) -> bytes:
    part.file.seek(0)
    return part.file.read()


def test_names_are_unique_and_say_nothing():
    documents = [b"<Faktura>FV/2026/11/%d</Faktura>" % number for number in range(30)]
    with pack(documents) as package:
        names = list(unpacked(package))
    assert names == [f"{number}.xml" for number in range(1, 31)]


def test_the_same_documents_give_the_same_archive_and_another_key():
    documents = [b"<a/>", b"<b/>"]
    with pack(documents) as first, pack(documents) as second:
        assert first.sha256 == second.sha256
        assert first.key != second.key
        assert first.parts[0].sha256 != second.parts[0].sha256


def test_full_by_number():
    offered = iter([b"<a/>", b"<b/>", b"<c/>", b"<d/>"])
    with pack(offered, Limits(invoices=2)) as package:
        assert package.count == 2
        assert list(unpacked(package).values()) == [b"<a/>", b"<b/>"]
    # one was looked at and left; the caller goes on from package.count
    assert list(offered) == [b"<d/>"]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(archive_bytes=20_000),
        Limits(parts=4, part_bytes=5_000),
        Limits(parts=20, part_bytes=1_000, archive_bytes=19_999),
    ],
)
def test_full_by_size_even_if_nothing_shrinks(limits):
    documents = [noise(SOURCE.randrange(1, 2_500)) for _document in range(50)]
    with pack(documents, limits) as package:
        assert list(unpacked(package).values()) == documents[: package.count]
        assert package.size <= limits.room
        assert len(package.parts) <= limits.parts
        # no more than a tenth is lost to caution
        assert package.size > limits.room * 0.75
    assert 5 < package.count < 50


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "nothing"),
        ([b"<a/>", b""], "empty"),
        ([b"<a/>", b"<b/>", b"<a/>"], "twice"),
        ([noise(10_000)], "no room"),
    ],
)
def test_refused(documents, message):
    with pytest.raises(ValueError, match=message):
        pack(documents, Limits(archive_bytes=5_000))


def test_an_error_on_the_way_leaves_no_file(monkeypatch):
    made = []
    real = __import__("tempfile").TemporaryFile

    def spy():
        made.append(real())
        return made[-1]

    monkeypatch.setattr("ksef.package.tempfile.TemporaryFile", spy)

    def breaking():
        yield noise(5_000)
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        pack(breaking(), Limits(part_bytes=1_000))
    assert len(made) > 1
    assert all(file.closed for file in made)


def test_a_stream_encrypts_like_the_whole():
    key = SymmetricKey.generate()
    for size in (0, 1, 15, 16, 17, 4096, 5000):
        plain = noise(size)
        stream = key.encryptor()
        chunks = [stream.update(plain[start : start + 7]) for start in range(0, size, 7)]
        assert b"".join(chunks) + stream.finalize() == key.encrypt(plain)
        assert key.decrypt(key.encrypt(plain)) == plain


def test_nothing_prints_the_key_or_a_document():
    with pack([b"<secret/>"]) as package:
        text = repr(package)
        assert "secret" not in text
        assert package.key.key.hex() not in text
        assert repr(package.key.key) not in text


def test_ten_thousand_documents_are_never_in_memory():
    body = noise(3_000)
    size = 0

    def documents():
        nonlocal size
        for number in range(10_000):
            xml = b"<Faktura>%d</Faktura>" % number + body
            size += len(xml)
            yield xml

    tracemalloc.start()
    with pack(documents()) as package:
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert package.count == 10_000
    assert size > 30_000_000
    # digests and Zip's directory: about a kilobyte a document
    assert peak < 12_000_000


def test_limits_from_json():
    data = {
        "onlineSession": {"maxInvoiceSizeInMB": 2, "maxInvoices": 500, "new": 1},
        "batchSession": {"maxInvoiceWithAttachmentSizeInMB": 10, "maxInvoices": 0},
    }
    limits = ContextLimits.from_json(data)
    assert limits.online == Limits(invoices=500, invoice_bytes=2_000_000)
    assert limits.batch == Limits(attachment_bytes=10_000_000)
    assert ContextLimits.from_json({}) == ContextLimits(Limits(), Limits())


def test_impossible_limits():
    with pytest.raises(ValueError, match="room"):
        Limits(part_bytes=0)
