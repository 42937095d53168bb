-- Forgets who may use the API.
DROP TABLE token;
