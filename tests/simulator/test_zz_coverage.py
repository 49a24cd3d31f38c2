"""Runs last: the whole suite has seen every operation succeed and be refused."""

from __future__ import annotations

import pytest
from conftest import CONTRACT
from harness import Api
from openapi import operations

#: Granting is answered for form's sake: nobody may. These operations are served.
SERVED_PERMISSIONS = {
    "POST /permissions/query/personal/grants",
    "GET /permissions/attachments/status",
    "GET /permissions/query/entities/roles",
    "POST /permissions/query/subordinate-entities/roles",
}
#: Without a token and without a body there is nothing to refuse.
NEVER_REFUSED = {
    "POST /auth/challenge",
    "GET /security/public-key-certificates",
    "GET /peppol/query",
}


def test_every_operation_was_seen(request: pytest.FixtureRequest, api: Api) -> None:
    options = request.config.option
    if not CONTRACT.is_file() or options.keyword or len(set(request.session.items)) < 300:
        pytest.skip("only the whole suite covers every operation")
    seen = api.control("GET", "contract")
    names = set(operations(CONTRACT))
    excused = {name for name in names if "/permissions/" in name} - SERVED_PERMISSIONS
    assert names >= SERVED_PERMISSIONS
    assert sorted(names - excused - set(seen["good"])) == []
    assert sorted(names - NEVER_REFUSED - set(seen["bad"])) == []
