from __future__ import annotations

import pytest

from orderbridge.vault.jwe import PayloadTooLarge
from orderbridge.vault.keys import InvalidKeyText, new_installation_key
from orderbridge.vault.secrets_box import SecretRefused, SecretsBox

REFRESH_TOKEN = "Atzr|IwEBIJ-refresh-token-ü"


def test_a_secret_comes_back_and_its_token_does_not_show_it() -> None:
    box = SecretsBox(new_installation_key())
    token = box.encrypt(REFRESH_TOKEN, purpose="refresh_token:main")
    assert REFRESH_TOKEN not in token
    assert token != box.encrypt(REFRESH_TOKEN, purpose="refresh_token:main")
    assert box.decrypt(token, purpose="refresh_token:main") == REFRESH_TOKEN


def test_another_purpose_another_key_or_a_changed_token_is_refused() -> None:
    box = SecretsBox(new_installation_key())
    token = box.encrypt(REFRESH_TOKEN, purpose="refresh_token:main")
    with pytest.raises(SecretRefused, match="header is not the expected one"):
        box.decrypt(token, purpose="refresh_token:other")
    with pytest.raises(SecretRefused, match="ORDERBRIDGE_SECRETS_KEY"):
        SecretsBox(new_installation_key()).decrypt(token, purpose="refresh_token:main")
    for changed in ("", token[:-5], REFRESH_TOKEN, token + ".", token[:-1] + "é"):
        with pytest.raises(SecretRefused) as caught:
            box.decrypt(changed, purpose="refresh_token:main")
        assert REFRESH_TOKEN not in str(caught.value)


def test_bounds() -> None:
    box = SecretsBox(new_installation_key())
    with pytest.raises(PayloadTooLarge):
        box.encrypt("x" * 20_000, purpose="refresh_token:main")
    for purpose in ("", "x" * 65, "ü"):
        with pytest.raises(ValueError, match="purpose"):
            box.encrypt(REFRESH_TOKEN, purpose=purpose)


def test_its_key_is_checked_at_once_and_hidden() -> None:
    text = new_installation_key()
    assert text not in repr(SecretsBox(text))
    assert repr(SecretsBox(text)) == "SecretsBox(key hidden)"
    with pytest.raises(InvalidKeyText, match="ORDERBRIDGE_SECRETS_KEY"):
        SecretsBox("")
