import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured

from controlplane import environment as parse
from controlplane.environment import Environment
from controlplane.generate_keys import new_credential_key, new_signing_key

SIGNING_KEY = new_signing_key()
PUBLIC_KEY, OTHER_PUBLIC_KEY = parse.public_key_of(SIGNING_KEY), parse.public_key_of(new_signing_key())
ELLIPTIC_KEY = (
    generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)

KEY_OF_NO_KIND = (
    "-----BEGIN PUBLIC KEY-----\nMA0wBgYCKgMFAAMDAKvN\n-----END PUBLIC KEY-----\n"  # its algorithm is 1.2.3
)


def faults(read, variables):
    environment = Environment(variables)
    read(environment)
    with pytest.raises(ImproperlyConfigured) as refusal:
        environment.refuse_faults()
    return str(refusal.value)


def test_a_variable_is_read_without_blanks_around_it():
    assert Environment({"NAME": " value\n"}).text("NAME") == "value"


def test_what_is_empty_counts_as_not_set():
    assert Environment({"NAME": " "}).text("NAME", "default") == "default"


def test_a_variable_may_come_as_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("from the file\n")

    assert Environment({"NAME_FILE": str(path), "NAME": "not this"}).text("NAME") == "from the file"


def test_a_file_that_is_not_there_is_told_by_its_variable():
    assert "NAME_FILE" in faults(lambda environment: environment.text("NAME"), {"NAME_FILE": "/nowhere"})


def test_all_faults_come_in_one_message_with_names_and_never_a_value():
    def read(environment):
        environment.text("FIRST", required=True)
        environment.integer("SECOND", 1, least=1, most=9)
        environment.switch("THIRD")

    message = faults(read, {"SECOND": "canary", "THIRD": "canary"})

    assert all(name in message for name in ("FIRST", "SECOND", "THIRD"))
    assert "canary" not in message


def test_without_a_fault_nothing_is_refused():
    environment = Environment({})
    environment.switch("NAME")

    environment.refuse_faults()


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("9", 9), (" 5 ", 5)])
def test_a_number_may_lie_at_its_bounds(value, number):
    assert Environment({"NAME": value}).integer("NAME", 3, least=1, most=9) == number


@pytest.mark.parametrize("value", ["0", "10", "1.5", "one", "-1", "--1", "1e3", "٣x"])
def test_a_number_beyond_them_is_refused_with_both(value):
    message = faults(lambda environment: environment.integer("NAME", 3, least=1, most=9), {"NAME": value})

    assert "from 1 to 9" in message


@pytest.mark.parametrize(("value", "is_on"), [("true", True), ("1", True), ("ON", True), ("no", False), ("0", False)])
def test_a_switch_takes_the_usual_words(value, is_on):
    assert Environment({"NAME": value}).switch("NAME") is is_on


def test_a_switch_is_off_by_default_and_takes_no_other_word():
    assert Environment({}).switch("NAME") is False
    assert "true or false" in faults(lambda environment: environment.switch("NAME"), {"NAME": "maybe"})


def test_names_are_divided_by_commas():
    assert Environment({"NAME": "a, b,,c "}).names("NAME") == ("a", "b", "c")


@pytest.mark.parametrize("value", ["https://web.example/", "https://web.example"])
def test_an_address_has_no_slash_at_its_end(value):
    assert parse.parse_url("https")(value) == "https://web.example"


@pytest.mark.parametrize("value", ["web.example", "ftp://web.example", "https://", "//web.example"])
def test_what_is_no_address_is_refused_with_the_schemes_allowed(value):
    with pytest.raises(ValueError, match=r"http:// or https://"):
        parse.parse_url("http", "https")(value)


@pytest.mark.parametrize(
    "value", ["redis://one:6379/3", "redis+cluster://:secret@one:6379,two:6379", "rediss+cluster://one/0"]
)
def test_redis_may_be_one_server_or_a_cluster(value):
    assert parse.parse_redis(value) == value


@pytest.mark.parametrize("value", ["redis+cluster://one:6379/3", "redis+cluster://", "cluster://one", "http://one"])
def test_what_leads_to_no_redis_is_refused(value):
    with pytest.raises(ValueError, match=r"redis\+cluster://|a cluster has no databases"):
        parse.parse_redis(value)


def test_networks_may_be_of_either_kind():
    assert [str(network) for network in parse.parse_networks("10.0.0.0/8, ::1")] == ["10.0.0.0/8", "::1/128"]


def test_a_network_with_host_bits_is_refused():
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8"):
        parse.parse_networks("10.0.0.1/8")


def test_ports_are_numbers():
    assert parse.parse_ports("443, 8443") == (443, 8443)


@pytest.mark.parametrize("value", ["0", "65536", "https", "443-445", "-1", "443,,x", ","])
def test_a_port_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="from 1 to 65535"):
        parse.parse_ports(value)


def test_hosts_are_names_and_addresses_in_one_spelling():
    assert parse.parse_hosts("Simulator, 127.0.0.1, [::1], 0::2") == ("simulator", "127.0.0.1", "::1", "::2")


@pytest.mark.parametrize(
    "value", ["*", "*.example", "10.0.0.0/8", "http://host", "host:8100", "127.1", "a..b", "host."]
)
def test_a_host_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"without port or \*"):
        parse.parse_hosts(f"good.example, {value}")


def test_origins_have_one_spelling():
    origins = "https://Pages.example/, https://b.example:443, http://c.example:8080, chrome-extension://abcdefgh"
    address = ", https://[FD00:0:0::05]:8443/"

    assert parse.parse_origins(origins + address) == (
        "https://pages.example",
        "https://b.example",
        "http://c.example:8080",
        "chrome-extension://abcdefgh",
        "https://[fd00::5]:8443",
    )


@pytest.mark.parametrize(
    "value",
    [
        *("*", "pages.example", "https://pages.example/app", "https://*.example", "null", "wss://pages.example"),
        *("https://pages.example:99999", "https://[fd00::5::1]", "https://[::1", "https://b\u00fccher.example"),
    ],
)
def test_an_origin_that_can_never_match_is_refused(value):
    with pytest.raises(ValueError, match=r"such as https://pages\.example"):
        parse.parse_origins(f"https://good.example, {value}")


def test_host_patterns_are_spelled_as_hosts_come():
    assert parse.parse_host_patterns("A.example, .b.example, fd00::5, [::1], 10.0.0.1, *") == (
        "a.example",
        ".b.example",
        "[fd00::5]",
        "[::1]",
        "10.0.0.1",
        "*",
    )


@pytest.mark.parametrize("value", ["https://a.example", "a.example:8000", "a.example/", "*.example", "10.0.0.0/8"])
def test_a_host_pattern_that_can_never_match_is_refused(value):
    with pytest.raises(ValueError, match="without scheme, port or path"):
        parse.parse_host_patterns(f"good.example, {value}")


def test_header_names_are_small_and_none_that_never_goes_on():
    assert parse.parse_header_names("X-Shard, x-team") == ("x-shard", "x-team")
    with pytest.raises(ValueError, match="may go on to a platform"):
        parse.parse_header_names("X-Shard, Cookie")


@pytest.mark.parametrize("kind", ["networks", "ports", "hosts", "credential_keys"])
def test_a_list_of_nothing_is_refused(kind):
    with pytest.raises(ValueError, match="separated by commas"):
        getattr(parse, f"parse_{kind}")(" , ")


def test_postgresql_gets_a_pool_and_sqlite_waits_for_its_writer():
    postgresql = parse.parse_database("postgresql://user:secret@host:5432/name?sslmode=require")
    sqlite = parse.parse_database("sqlite:////srv/floodgate.sqlite3")

    assert postgresql["OPTIONS"]["pool"]
    assert postgresql["OPTIONS"]["sslmode"] == "require"
    assert sqlite["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert sqlite["OPTIONS"]["timeout"] == 5


@pytest.mark.parametrize("value", ["mysql://host/name", "floodgate.sqlite3", ""])
def test_no_other_database_is_taken(value):
    with pytest.raises(ValueError, match="postgresql://"):
        parse.parse_database(value)


def test_several_credential_keys_are_kept_in_order():
    keys = (new_credential_key(), new_credential_key())

    assert parse.parse_credential_keys(",".join(keys)) == keys


@pytest.mark.parametrize("value", ["canary", new_credential_key()[:-2]], ids=["word", "short"])
def test_a_credential_key_that_is_none_is_refused_without_showing_it(value):
    with pytest.raises(ValueError, match="32 random bytes") as refusal:
        parse.parse_credential_keys(value)

    assert value not in str(refusal.value)


def test_a_signing_key_may_come_on_one_line():
    assert parse.parse_signing_key(SIGNING_KEY.replace("\n", "\\n")) == SIGNING_KEY


@pytest.mark.parametrize(
    "value", ["canary", ELLIPTIC_KEY, parse.public_key_of(SIGNING_KEY)], ids=["word", "elliptic", "public"]
)
def test_a_signing_key_is_a_private_rsa_key(value):
    with pytest.raises(ValueError, match="RSA"):
        parse.parse_signing_key(value)


@pytest.mark.parametrize(
    "value", ["canary", SIGNING_KEY, KEY_OF_NO_KIND], ids=["word", "private", "of a kind that nobody knows"]
)
def test_a_verification_key_is_a_public_rsa_key(value):
    with pytest.raises(ValueError, match="RSA"):
        parse.parse_verification_keys(value)


def test_what_stands_around_keys_explains_them_to_people():
    keys = f"\ufeff# der nächste\n{PUBLIC_KEY}# bis März\n{OTHER_PUBLIC_KEY}"

    assert parse.parse_verification_keys(keys) == (PUBLIC_KEY, OTHER_PUBLIC_KEY)
    assert parse.parse_signing_key(f"\ufeffSchlüssel\n{SIGNING_KEY}") == SIGNING_KEY


def test_a_verification_key_that_is_cut_off_is_no_remark():
    with pytest.raises(ValueError, match="RSA"):
        parse.parse_verification_keys(PUBLIC_KEY + OTHER_PUBLIC_KEY[:200])


@pytest.mark.parametrize("between", ["", "\n", "\n\n"], ids=["nothing", "a break", "a line"])
def test_verification_keys_come_one_after_the_other(between):
    keys = PUBLIC_KEY.strip() + between + OTHER_PUBLIC_KEY

    assert parse.parse_verification_keys(keys) == (PUBLIC_KEY, OTHER_PUBLIC_KEY)
    assert parse.parse_verification_keys(keys.replace("\n", "\\n")) == (PUBLIC_KEY, OTHER_PUBLIC_KEY)


def test_the_public_half_of_the_signing_key_is_the_first_that_verifies():
    assert parse.public_keys(SIGNING_KEY, (OTHER_PUBLIC_KEY, PUBLIC_KEY)) == (PUBLIC_KEY, OTHER_PUBLIC_KEY)
    assert parse.public_keys("", (OTHER_PUBLIC_KEY,)) == (OTHER_PUBLIC_KEY,)
    assert parse.public_keys("", ()) == ()
