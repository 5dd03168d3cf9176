# One image for every process of Floodgate; docker-compose.yml says which command each runs.
FROM python:3.13.11-slim-trixie AS packages
COPY requirements.txt /
RUN python -m venv /venv \
    && /venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.txt

FROM python:3.13.11-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=packages /venv /venv
WORKDIR /floodgate
COPY manage.py ./
COPY controlplane controlplane
COPY relay relay
COPY tenants tenants
# Static files need the settings, and the settings need secrets: these are made here, used once and forgotten.
RUN python -m compileall -q controlplane relay tenants \
    && python -m controlplane.generate_keys > /tmp/keys \
    && SECRET_KEY="$(sed -n 's/^SECRET_KEY=//p' /tmp/keys)" \
       FLOODGATE_CREDENTIAL_KEYS="$(sed -n 's/^FLOODGATE_CREDENTIAL_KEYS=//p' /tmp/keys)" \
       FLOODGATE_SIGNING_KEY="$(sed -n 's/^FLOODGATE_SIGNING_KEY=//p' /tmp/keys)" \
       DATABASE_URL=sqlite:////tmp/unused.sqlite3 \
       python manage.py collectstatic --no-input --verbosity 0 \
    && rm /tmp/keys
USER 10001:10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "relay", "--host", "0.0.0.0"]
