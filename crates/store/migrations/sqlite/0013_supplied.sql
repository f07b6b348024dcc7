-- Whether a grant came with a credential for sync data of the customer's own: then no other one is used for it.

ALTER TABLE grants ADD COLUMN supplied BIGINT NOT NULL DEFAULT 0 CHECK (supplied IN (0, 1));
