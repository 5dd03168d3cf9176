"""The Celery application: jobs that nobody waits for. What runs when stands in settings.CELERY_BEAT_SCHEDULE."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

application = Celery("floodgate")
application.config_from_object("django.conf:settings", namespace="CELERY")
application.autodiscover_tasks()
