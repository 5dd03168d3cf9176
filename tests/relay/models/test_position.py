import pytest
from django.db import IntegrityError

from relay.models.position import StreamPosition

pytestmark = pytest.mark.django_db


def test_a_position_begins_before_every_record():
    assert str(StreamPosition.objects.create()) == "0-0"


@pytest.mark.parametrize("row_id", [0, 2])
def test_there_is_one_position(row_id):
    with pytest.raises(IntegrityError):
        StreamPosition.objects.create(pk=row_id)
