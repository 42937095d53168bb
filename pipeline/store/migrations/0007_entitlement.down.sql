-- Forgets entitlements with their ledger.
DROP TABLE entitlement_ledger, entitlement, entitlement_template;
