from django.conf import settings
from django.db import models

class ClientSecretField(models.CharField[str, str]): ...
class TokenChecksumField(models.CharField[str, str]): ...

class AbstractApplication(models.Model):
    CLIENT_CONFIDENTIAL: str
    CLIENT_PUBLIC: str
    GRANT_CLIENT_CREDENTIALS: str
    id = models.UUIDField(primary_key=True)  # the library's is an integer; ours replaces it
    client_id = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)
    redirect_uris = models.TextField()
    client_type = models.CharField(max_length=32)
    authorization_grant_type = models.CharField(max_length=44)
    client_secret = models.CharField(max_length=255)
    hash_client_secret = models.BooleanField()
    name = models.CharField(max_length=255)
    skip_authorization = models.BooleanField()
    created = models.DateTimeField()
    updated = models.DateTimeField()
    algorithm = models.CharField(max_length=5)
    allowed_origins = models.TextField()
    class Meta:
        abstract = True

    def is_usable(self, request: object) -> bool: ...

class AbstractAccessToken(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)
    token = models.TextField()
    token_checksum = models.CharField(max_length=64)
    application = models.ForeignKey("tenants.OAuthClient", null=True, on_delete=models.CASCADE)
    expires = models.DateTimeField()
    scope = models.TextField()
    created = models.DateTimeField()
    updated = models.DateTimeField()
    class Meta:
        abstract = True

    def is_valid(self, scopes: list[str] | None = None) -> bool: ...
    def is_expired(self) -> bool: ...
    def revoke(self) -> None: ...

class AccessToken(AbstractAccessToken): ...
