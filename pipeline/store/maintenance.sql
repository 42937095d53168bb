-- Maintenance as people set it.

-- name: add
INSERT INTO maintenance (id, name, begins, ends, devices, products, gateways, accounts)
VALUES (%(id)s, %(name)s, %(begins)s, %(ends)s, %(devices)s, %(products)s, %(gateways)s, %(accounts)s);

-- name: list
SELECT id, name, begins, ends, devices, products, gateways, accounts FROM maintenance
WHERE ends > %(since)s ORDER BY begins, id;

-- name: end
-- Those whose id begins so; what has not begun never will.
UPDATE maintenance SET ends = greatest(begins, %(now)s)
WHERE starts_with(id::text, %(prefix)s) AND ends > %(now)s RETURNING id;
