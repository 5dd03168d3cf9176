from typing import Any

from django.contrib.auth import forms

class AdminPasswordChangeForm(forms.AdminPasswordChangeForm[Any]): ...
