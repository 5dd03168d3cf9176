import pytest

from controlplane.log_in.backend import log_in_attempts
from controlplane.log_in.form import NO_ADMINISTRATOR
from tests.tenants.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long password for tests"


def test_staff_with_the_right_password_are_told_that_only_administrators_come_in(client):
    log_in_attempts.cache_clear()
    person = UserFactory.create(is_staff=True)
    person.set_password(PASSWORD)
    person.save()

    right = client.post("/admin/login/", {"username": person.username, "password": PASSWORD})
    wrong = client.post("/admin/login/", {"username": person.username, "password": "wrong"})

    assert NO_ADMINISTRATOR in right.content.decode()
    assert NO_ADMINISTRATOR not in wrong.content.decode()
    assert client.get("/admin/").status_code == 302
