import pytest

from relay.store import keys
from relay.store.pool import StoreUnavailable, blocking
from relay.store.telemetry_stream import KEPT, append_record, forget_records, read_on, read_records


def written(count):
    """Put so many records on the stream, numbered from 0, without one call for each."""
    with blocking().pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.xadd(keys.telemetry(), {"record": number})
        pipeline.execute()


def records_after(position, most=1000):
    return [record for _, record in read_records(position, most)]


@pytest.mark.asyncio
async def test_records_come_back_whole_and_in_the_order_in_which_they_went(redis, redis_on_loop):
    for text in ("first", '{"worker":"7-é"}', ""):
        await append_record(redis_on_loop, text.encode())

    assert records_after("0") == ["first", '{"worker":"7-é"}', ""]


def test_an_empty_stream_has_no_records(redis):
    assert read_records("0") == []


def test_reading_goes_on_after_a_position(redis):
    written(5)
    position, _ = read_records("0")[2]

    assert records_after(position) == ["3", "4"]


def test_after_the_last_position_there_is_nothing(redis):
    written(5)
    position, _ = read_records("0")[-1]

    assert read_records(position) == []


def test_no_more_are_read_than_asked_for(redis):
    written(5)

    assert records_after("0", 2) == ["0", "1"]


def test_reading_piece_by_piece_reads_each_once(redis):
    written(25)
    position, read = "0", []

    while piece := read_records(position, 10):
        position = piece[-1][0]
        read += [record for _, record in piece]

    assert read == [str(number) for number in range(25)]


@pytest.mark.asyncio
async def test_the_oldest_records_give_way_beyond_what_is_kept(redis, redis_on_loop):
    written(KEPT + 1000)

    await append_record(redis_on_loop, b"last")

    assert KEPT <= blocking().xlen(keys.telemetry()) < KEPT + 200
    assert records_after("0", KEPT + 200)[-1] == "last"


@pytest.mark.asyncio
async def test_what_is_kept_stays_until_there_is_too_much(redis, redis_on_loop):
    written(KEPT - 1)

    await append_record(redis_on_loop, b"last")

    assert blocking().xlen(keys.telemetry()) == KEPT


@pytest.mark.asyncio
async def test_a_position_whose_record_gave_way_reads_on_from_the_oldest(redis, redis_on_loop):
    await append_record(redis_on_loop, b"given way")
    [(position, _)] = read_records("0")
    await append_record(redis_on_loop, b"first kept")
    blocking().xdel(keys.telemetry(), position)

    assert records_after(position) == ["first kept"]


def placed(*positions):
    """Put records on the stream at these positions, each named by its own."""
    for position in positions:
        blocking().xadd(keys.telemetry(), {"record": position}, id=position)


def test_reading_on_goes_on_where_it_stopped(redis):
    placed("1000-0", "2000-0", "3000-0")

    assert read_on("1000-0", 10) == ([("2000-0", "2000-0"), ("3000-0", "3000-0")], True)


def test_reading_on_reads_no_more_than_asked_for(redis):
    placed("1000-0", "2000-0", "3000-0")

    assert read_on("1000-0", 1) == ([("2000-0", "2000-0")], True)


def test_f8_where_the_record_at_the_position_is_gone_reading_begins_anew(redis):
    placed("1000-0", "3000-0")

    for position in ("0-0", "2000-0", "4000-0"):
        assert read_on(position, 10) == ([("1000-0", "1000-0"), ("3000-0", "3000-0")], False)


def test_f8_an_empty_stream_is_a_new_one(redis):
    assert read_on("1000-0", 10) == ([], False)


def test_the_last_ten_seconds_that_were_rolled_up_stay(redis):
    placed("1000-0", "9999-9", "10000-0", "20000-0")

    assert forget_records("20000-0") == 2
    assert records_after("0") == ["10000-0", "20000-0"]


def test_what_comes_after_the_position_stays(redis):
    placed("1000-0", "2000-0", "900000-0")

    forget_records("2000-0")

    assert records_after("0") == ["1000-0", "2000-0", "900000-0"]


def test_f8_of_a_stream_that_began_anew_nothing_is_forgotten(redis):
    placed("1000-0", "2000-0")

    assert forget_records("50000-0") == 0
    assert records_after("0") == ["1000-0", "2000-0"]


@pytest.mark.asyncio
async def test_f9_records_can_neither_be_appended_nor_read_while_redis_hangs(own_server, redis_on_loop):
    with own_server.frozen():
        with pytest.raises(StoreUnavailable):
            await append_record(redis_on_loop, b"first")
        with pytest.raises(StoreUnavailable):
            read_records("0")
