"""Which form codes open a session: one does, the others are told apart in words."""

from __future__ import annotations

import pytest
from batches import Batch, make_zip
from harness import Api, code_of, login

KNOWN_FORMS = {"FA (2)|1-0E|FA", "PEF (3)|2-1|PEF", "PEF_KOR (3)|2-1|PEF", "FA_RR (1)|1-1E|FA_RR"}


@pytest.mark.parametrize("profile", ["test", "prod"])
@pytest.mark.parametrize("batch", [False, True], ids=["online", "batch"])
@pytest.mark.parametrize(
    "form",
    [
        "FA (3)|1-0E|FA",
        "FA (2)|1-0E|FA",
        "PEF (3)|2-1|PEF",
        "PEF_KOR (3)|2-1|PEF",
        "FA_RR (1)|1-1E|FA_RR",
        # KSeF knows none of these
        "FA (3)|1-1E|FA",
        "FA(3)|1-0E|FA",
        "FA (3)|1-0E|FA_RR",
        "PEF (3)|2-1|FA",
        "FA (1)|1-0E|FA",
    ],
)
def test_forms(api: Api, form: str, batch: bool, profile: str) -> None:
    """All but FA (3) are refused alike; the details tell which are known, and where."""
    api.control("POST", "profile", profile=profile)
    package = Batch(api, login(api)["access"], make_zip({"a.xml": b"<x/>"}))
    payload = package.payload()
    payload["formCode"] = dict(
        zip(("systemCode", "schemaVersion", "value"), form.split("|"), strict=True)
    )
    if not batch:
        del payload["batchFile"]
    path = "/sessions/batch" if batch else "/sessions/online"
    answer = api.call("POST", path, package.token, json=payload)
    name, version, _value = form.split("|")
    if form == "FA (3)|1-0E|FA":
        assert answer.status_code == 201
        return
    assert code_of(answer) == 21405
    if form not in KNOWN_FORMS:
        expected = "Nieznany kod formularza."
    elif name == "FA (2)" and profile == "prod":
        expected = "nie jest już przyjmowany"
    elif version == "2-1" and batch:
        expected = "nie jest przyjmowany w sesji wsadowej"
    else:
        expected = f"nie ma schematu formularza {name}"
    assert expected in answer.text
