CREATE TABLE IF NOT EXISTS accounts (account_id TEXT PRIMARY KEY, settings TEXT);

CREATE TABLE IF NOT EXISTS documents (order_id TEXT PRIMARY KEY, document TEXT NOT NULL, unsent INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS documents_unsent ON documents (order_id) WHERE unsent > 0;

CREATE TABLE IF NOT EXISTS movements (at TEXT NOT NULL, sku TEXT NOT NULL, order_id TEXT, moved INTEGER NOT NULL, why TEXT);
CREATE INDEX IF NOT EXISTS movements_by_sku ON movements (sku, moved);

-- A hundred lie on the shelf of a product that nobody has counted yet: this is an example.
CREATE VIEW IF NOT EXISTS stock AS SELECT sku, 100 + sum(moved) AS units FROM movements GROUP BY sku;
