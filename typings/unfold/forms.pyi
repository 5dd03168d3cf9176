from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import forms

class AdminPasswordChangeForm(forms.AdminPasswordChangeForm[Any]): ...
class AuthenticationForm(AdminAuthenticationForm): ...
