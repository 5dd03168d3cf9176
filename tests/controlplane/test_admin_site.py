import pytest
from django.urls import get_resolver, reverse

from tests.tenants.factories import UserFactory

pytestmark = pytest.mark.django_db
ADMIN = get_resolver("controlplane.urls").namespace_dict["admin"][1].reverse_dict
LISTS = sorted(f"admin:{name}" for name in ADMIN if isinstance(name, str) and name.endswith("_changelist"))


@pytest.mark.parametrize("page", ["admin:index", "admin:password_change", "admin:jsi18n", "admin:search", *LISTS])
@pytest.mark.parametrize("rights", [{}, {"is_staff": True}, {"is_superuser": True}], ids=["none", "staff", "unstaffed"])
def test_who_is_no_administrator_is_sent_to_the_log_in_from_every_page(rights, page, client, redis):
    client.force_login(UserFactory.create(**rights))

    answer = client.get(reverse(page))

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_an_administrator_comes_in(client, root, redis):
    client.force_login(root)

    assert client.get("/admin/").status_code == 200
