import pytest

from tasks.providers.registry import PROVIDER_NAMES, load_callbacks, load_provider, load_reader


@pytest.mark.parametrize("name", PROVIDER_NAMES)
def test_what_the_matrix_says_of_asking_and_calling_is_what_there_is(name):
    can, reader, callbacks = load_provider(name).capabilities, load_reader(name), load_callbacks(name)
    assert can.can_poll_status is (reader is not None and reader.can_poll_status)
    assert can.can_look_up is (reader is not None and reader.can_look_up)
    if can.pushes_status:
        assert callbacks is not None
