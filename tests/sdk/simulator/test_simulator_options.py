"""Options that the command accepts, explains or refuses."""

import pytest
from floodgate_simulator.command_line import main, option_parser
from floodgate_simulator.settings import Settings


def test_without_options_it_is_what_settings_say():
    given = vars(option_parser().parse_args([]))

    assert Settings(**given) == Settings()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tls-key", "key.pem"], "TLS needs both a certificate and a key: give both, or neither."),
        (["--max-message-bytes", "1"], "max_message_bytes is 1, but must be 16777216 or more."),
        (["--connections-per-token", "0"], "connections_per_token is 0, but must be 1 or more."),
        (["--burst", "-1"], "burst is -1, but must be 0 or more."),
        (["--over-limit", "ignore"], "invalid choice"),
        (["--port", "http"], "invalid int value"),
    ],
)
def test_what_cannot_work_stops_the_start_and_says_why(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_names_the_built_in_credentials(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])

    assert stopped.value.code == 0
    assert "demo-access-secret" in capsys.readouterr().out
