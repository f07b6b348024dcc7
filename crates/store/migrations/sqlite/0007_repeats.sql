-- A request that is sent again under its key is answered again, and done once.

-- A request that was carried out, by who sent it and the key they gave it. Written in the transaction of what it did;
-- the answer follows, sealed, unless it shows a secret, is too long, or was lost in a crash. Gone after 24 hours.
CREATE TABLE repeats (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (LENGTH(sha256) = 32),
    at BIGINT NOT NULL,
    status BIGINT,
    media_type TEXT,
    answer_sealed BLOB,
    PRIMARY KEY (caller, key),
    CHECK ((status IS NULL) = (answer_sealed IS NULL) AND (status IS NULL) = (media_type IS NULL))
);
CREATE INDEX repeats_at ON repeats (at);
