"""What a form is answered that asked whether to end connections: yes, whatever was changed."""

CHANGED = ("name", "platform", "region", "is_active", "token_url", "socket_url", "scope", "client_id", "client_secret")
YES = {"ends": "on", "asked_for": " ".join(CHANGED)}
