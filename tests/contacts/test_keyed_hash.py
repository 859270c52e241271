import pytest

from tasks.contacts.keyed_hash import check_value, key_of, keyed_hash

KEY = key_of("k" * 32)


def test_a_hash_depends_on_key_and_address_and_tells_neither():
    hashed = keyed_hash(KEY, "+12135550102")
    assert hashed == keyed_hash(KEY, "+12135550102")
    assert hashed != keyed_hash(KEY, "+12135550103")
    assert hashed != keyed_hash(key_of("l" * 32), "+12135550102")
    assert hashed.startswith("hmac:")
    assert len(hashed) == len("hmac:") + 64


def test_the_value_that_recognises_a_key_is_no_hash_of_an_address():
    assert check_value(KEY) not in {keyed_hash(KEY, address) for address in ("", "rollcall erasure key")}


@pytest.mark.parametrize("text", ["", "k" * 31, " " * 40])
def test_a_short_key_is_refused(text):
    with pytest.raises(ValueError, match="at least 32"):
        key_of(text)
