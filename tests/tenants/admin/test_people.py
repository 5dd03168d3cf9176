import pytest
from django.urls import reverse

from tenants.models.members import User
from tests.tenants.factories import UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def test_a_new_account_has_no_password_yet(pages):
    pages.post(reverse("admin:tenants_user_add"), {"username": "carol", "email": "carol@example.com"})

    assert not User.objects.get(username="carol").has_usable_password()


def test_a_password_can_be_set_and_is_logged_without_it(told, address, audit_entries):
    person = UserFactory.create(username="carol")

    assert told(address(person, "set-password"), {"password1": PASSWORD, "password2": PASSWORD}) == [
        "carol has a new password."
    ]

    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert PASSWORD not in str([(entry.changes, entry.serialized_data) for entry in audit_entries("password_set")])


@pytest.mark.parametrize(("first", "second"), [("short", "short"), (PASSWORD, "another one"), ("", "")])
def test_a_password_that_will_not_do_is_refused(first, second, pages, address):
    person = UserFactory.create()

    answer = pages.post(address(person, "set-password"), {"password1": first, "password2": second})

    assert answer.context["form"].errors
    person.refresh_from_db()
    assert not person.check_password(first)


def test_rights_are_changed_by_the_action(pages, address, audit_entries):
    person = UserFactory.create(username="carol", email="")

    pages.post(address(person), {"username": "carol", "is_active": "on", "is_staff": "on"})

    assert audit_entries("person_changed")[0].changes == {"is_staff": ["False", "True"]}


def test_no_page_shows_a_hash(pages, address):
    person = UserFactory.create()
    person.set_password(PASSWORD)
    person.save()

    assert person.password.split("$")[-1] not in pages.get(address(person)).content.decode()
