"""The transport against a real server: every fault has one meaning."""

from __future__ import annotations

import json
import logging

import pytest
import requests
from fault_server import Answer, FaultServer, refused_url

from ksef import environment, errors, problems, routes
from ksef.errors import Verdict
from ksef.http import SystemWarning, Transport, parse_retry_after, parse_warnings

SEND = "/sessions/online/20260101-SO-0000000000-0000000000-00/invoices"
CLOSE = "/sessions/online/20260101-SO-0000000000-0000000000-00/close"
READ = "/sessions/20260101-SO-0000000000-0000000000-00"
TOKEN = "eyJ-very-secret-token"
HTML = b"<html><body>503 Service Unavailable</body></html>"


@pytest.fixture
def server():
    running = FaultServer()
    yield running
    running.stop()


def transport_to(url: str, **options) -> Transport:
    return Transport(environment.simulator(url), timeout=(0.5, 0.5), **options)


def outcome(server, answers, method, path, use=None) -> errors.KsefError:
    """The error that a call ends with."""
    server.answers += answers
    with pytest.raises(errors.KsefError) as caught:
        reply = transport_to(server.url).request(method, path, token=TOKEN, json={"a": "<xml/>"})
        (use or (lambda good: good.json()))(reply)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value)
    return caught.value


FAULTS = {
    "reset": Answer(kind="reset"),
    "hang": Answer(kind="hang"),
    "cut": Answer(kind="cut", body=b'{"referenceNumber": "20260101-EE"}'),
    "truncated": Answer(202, b'{"referenceNumber": "2026'),
    "empty": Answer(200, b""),
    "blank": Answer(200, b" \n"),
    "500": Answer(500, b'{"exception": {"exceptionDetailList": [{"exceptionCode": 500}]}}'),
    "502": Answer(502, b""),
    "html": Answer(503, HTML, {"Content-Type": "text/html"}),
    "redirect": Answer(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "408": Answer(408, b""),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_send_is_made_once_and_is_in_doubt(server, fault):
    error = outcome(server, [FAULTS[fault], Answer(202, b'{"a": 1}')], "POST", SEND)
    assert error.outcome_unknown
    assert error.verdict is Verdict.UNKNOWN
    assert isinstance(error, (errors.OutcomeUnknown, errors.ProtocolError))
    assert len(server.seen) == 1


@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize(
    ("method", "path"), [("GET", READ), ("POST", CLOSE), ("POST", routes.AUTH_CHALLENGE)]
)
def test_a_read_is_never_in_doubt(server, fault, method, path):
    error = outcome(server, [FAULTS[fault]], method, path)
    assert not error.outcome_unknown
    assert error.verdict is Verdict.RETRY
    assert len(server.seen) <= 2


@pytest.mark.parametrize("fault", ["reset", "500", "502", "html", "cut"])
def test_a_read_is_repeated_once(server, fault):
    server.answers += [FAULTS[fault], Answer(200, b'{"a": 1}')]
    assert transport_to(server.url).request("GET", READ).json() == {"a": 1}
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "path",
    [SEND, routes.ONLINE_OPEN, routes.AUTH_XADES, routes.AUTH_KSEF_TOKEN, routes.AUTH_REDEEM],
)
def test_what_may_not_be_repeated(path):
    assert not routes.is_repeatable("POST", path)


def test_announced_wait_is_not_cut_short_by_a_repeat(server):
    answer = Answer(503, HTML, {"Retry-After": "17"})
    error = outcome(server, [answer, Answer()], "GET", READ)
    assert error.retry_after == 17
    assert len(server.seen) == 1


@pytest.mark.parametrize("path", [SEND, READ])
def test_refused_connection_was_not_sent(path):
    with pytest.raises(errors.NotSent) as caught:
        transport_to(refused_url()).request("POST", path, json={})
    assert not caught.value.outcome_unknown
    assert caught.value.verdict is Verdict.RETRY


def test_unknown_host_was_not_sent():
    with pytest.raises(errors.NotSent):
        transport_to("http://ksef.invalid").request("POST", SEND, json={})


def test_token_with_a_line_feed_is_not_quoted(server):
    with pytest.raises(errors.NotSent) as caught:
        transport_to(server.url).request("GET", READ, token="secret\nsecret")
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert "secret" not in "".join(map(str, chain))
    assert server.seen == []


def problem(**fields) -> bytes:
    return json.dumps(fields).encode()


def old(code) -> bytes:
    return problem(
        exception={
            "exceptionDetailList": [
                {"exceptionCode": code, "exceptionDescription": "Opis", "details": ["d1", None]}
            ],
            "serviceCode": "00-abc-00",
        }
    )


def new(code) -> bytes:
    return problem(
        title="Bad Request",
        status=400,
        detail="see errors",
        traceId="00-abc-00",
        errors=[{"code": code, "description": "Opis", "details": ["d1"]}],
    )


STATUSES = [
    (400, old(21405), errors.RequestRejected, Verdict.BUG, 21405),
    (400, new(21405), errors.RequestRejected, Verdict.BUG, 21405),
    (400, new(21470), errors.RequestRejected, Verdict.RETRY, 21470),
    (400, new(21115), errors.RequestRejected, Verdict.FIX, 21115),
    (400, new(99999), errors.RequestRejected, Verdict.BUG, 99999),
    (400, old(21180), errors.SessionClosed, Verdict.RETRY, 21180),
    (400, new(21180), errors.SessionClosed, Verdict.RETRY, 21180),
    (400, new(21184), errors.SessionClosed, Verdict.RETRY, 21184),
    (400, problem(title="Bad Request"), errors.RequestRejected, Verdict.BUG, None),
    (400, problem(detail="no"), errors.RequestRejected, Verdict.BUG, None),
    (400, problem(exception={"serviceCode": "00-a-00"}), errors.RequestRejected, Verdict.BUG, None),
    (401, b"", errors.AuthError, Verdict.FIX, None),
    (401, problem(title="Unauthorized", status=401), errors.AuthError, Verdict.FIX, None),
    (403, problem(title="Forbidden", reasonCode=None), errors.Forbidden, Verdict.FIX, None),
    (403, problem(reasonCode="ip-not-allowed"), errors.Forbidden, Verdict.FIX, None),
    (410, problem(title="Gone", detail="expired"), errors.Gone, Verdict.FINAL, None),
    (415, problem(title="Unsupported Media Type"), errors.RequestRejected, Verdict.BUG, None),
    (429, HTML, errors.RateLimited, Verdict.RETRY, None),
    (
        429,
        problem(status={"code": 429, "description": "Too Many Requests", "details": ["x"]}),
        errors.RateLimited,
        Verdict.RETRY,
        None,
    ),
    (
        429,
        problem(title="Too Many Requests", status=429, detail="wait"),
        errors.RateLimited,
        Verdict.RETRY,
        None,
    ),
]


@pytest.mark.parametrize(("status", "body", "kind", "verdict", "code"), STATUSES)
def test_statuses(server, status, body, kind, verdict, code):
    error = outcome(server, [Answer(status, body, {"Retry-After": "30"})], "POST", SEND)
    assert type(error) is kind
    assert (error.verdict, error.code) == (verdict, code)
    assert not error.outcome_unknown
    assert error.retry_after == 30
    assert len(server.seen) == 1


GATEWAYS = [
    (400, b"<html>WAF</html>"),
    (400, b"[]"),
    (400, problem(message="blocked")),
    (403, HTML),
    (403, b""),
    (404, b""),
    (410, b"gone"),
    (413, HTML),
    (415, b""),
]


@pytest.mark.parametrize(("status", "body"), GATEWAYS)
def test_a_gateway_does_not_speak_for_ksef(server, status, body):
    error = outcome(server, [Answer(status, body)], "POST", SEND)
    assert type(error) is errors.OutcomeUnknown
    assert (error.verdict, error.outcome_unknown) == (Verdict.UNKNOWN, True)
    assert str(error) == f"Something on the way answered {status} instead of KSeF"
    assert len(server.seen) == 1


@pytest.mark.parametrize(("status", "body"), GATEWAYS)
def test_a_read_behind_a_gateway_may_be_tried_again(server, status, body):
    error = outcome(server, [Answer(status, body, {"Retry-After": "30"})], "GET", READ)
    assert type(error) is errors.Unavailable
    assert (error.verdict, error.outcome_unknown) == (Verdict.RETRY, False)
    assert error.retry_after == 30


@pytest.mark.parametrize("body", [old(1), new(1)])
def test_both_bodies_read_the_same(body):
    parsed = problems.parse(400, body)
    assert (parsed.code, parsed.title, parsed.details[0]) == (1, "Opis", "d1")
    assert parsed.trace_id == "00-abc-00"


def test_missing_permission_is_named():
    parsed = problems.parse(
        403,
        problem(
            title="Forbidden",
            reasonCode="missing-permissions",
            detail="no",
            security={"requiredAnyOfPermissions": ["InvoiceWrite", "X"]},
        ),
    )
    assert parsed.reason_code == "missing-permissions"
    assert parsed.details == ("requiredAnyOfPermissions: InvoiceWrite, X",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        problem(exception=None),
        problem(exception={"exceptionDetailList": None}),
        problem(errors=[None, 1, {}]),
        problem(status=400, title=None),
        problem(errors={}),
        problem(security=[]),
    ],
)
def test_any_body_can_be_read(body):
    assert problems.parse(400, body).status == 400


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("30", None, 30),
        (" 30 ", None, 30),
        ("0", None, 0),
        ("99999999", None, 86400),
        (None, None, None),
        ("", None, None),
        ("-5", None, None),
        ("soon", None, None),
        ("1.5", None, None),
        ("\u0663", None, None),
        ("Fri, 20 Nov 2026 10:01:00 GMT", "Fri, 20 Nov 2026 10:00:00 GMT", 60),
        ("Fri, 20 Nov 2026 09:00:00 GMT", "Fri, 20 Nov 2026 10:00:00 GMT", 0),
        ("Fri, 20 Nov 2026 10:01:00 -0000", "Fri, 20 Nov 2026 10:00:00 GMT", 60),
        ("Fri, 20 Nov 2026 10:01:00 GMT", None, None),
        ("Fri, 20 Nov 2026 10:01:00 GMT", "rubbish", None),
    ],
)
def test_retry_after(value, date, seconds):
    assert parse_retry_after(value, date) == seconds


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ("", []),
        ("[sig-001]: Profil | [x]: y", [("sig-001", "Profil"), ("x", "y")]),
        ("free text", [("", "free text")]),
    ],
)
def test_warnings(value, found):
    assert parse_warnings(value) == [SystemWarning(*item) for item in found]


def test_warnings_are_handed_on_with_errors_too(server):
    seen = []
    server.answers += [Answer(400, new(21405), {"X-System-Warning": "[sig-001]: Profil"})]
    with pytest.raises(errors.RequestRejected):
        transport_to(server.url, on_warning=seen.append).request("POST", SEND, json={})
    assert seen == [SystemWarning("sig-001", "Profil")]


def test_headers_and_no_netrc(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password leaked\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.answers += [Answer()]
    transport = transport_to(server.url)
    transport.request("GET", READ, token=TOKEN)
    transport.request("POST", routes.AUTH_CHALLENGE)
    transport.fetch(f"{server.url}/storage/upo?sig=secret")
    first, second, third = (headers for _method, _path, headers, _body in server.seen)
    assert first["Authorization"] == f"Bearer {TOKEN}"
    assert first["X-Error-Format"] == "problem-details"
    assert "Authorization" not in second
    assert "Authorization" not in third


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://evil.example/x",
        "file:///etc/passwd",
        "//127.0.0.1/x",
        "http://user@127.0.0.1/x",
        "",
    ],
)
def test_foreign_links_are_not_followed(server, url):
    with pytest.raises(errors.ProtocolError):
        transport_to(server.url).fetch(url)
    assert server.seen == []


def test_presigned_link_stays_out_of_errors():
    url = refused_url()
    with pytest.raises(errors.NotSent) as caught:
        transport_to(url).fetch(f"{url}/storage/x?sig=secret")
    assert caught.value.__cause__ is None
    assert "sig=secret" not in str(caught.value)


def test_verification_cannot_be_switched_off():
    used = []

    class Recorder(requests.adapters.BaseAdapter):
        def send(self, request, **options):
            used.append(options["verify"])
            response = requests.Response()
            response.status_code, response._content = 204, b""
            return response

        def close(self):
            pass

    session = requests.Session()
    session.verify = False
    session.mount("http://", Recorder())
    transport = Transport(environment.simulator("http://127.0.0.1:1"), session)
    assert transport.request("GET", READ).status == 204
    # A path to the authorities (REQUESTS_CA_BUNDLE) is as good as True.
    assert used and all(used)


def test_nothing_secret_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers += [Answer(200, b'{"answer": "confidential"}'), Answer(500, b"confidential")]
    transport = transport_to(server.url)
    transport.request("POST", SEND, token=TOKEN, data=b"<Faktura/>")
    with pytest.raises(errors.OutcomeUnknown):
        transport.request("POST", SEND, token=TOKEN, data=b"<Faktura/>")
    for secret in (TOKEN, "Faktura", "confidential"):
        assert secret not in caplog.text
