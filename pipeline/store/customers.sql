-- What rules ask about customers and devices, where one does.

-- name: contacts
SELECT contact.id, contact.external_id, contact.name, contact.fields, account.id, account.external_id, account.name
FROM contact LEFT JOIN account ON account.id = contact.account_id
WHERE contact.id = ANY(%(ids)s::uuid[]);

-- name: accounts
SELECT account.id, account.external_id, account.name, account.fields, parent.id, parent.external_id, parent.name
FROM account LEFT JOIN account AS parent ON parent.id = account.parent_id
WHERE account.id = ANY(%(ids)s::uuid[]);

-- name: devices
SELECT device.id, device.external_id, device.name, account.id, account.external_id, account.name,
    product.external_id, device.gateway, device.warranty_until, device.thresholds, device.fields
FROM device
LEFT JOIN account ON account.id = device.account_id
LEFT JOIN product ON product.id = device.product_id
WHERE device.external_id = ANY(%(names)s::text[]);

-- name: products
-- Each product, then those it is a part of, from the nearest.
WITH RECURSIVE above AS (
    SELECT external_id AS wanted, id, parent_id, 0 AS distance FROM product WHERE external_id = ANY(%(names)s::text[])
    UNION ALL
    SELECT above.wanted, product.id, product.parent_id, above.distance + 1
    FROM above JOIN product ON product.id = above.parent_id
    WHERE above.distance < 100
)
SELECT above.wanted, product.id, product.external_id, product.name, product.thresholds
FROM above JOIN product ON product.id = above.id
ORDER BY above.wanted, above.distance;
