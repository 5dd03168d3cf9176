from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close

from relay.protocol.close_codes import LONGEST_REASON_BYTES, CloseCode, close_frame, close_reason
from tests.relay.protocol.wire import parsed


def test_a_reason_is_a_word_and_its_fields():
    assert (
        close_reason("rate_limited", zone="client", retry_after_ms=1800)
        == "rate_limited;zone=client;retry_after_ms=1800"
    )


def test_a_reason_may_be_a_word_alone():
    assert close_reason("drain") == "drain"


def test_codes_of_our_own_tell_whether_to_connect_again():
    again = {CloseCode.RATE_LIMITED, CloseCode.PLATFORM_LOST}
    stop = {CloseCode.TOKEN_REVOKED, CloseCode.SUSPENDED, CloseCode.CHANNEL_FORBIDDEN}

    assert all(4000 <= code < 4500 for code in again)
    assert all(4500 <= code < 5000 for code in stop)


def test_every_code_may_stand_in_a_close_frame():
    ours = [code for code in CloseCode if code >= 4000]
    standard = [code for code in CloseCode if code < 4000]

    assert all(code < 5000 for code in ours)
    assert set(standard) <= {1002, 1009, 1012, 1013}  # RFC 6455, section 7.4.1, and IANA's registry


def test_the_longest_reason_that_fits_is_not_cut():
    assert close_reason("x" * LONGEST_REASON_BYTES) == "x" * 123


def test_one_byte_more_is_cut():
    assert close_reason("x" * (LONGEST_REASON_BYTES + 1)) == "x" * 123


def test_a_reason_is_not_cut_within_a_character():
    assert close_reason("x" * 122 + "é") == "x" * 122


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_reason_always_fits_into_a_close_frame(word, value):
    reason = close_reason(word, zone=value)

    assert len(reason.encode()) <= 123
    assert f"{word};zone={value}".startswith(reason)


@given(st.sampled_from(CloseCode), st.text(st.characters(codec="utf-8"), max_size=200), st.booleans())
def test_a_close_frame_of_ours_is_read_by_others_whatever_its_reason(code, text, masked):
    reason = close_reason(text)

    wire = close_frame(code, reason, masked=masked)

    assert len(wire) <= 2 + 4 + 125
    assert Close.parse(parsed(wire, masked=masked)) == Close(code, reason)
