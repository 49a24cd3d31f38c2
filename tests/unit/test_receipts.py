"""UPOs behind links: several at a time, without a token, and what does not come is left out."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from fault_server import Answer, FaultServer, refused_url

from ksef import environment
from ksef.auth import TokenCredentials
from ksef.client import Client
from ksef.http import Transport


@pytest.fixture
def server():
    started = FaultServer()
    yield started
    started.stop()


def client_to(url):
    transport = Transport(environment.simulator(url), timeout=(1, 1))
    credentials = TokenCredentials("5265877635", "secret")
    return Client(transport, credentials, now=lambda: datetime.now(timezone.utc))


def links(url, count):
    return [f"{url}/storage/{number}?sig=secret" for number in range(count)]


def test_all_of_them_once_and_without_a_token(server):
    server.answers += [Answer(200, b"<UPO/>")]
    wanted = links(server.url, 9)
    assert client_to(server.url).upos_at(wanted) == dict.fromkeys(wanted, b"<UPO/>")
    assert len(server.seen) == 9
    assert all("Authorization" not in headers for _method, _path, headers, _body in server.seen)


def test_what_cannot_be_had_is_left_out(server):
    server.answers += [Answer(404, b"{}"), Answer(200, b""), Answer(200, b"<UPO/>")]
    wanted = [*links(server.url, 3), "https://evil.example/upo"]
    found = client_to(server.url).upos_at(wanted, workers=1)
    assert found == {wanted[2]: b"<UPO/>"}


def test_nobody_answers():
    """One question for each worker, not one for each link."""
    url = refused_url()
    assert client_to(url).upos_at(links(url, 200)) == {}


def test_hanging_storage_costs_one_wait_for_each_worker(server):
    server.answers += [Answer(kind="hang")]
    assert client_to(server.url).upos_at(links(server.url, 40), workers=2) == {}
    assert len(server.seen) == 2


def test_none_at_all(server):
    assert client_to(server.url).upos_at([]) == {}
    assert server.seen == []
