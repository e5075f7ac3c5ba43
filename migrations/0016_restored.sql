-- Groups whose state comes from a backup: it is read with, and nothing is written with it, until this node came back as a
-- new leaf (docs/PROTOCOL.md §8.6).
ALTER TABLE mls_group ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;
