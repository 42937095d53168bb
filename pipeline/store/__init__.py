"""PostgreSQL behind ports: named SQL in files, migrations, the honest fake."""
