import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from tenants.actions.people import change_person
from tenants.models.members import User
from tests import people

pytestmark = pytest.mark.django_db
LESS = [{"is_active": False}, {"is_staff": False}, {"is_superuser": False}]


@pytest.mark.parametrize("values", LESS, ids=str)
def test_the_last_administrator_stays_one(values, root):
    User.objects.create(username="off", is_active=False, is_staff=True, is_superuser=True)

    with pytest.raises(ValidationError, match="last administrator"):
        change_person(root, values, acting_user=root)

    root.refresh_from_db()
    assert (root.is_active, root.is_staff, root.is_superuser) == (True, True, True)


@pytest.mark.parametrize("values", LESS, ids=str)
def test_one_of_two_administrators_may_step_down(values, root):
    other = people.administrator("other")

    change_person(root, values, acting_user=root)

    with pytest.raises(ValidationError):
        change_person(other, values, acting_user=other)


def test_who_was_no_administrator_may_be_switched_off_while_there_is_one(root, alice):
    assert not change_person(alice, {"is_active": False}, acting_user=root).is_active


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_demote_each_other_at_once_one_stays(root):
    other = people.administrator("other")
    barrier, refused = threading.Barrier(2), []

    def demote(person, by):
        barrier.wait(10)
        try:
            change_person(person, {"is_superuser": False}, acting_user=by)
        except ValidationError as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in ((root, other), (other, root))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(refused) == 1
    assert User.objects.filter(is_superuser=True).count() == 1
