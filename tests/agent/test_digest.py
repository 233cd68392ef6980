"""Digest: the examples of the RFCs to the letter, what servers write to the wall, and noise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roundsman_agent.digest import BASIC, DIGEST, Challenge, answer, challenges, chosen

RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
RFC_7616_HEADERS = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
)
RFC_2617 = (
    'Digest realm="testrealm@host.com", qop="auth,auth-int", '
    'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


def proof(challenge: Challenge, *, password: str = "Circle of Life", uri: str = "/dir/index.html", cnonce: str) -> str:
    return answer(challenge, user="Mufasa", password=password, method="GET", uri=uri, count=1, cnonce=cnonce)


def test_the_example_of_rfc_7616_is_answered_to_the_letter_with_sha_256() -> None:
    challenge = chosen(challenges(RFC_7616_HEADERS), (DIGEST,))

    assert challenge is not None
    assert proof(challenge, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ") == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", qop=auth, nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", '
        'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", algorithm=SHA-256, '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )


def test_the_example_of_rfc_7616_is_answered_with_md5_where_nothing_better_is_offered() -> None:
    (challenge,) = challenges(RFC_7616_HEADERS[1:])

    said = proof(challenge, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")

    assert 'response="8ca523f5e9506fed4657c9700eebdbec", algorithm=MD5' in said


def test_the_example_of_rfc_2617_names_no_algorithm_and_gets_none_back() -> None:
    (challenge,) = challenges([RFC_2617])

    said = proof(challenge, password="Circle Of Life", cnonce="0a4f113b")

    assert 'response="6629fae49393a05397450978507c4ef1"' in said
    assert "algorithm" not in said


def test_the_example_of_rfc_2069_with_its_erratum_has_neither_count_nor_cnonce() -> None:
    (challenge,) = challenges([RFC_2617.replace('qop="auth,auth-int", ', "")])

    said = proof(challenge, password="CircleOfLife", cnonce="0a4f113b")

    assert 'response="1949323746fe6a43ef61f9606e7febea"' in said
    assert "nc=" not in said
    assert "cnonce" not in said


def test_a_user_is_hidden_from_who_asks_for_it() -> None:
    (challenge,) = challenges(
        ['Digest realm="api@example.org", algorithm=SHA-256, nonce="n", qop="auth", userhash=true']
    )

    said = proof(challenge, cnonce="c")

    assert "Mufasa" not in said
    assert "userhash=true" in said


def test_a_user_who_is_no_ascii_is_written_as_rfc_5987_says() -> None:
    (challenge,) = challenges(['Digest realm="r", nonce="n", qop="auth", charset=UTF-8'])

    said = answer(challenge, user="Jäsøn Doe", password="x", method="GET", uri="/", count=1, cnonce="c")

    assert "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe," in said  # RFC 7616, 3.9.2
    assert "username=" not in said


def test_a_count_is_eight_hexadecimal_digits() -> None:
    (challenge,) = challenges([RFC_2617])

    said = answer(challenge, user="u", password="p", method="GET", uri="/", count=27, cnonce="c")

    assert "nc=0000001b," in said


def test_basic_is_answered_where_it_is_allowed_and_only_there() -> None:
    found = challenges(['Basic realm="nvr"'])

    assert chosen(found, (DIGEST,)) is None
    challenge = chosen(found, (BASIC,))
    assert challenge is not None
    assert answer(challenge, user="Aladdin", password="open sesame", method="GET", uri="/", count=1, cnonce="") == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, 2
    )


@pytest.mark.parametrize(
    ("header", "schemes"),
    [
        ('Basic realm="a", Digest realm="b", nonce="n"', ["basic", "digest"]),
        ('Digest realm="b", nonce="n", Basic realm="a"', ["digest", "basic"]),
        ('Negotiate, Digest realm="b" nonce="n"', ["negotiate", "digest"]),
        ('NTLM TlRMTVNTUAACAAAA==, digest REALM = "b" ,, Nonce="n"', ["ntlm", "digest"]),
    ],
)
def test_challenges_that_share_a_header_are_told_apart(header: str, schemes: list[str]) -> None:
    found = challenges([header])

    assert [one.scheme for one in found] == schemes
    digest = next(one for one in found if one.scheme == "digest")
    assert (digest.realm, digest.nonce) == ("b", "n")


@pytest.mark.parametrize(
    "header",
    [
        'Digest realm="x"',  # no nonce
        'Digest realm="x", nonce="n", algorithm=SHA-512-256',
        'Digest realm="x", nonce="n", algorithm=MD4',
        'Digest realm="x", nonce="n", qop="auth-int"',
        "Bearer",
        "",
        "=",
        '"',
    ],
)
def test_what_cannot_be_answered_is_not_chosen(header: str) -> None:
    assert chosen(challenges([header]), (DIGEST, BASIC)) is None


def test_quotes_in_a_name_cannot_leave_their_field() -> None:
    (challenge,) = challenges([r'Digest realm="a\"b\\c", nonce="n"'])

    said = answer(challenge, user='x", uri="/y', password="p", method="GET", uri="/", count=1, cnonce="c")

    assert challenge.realm == 'a"b\\c'
    assert r'username="x\", uri=\"/y", realm="a\"b\\c"' in said


def test_a_realm_in_gbk_is_hashed_as_the_bytes_that_came() -> None:
    realm = "登录".encode("gbk")
    header = (b'Digest realm="' + realm + b'", nonce="n"').decode("utf-8", "surrogateescape")

    (challenge,) = challenges([header])

    said = answer(challenge, user="u", password="p", method="GET", uri="/", count=1, cnonce="c")
    assert realm in said.encode("utf-8", "surrogateescape")


@given(st.lists(st.text(max_size=300), max_size=5))
@example(["Digest " + 'a="' * 2000])
@example(["Digest " + "\\" * 8000])
@example(["a " * 4000])
def test_whatever_a_server_writes_is_taken_apart(headers: list[str]) -> None:
    found = challenges(headers)

    assert len(found) <= 16
    best = chosen(found, (DIGEST, BASIC))
    if best is not None:
        said = answer(best, user="u", password="p", method="GET", uri="/", count=1, cnonce="c")
        assert said.startswith(("Digest username", "Basic "))


@given(st.binary(max_size=200))
def test_basic_carries_any_password(raw: bytes) -> None:
    password = raw.decode("latin-1")

    said = answer(Challenge(scheme=BASIC), user="u", password=password, method="GET", uri="/", count=1, cnonce="")

    assert base64.b64decode(said.removeprefix("Basic ")).decode() == f"u:{password}"
