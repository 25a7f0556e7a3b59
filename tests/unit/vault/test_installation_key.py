from __future__ import annotations

import base64

import pytest

from orderbridge.vault.keys import InvalidKeyText, installation_key, key_from_text, new_installation_key

KEY = bytes(range(200, 232))
TEXT = base64.urlsafe_b64encode(KEY).decode()


def test_a_new_key_is_read_back_and_never_the_same() -> None:
    texts = {new_installation_key() for _ in range(20)}
    assert len(texts) == 20
    assert {len(installation_key(text)) for text in texts} == {32}


@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip("="), f"  {TEXT}\n"])
def test_padding_and_white_space_do_not_matter(text: str) -> None:
    assert installation_key(text) == KEY


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not set"),
        (" \n", "is not set"),
        ("secretsecret", "holds 9"),
        (TEXT + "AAAA", "not base64url"),
        (base64.urlsafe_b64encode(KEY + b"!").decode(), "holds 33"),
        (base64.b64encode(b"\xff" * 32).decode(), "not base64url"),
        ("sécretsécretsécretsécretsécretsécretsécretséc", "not base64url"),
    ],
)
def test_anything_else_is_an_error_that_names_the_variable_and_hides_the_text(text: str, why: str) -> None:
    with pytest.raises(InvalidKeyText, match=why) as caught:
        key_from_text(text, "ORDERBRIDGE_SOME_KEY")
    assert "ORDERBRIDGE_SOME_KEY" in str(caught.value)
    assert not text.strip() or text.strip() not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
