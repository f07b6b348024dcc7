-- Which of the servers sync data is read from is dialled; none is whichever is the primary.

ALTER TABLE clusters ADD COLUMN sync_member TEXT CHECK (sync_member IS NULL OR sync_servers IS NOT NULL);
